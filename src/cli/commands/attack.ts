import { LAYERS, type Layer } from '../../kernel/abi.ts';
import { attackAsDriver, attackAsRoot, attackAsVmm, type Attack, type Finding, type Stage } from '../attack/stages.ts';
import { type Call, type Command, usageFailure } from '../command.ts';
import { EXIT, Failure } from '../failure.ts';
import type { Io } from '../io.ts';
import { loadSystem } from '../system-file.ts';

const WHAT_COLUMNS = 62;

export const command: Command = {
  name: 'attack',
  usage: 'attack [SYSTEM] [options]',
  summary: 'Attack a system from inside, and see what stops it.',
  options: {
    without: {
      value: 'LAYERS',
      summary: 'leave these layers of the jail away: names with commas, or `all`',
      completes: ['all', ...LAYERS],
    },
    as: {
      value: 'ATTACKER',
      multiple: true,
      summary: 'only as `root`, `vmm` or `driver`',
      completes: ['root', 'vmm', 'driver'],
    },
    json: { summary: 'write one JSON document' },
  },
  details: `
SYSTEM is one with a guest at the console, for example \`vault\`. It is started three times, and attacked from inside: by root
in its guest; by a hostile program in the place of the guest's VMM, which makes any system call, as if it had broken out of V8; by
the same in the place of the console driver. They try to reach the farthest partition (of \`vault\`: the key), other guests, the
kernel process and the host. Each line says what was tried just now, and which layer stopped it: this is concluded from how the
attempt ended, and nothing is assumed. Where an attempt ends the attacker's partition, it is started again for the next one.

Exit status 0: nothing was reached; 1: something was, or it is unclear what stopped an attempt. With --without a layer is left
away, so that one sees what stands behind it, and with \`--without all\` that the attempts are real.

Examples:
  virtsec attack vault
  virtsec attack vault --as vmm --without seccomp`,

  async run(call, io) {
    if (call.words.length > 1) throw usageFailure(command, `one system at a time, not ${call.words.length}`);
    const [name] = call.words;
    const without = layersOf(call);
    const attackers = call.inOrder('as').map(({ value }) => value);
    const wrong = attackers.find((one) => !['root', 'vmm', 'driver'].includes(one));
    if (wrong !== undefined) throw usageFailure(command, `--as: \`${wrong}\` is none of root, vmm, driver`);
    const isMeant = (one: string): boolean => attackers.length === 0 || attackers.includes(one);

    const system = await loadSystem(name === undefined ? {} : { system: name }, io);
    const { guest, description } = system;
    const driver = description.partitions.find(({ terminal }) => terminal);
    const hasConsole = (guestName: string): boolean =>
      description.channels.some(
        ({ as, from, to }) =>
          as === 'uart0' && [from, ...to].includes(guestName) && [from, ...to].includes(driver?.name ?? ''),
      );
    if (guest === undefined || driver === undefined || !hasConsole(guest.name)) {
      throw new Failure(EXIT.usage, 'virtsec attack: this system has no guest at the console', 'virtsec attack vault');
    }
    const isJson = call.has('json');
    const attack: Attack = {
      system,
      guest,
      without,
      tell: (finding) => {
        if (!isJson) io.out(line(finding, io));
      },
    };
    const stages: Stage[] = [];
    const carryOut = async (title: string, work: () => Promise<Stage>): Promise<void> => {
      if (!isJson) io.out(`${stages.length === 0 ? '' : '\n'}${io.paint('out', 'bold', title)}\n`);
      try {
        stages.push(await work());
      } catch (error) {
        throw new Failure(EXIT.internal, `virtsec attack: ${(error as Error).message}`);
      }
    };
    if (isMeant('root')) {
      await carryOut(`Root in the guest ${guest.name}, which boots now`, () => attackAsRoot(attack));
    }
    if (isMeant('vmm')) {
      await carryOut(`Whoever has taken over the VMM of ${guest.name}: any code, any system call`, () =>
        attackAsVmm(attack),
      );
    }
    if (isMeant('driver')) {
      await carryOut(`Whoever has taken over the driver ${driver.name}`, () => attackAsDriver(attack, driver));
    }
    const all = stages.flatMap(({ findings }) => findings);
    const number = (outcome: Outcome): number => all.filter((one) => outcomeOf(one) === outcome).length;
    const count = { tried: all.length, reached: number('reached'), unclear: number('unclear') };
    if (isJson) {
      const document = { schema: 'virtsec.attack/1', system: description.system, without, stages, ...count };
      io.out(`${JSON.stringify(document)}\n`);
    } else io.out(`\n${verdict(count, io)}\n`);
    return count.reached + count.unclear === 0 ? EXIT.ok : EXIT.failed;
  },
};

interface Count {
  readonly tried: number;
  readonly reached: number;
  readonly unclear: number;
}

function layersOf(call: Call): readonly Layer[] {
  const text = call.value('without');
  if (text === undefined) return [];
  if (text === 'all') return LAYERS;
  return text.split(',').map((name) => {
    const layer = LAYERS.find((one) => one === name);
    if (layer === undefined)
      throw usageFailure(command, `--without: \`${name}\` is no layer`, `layers: all, ${LAYERS.join(', ')}`);
    return layer;
  });
}

type Outcome = 'reached' | 'stopped' | 'unclear';
/** What is told apart by nothing that is known here is not called stopped. */
const outcomeOf = ({ reached, by }: Finding): Outcome => (reached ? 'reached' : by.length > 0 ? 'stopped' : 'unclear');

function line(finding: Finding, io: Io): string {
  const outcome = outcomeOf(finding);
  const colour = { reached: 'red', stopped: 'green', unclear: 'yellow' } as const;
  const word = io.paint('out', colour[outcome], outcome === 'reached' ? 'REACHED' : outcome);
  const who = finding.by.length === 0 ? '' : `${io.paint('out', 'bold', finding.by.join(', '))}: `;
  return `  ${word}  ${finding.what.padEnd(WHAT_COLUMNS)}  ${who}${finding.evidence}\n`;
}

function verdict({ tried, reached, unclear }: Count, io: Io): string {
  if (reached > 0) return io.paint('out', 'red', `${reached} of ${tried} attempts reached what they were after.`);
  if (unclear > 0)
    return io.paint('out', 'yellow', `${tried} attempts; of ${unclear} it is unclear what stopped them.`);
  return io.paint('out', 'green', `${tried} attempts, and none of them reached anything.`);
}

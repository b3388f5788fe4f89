import { setTimeout as delay } from 'node:timers/promises';
import { type Command, usageFailure } from '../command.ts';
import { EXIT, Failure } from '../failure.ts';
import { parseTime } from '../../policy/index.ts';
import { readSnapshot, type RunningGuest, runningGuests } from '../statistics-files.ts';
import { ratesOf, statisticsTable } from '../statistics.ts';

const DEFAULT_SECONDS = 2;

export const command: Command = {
  name: 'stats',
  usage: 'stats [GUEST] [options]',
  summary: 'Show what the CPU engine of a running guest does.',
  options: {
    during: { value: 'TIME', summary: `look for so long: 500ms, 10 (seconds); default: ${DEFAULT_SECONDS}` },
    total: { summary: 'since the guest was switched on' },
    json: { summary: 'write one JSON document' },
  },
  details: `
GUEST is a guest of a system that this user runs, \`SYSTEM/GUEST\` where several have one of that name, \`PROCESS/GUEST\` where
several systems have one name (the process that \`virtsec ps\` shows), and may be left out where only one runs. Each guest's VMM writes what it counts once a second; it is the VMM's word.

Instructions a second, the share of them that was interpreted, translated regions and their code, accesses that no TLB
answered, traps, device accesses, and why the engine returned to the VMM: its budget of instructions was spent, the guest
slept (WFI), somebody else wanted the hart, or an SBI call.`,

  async run(call, io) {
    const time = call.value('during');
    const seconds = time === undefined ? DEFAULT_SECONDS : /^\d+(\.\d+)?$/.test(time) ? Number(time) : parseTime(time);
    if (seconds === undefined) throw usageFailure(command, `--during: \`${time}\` is not a time`);
    if (call.words.length > 1) throw usageFailure(command, `one guest at a time, not ${call.words.length}`);
    const { system, guest, pid, file } = choose(call.words[0]);
    const look = (): ReturnType<typeof readSnapshot> => {
      try {
        return readSnapshot(file);
      } catch {
        throw new Failure(EXIT.failed, `${guest} of ${system} has ended`);
      }
    };
    const first = call.has('total') ? undefined : look();
    if (first !== undefined) await delay(seconds * 1000);
    const last = look();
    if (last === undefined) throw new Failure(EXIT.failed, `${guest} of ${system} has not told anything yet`);
    const rates = ratesOf(last, first);
    if (call.has('json')) {
      io.out(
        `${JSON.stringify({ schema: 'virtsec.stats/1', system, guest, pid, seconds: last.seconds, ...rates, total: last.harts })}\n`,
      );
    } else {
      io.out(
        `${guest} of ${system} (process ${pid}), on for ${last.seconds.toFixed(1)} s; shown: ${rates.during.toFixed(1)} s\n`,
      );
      io.out(statisticsTable(rates, last));
    }
    return EXIT.ok;
  },
};

export function choose(name: string | undefined, all: readonly RunningGuest[] = runningGuests()): RunningGuest {
  const named = ({ system, guest, pid }: RunningGuest): string[] => [`${system}/${guest}`, `${pid}/${guest}`];
  const found = all.filter((one) => name === undefined || [one.guest, ...named(one)].includes(name));
  if (found.length === 1) return found[0];
  // Each by a name that only it has.
  const names = all.map(named);
  const list = names.map(([long, sure]) => (names.filter(([other]) => other === long).length === 1 ? long : sure));
  if (all.length === 0) throw new Failure(EXIT.failed, 'no system of yours runs', 'virtsec run SYSTEM starts one');
  throw new Failure(
    EXIT.usage,
    found.length > 0 ? 'several guests run: name one' : `no guest \`${name}\` runs`,
    `running: ${list.join(', ')}`,
  );
}

import { LAYERS } from '../../kernel/abi.ts';
import { encodePlanFile } from '../../kernel/plan-file.ts';
import { whyNotProved } from '../../kernel/proved-core.ts';
import { isSignedBy } from '../../kernel/plan-signature.ts';
import { compileSystem, parseSize, parseTime, type TerminalChoice } from '../../policy/index.ts';
import { MAX_HARTS, MEMORY_RANGE } from '../../policy/expand-partition.ts';
import { placeIn } from '../application-file.ts';
import { type Call, type Command, usageFailure } from '../command.ts';
import { EXIT, Failure } from '../failure.ts';
import type { Io } from '../io.ts';
import type { Plan } from '../../kernel/plan.ts';
import { isPlanFile, onTerminal, placePlan, type PlacedPlan, readPlanFile, withKey } from '../plan-source.ts';
import { announce, readSnapshot, statisticsFile } from '../statistics-files.ts';
import { ratesOf, statisticsTable } from '../statistics.ts';
import { type Step, unescape } from '../script.ts';
import { runSession } from '../session.ts';
import { type LoadedSystem, type LoadOptions, loadSystem } from '../system-file.ts';
import { isInteractive, openTerminal } from '../terminal.ts';

/** Of a run with --json; more would not fit into one document with good sense. */
const TRANSCRIPT_BYTES = 16 << 20;

export const command: Command = {
  name: 'run',
  usage: 'run [SYSTEM] [options]',
  summary: 'Run a system, at its console or by a script.',
  options: {
    console: { value: 'PARTITION', summary: 'the guest whose console is shown, and that other options speak of' },
    expect: { value: 'RE', multiple: true, summary: 'wait until the console shows the pattern' },
    send: {
      value: 'TEXT',
      multiple: true,
      summary: 'type TEXT and a newline; \\n \\r \\t \\xHH \\\\, and \\c at its end: no newline',
    },
    until: { value: 'RE', summary: 'end the run when, after all steps, the console shows the pattern' },
    timeout: { value: 'TIME', summary: 'end with status 124 after so long: 30 (seconds), 500ms, 2m' },
    'require-jail': {
      value: 'LAYERS',
      summary: 'refuse to run without these layers around every partition: names with commas, or `all`',
      completes: ['all', ...LAYERS],
    },
    'unproved-core': { summary: 'run even if the kernel core here is not the one that was proved (virtsec version)' },
    audit: { value: 'FILE', completes: 'file', summary: 'write the audit log to a new file (virtsec audit verify)' },
    verify: { value: 'KEY', completes: 'file', summary: 'run a compiled plan only if it is signed by this public key' },
    metal: { summary: 'run its image for bare RISC-V (virtsec build) instead' },
    on: {
      value: 'PLACE',
      completes: ['virtsec', 'qemu'],
      summary: 'with --metal: `virtsec` (our own engine, the default) or `qemu`',
    },
    stats: { summary: 'tell at the end what the CPU engine of the guest did' },
    json: { summary: 'write one JSON document: transcript, times, events, exit' },
    append: { value: 'TEXT', summary: "add to the kernel's command line" },
    kernel: { value: 'FILE', completes: 'file', summary: "the guest's kernel: Image, gzip, EFI-zboot or ELF" },
    initrd: { value: 'FILE', completes: 'file', summary: "the guest's initial RAM disk" },
    firmware: { value: 'FILE', completes: 'file', summary: 'M-mode firmware: a file, or `opensbi`' },
    memory: { value: 'SIZE', summary: "the guest's RAM: 256M, 1G" },
    harts: { value: 'N', summary: "the guest's harts, 1 to 8" },
  },
  details: `
SYSTEM is a folder with a system.yaml, a file, or the name of an example (hello). Without it: the current folder, or one
guest of the files that --kernel, --initrd and --firmware name. It may also be a plan that \`virtsec plan\` has compiled: the paths in
it start at its folder, and a file whose hash is not the one in the plan is refused.

On a terminal you are at the guest's console; Ctrl-] opens the menu. With --expect, --send or --until, or when
standard input or output is no terminal, the console is scripted: output goes to standard output, and standard input
(without those options) is typed; its end does not end the run.

A system without a console shows the log of its partitions on standard output, line by line (\`NAME: TEXT\`), and patterns look
at that.

--expect and --send are carried out in the order in which they stand. A --send that is the first step waits until the
guest is ready (the pattern \`ready\` of its description or image). Each --expect looks at what came after the last
match or --send. Patterns are JavaScript's, with ^ and $ at each line; terminal control sequences are taken out first.
The run ends when the guests have ended (without guests: the applications), when --until is seen, or, without --until, when
the last step is an --expect and is met.

Examples:
  virtsec run systems/hello
  virtsec run hello --send 'uname -a' --expect riscv64 --timeout 60
  virtsec run --kernel Image --initrd initrd.img --append 'console=ttyS0 quiet' --memory 512M`,

  async run(call, io) {
    const plainOptions = readOptions(call);
    if (call.has('unproved-core') && whyNotProved() !== undefined) {
      io.note(`${io.paint('note', 'yellow', 'warning')}: this kernel core is NOT the one that was proved\n`);
    }
    const { steps, until, timeout, load } = plainOptions;
    if (call.has('metal')) {
      // The compiler and the engine, which nothing else here needs: a tenth of a second.
      const { runOnMetal } = await import('../bare-run.ts');
      return await runOnMetal(command, call, io, { timeout, steps, ...(until === undefined ? {} : { until }) });
    }
    if (call.has('on')) throw usageFailure(command, '--on goes with --metal');
    const audit = call.value('audit');
    const required = requiredLayers(call.value('require-jail'));
    const placed = await compiledPlan(call, load, io);
    const system = placed === undefined ? await loadSystem(load, io) : undefined;
    const { ready } = placed ?? system!;
    const { partitions } = placed?.plan ?? system!.description;
    const hasConsole = partitions.some(({ terminal }) => terminal);
    if (!hasConsole && steps.some(({ kind }) => kind === 'send')) {
      throw usageFailure(command, '--send: this system has no console to type at');
    }
    // What has no console needs no terminal: its log is its output.
    const isScripted = steps.length > 0 || until !== undefined || call.has('json') || !hasConsole || !isInteractive();
    const takesStdin = isScripted && hasConsole && steps.length === 0 && until === undefined;
    const raw = isScripted ? undefined : openTerminal();
    let leave: (() => void) | undefined;
    try {
      const { rows = 0, columns = 0 } = raw ?? {};
      const compiled =
        placed === undefined ? compileFor(system!, { rows, columns }) : onTerminal(placed, { rows, columns });
      const announced = announce(compiled.plan);
      leave = announced.leave;
      const { plan } = announced;
      const outcome = await runSession(
        { plan, file: encodePlanFile(compiled.words, plan) },
        {
          script: {
            steps,
            ...(ready === undefined ? {} : { ready: new RegExp(ready, 'm') }),
            ...(until === undefined ? {} : { until }),
          },
          ...(timeout === undefined ? {} : { timeout }),
          ...(audit === undefined ? {} : { audit }),
          kernelArguments: [
            ...required.flatMap((layer) => ['--require-layer', layer]),
            ...(call.has('unproved-core') ? ['--unproved-core'] : []),
          ],
          ...(raw === undefined ? {} : { raw }),
          ...(takesStdin ? { stdin: process.stdin } : {}),
          ...(call.has('json')
            ? { transcriptBytes: TRANSCRIPT_BYTES }
            : { echo: (bytes) => void process.stdout.write(bytes) }),
        },
        io,
      );
      report(call, io, plan.system, outcome);
      const guest = placed?.guest ?? system?.guest?.name;
      if (call.has('stats')) tellStatistics(io, plan, guest);
      return outcome.status;
    } finally {
      leave?.();
      raw?.restore();
    }
  },
};

function compileFor({ description, boot, guest, folder }: LoadedSystem, { rows, columns }: TerminalChoice) {
  const all = new Map(boot);
  // A serial line has no window size. Linux hands words of its command line that it does not know to init as variables, and
  // these two are what programs look at.
  if (guest !== undefined && rows > 0 && columns > 0) {
    const files = all.get(guest.name)!;
    all.set(guest.name, { ...files, cmdline: `${files.cmdline} LINES=${rows} COLUMNS=${columns}`.trim() });
  }
  const shown = guest === undefined ? {} : { console: guest.name };
  return compileSystem(description, all, { ...shown, rows, columns }, { place: placeIn(folder) });
}

/** The plan that is to be run, if it is one that `virtsec plan` has compiled. */
async function compiledPlan(call: Call, load: LoadOptions, io: Io): Promise<PlacedPlan | undefined> {
  const { system, guest, ...changes } = load;
  const key = call.value('verify');
  if (system === undefined || !isPlanFile(system)) {
    if (key !== undefined) throw usageFailure(command, '--verify is for a plan that `virtsec plan` has compiled');
    return undefined;
  }
  const [change] = Object.keys(changes);
  if (change !== undefined) throw usageFailure(command, `a compiled plan runs as it is: no --${change}`);
  const loaded = readPlanFile(system);
  if (key !== undefined && !withKey('run', key, (pem) => isSignedBy(loaded, pem))) {
    throw new Failure(EXIT.failed, `virtsec run: ${system} is not signed by ${key}`);
  }
  return placePlan(system, loaded, guest, io);
}

function tellStatistics(io: Io, plan: Plan, guest = ''): void {
  const file = statisticsFile(plan, guest);
  const snapshot = file === undefined ? undefined : readSnapshot(file);
  if (snapshot === undefined) io.note(`virtsec: ${guest === '' ? 'nobody' : guest} has told no statistics.\n`);
  else io.note(`${guest}, on for ${snapshot.seconds.toFixed(1)} s\n${statisticsTable(ratesOf(snapshot), snapshot)}`);
}

function report(call: Call, io: Io, system: string, outcome: Awaited<ReturnType<typeof runSession>>): void {
  if (call.has('json')) {
    const { status, endsLine: _, ...rest } = outcome;
    io.out(`${JSON.stringify({ schema: 'virtsec.run/1', system, exit: status, ...rest })}\n`);
  }
  if (outcome.message === undefined) return;
  const isBad = outcome.status !== EXIT.ok && outcome.status !== EXIT.interrupted;
  const prefix = io.paint('note', isBad ? 'red' : 'cyan', 'virtsec:');
  io.note(`${outcome.endsLine ? '' : '\n'}${prefix} ${outcome.message}\n`);
}

function readOptions(call: Call) {
  const number = (option: string, read: (text: string) => number | undefined, what: string): number | undefined => {
    const text = call.value(option);
    const value = text === undefined ? undefined : read(text);
    if (text !== undefined && value === undefined)
      throw usageFailure(command, `--${option}: \`${text}\` is not a ${what}`);
    return value;
  };
  if (call.words.length > 1) throw usageFailure(command, `one system at a time, not ${call.words.length}`);
  const memory = number('memory', (text) => inRange(parseSize(text), MEMORY_RANGE), 'size from 16M to 2G');
  const harts = number(
    'harts',
    (text) => inRange(/^\d+$/.test(text) ? Number(text) : undefined, [1, MAX_HARTS]),
    `number from 1 to ${MAX_HARTS}`,
  );
  const timeout = number('timeout', (text) => (/^\d+(\.\d+)?$/.test(text) ? Number(text) : parseTime(text)), 'time');
  const steps = call.inOrder('expect', 'send').map(({ option, value }): Step => {
    if (option === 'expect') return { kind: 'expect', pattern: pattern('expect', value) };
    return { kind: 'send', text: typed(value) };
  });
  const until = call.value('until');
  const given = <K extends string>(name: K): Partial<Record<K, string>> => {
    const value = call.value(name);
    return value === undefined ? {} : ({ [name]: value } as Record<K, string>);
  };
  const [system] = call.words;
  const guest = call.value('console');
  return {
    steps,
    until: until === undefined ? undefined : pattern('until', until),
    timeout,
    load: {
      ...(system === undefined ? {} : { system }),
      ...(guest === undefined ? {} : { guest }),
      ...given('kernel'),
      ...given('initrd'),
      ...given('firmware'),
      ...given('append'),
      ...(memory === undefined ? {} : { memory }),
      ...(harts === undefined ? {} : { harts }),
    },
  };
}

function requiredLayers(text: string | undefined): readonly string[] {
  if (text === undefined) return [];
  if (text === 'all') return LAYERS;
  const layers = text.split(',');
  const wrong = layers.find((layer) => !(LAYERS as readonly string[]).includes(layer));
  if (wrong !== undefined) {
    throw usageFailure(command, `--require-jail: \`${wrong}\` is no layer`, `layers: all, ${LAYERS.join(', ')}`);
  }
  return layers;
}

const inRange = (value: number | undefined, [least, most]: readonly [number, number]): number | undefined =>
  value !== undefined && value >= least && value <= most ? value : undefined;

function pattern(option: string, text: string): RegExp {
  try {
    return new RegExp(text, 'm');
  } catch (error) {
    throw usageFailure(command, `--${option}: ${(error as Error).message}`);
  }
}

/** What --send types: as Latin-1, a character for each byte. */
function typed(text: string): string {
  const isOpen = /(^|[^\\])(\\\\)*\\c$/.test(text);
  try {
    const bytes = unescape(Buffer.from(isOpen ? text.slice(0, -2) : text, 'utf8').toString('latin1'));
    return isOpen ? bytes : `${bytes}\n`;
  } catch (error) {
    throw usageFailure(
      command,
      `--send: ${(error as Error).message}`,
      'escapes: \\n \\r \\t \\xHH \\\\, and \\c at the end',
    );
  }
}

// The `virtsec` command: finds the command that is meant, and turns what it throws into messages and exit statuses.
import { Socket } from 'node:net';
import { nearest } from '../policy/nearest.ts';
import { harmless } from '../policy/source.ts';
import { type Command, helpText, parseCall } from './command.ts';
import { EXIT, Failure } from './failure.ts';
import { type Io, processIo } from './io.ts';
import { versionText } from './version.ts';

/** Loaded when they are asked for: `version` need not read what `run` needs. */
const COMMANDS: Readonly<Record<string, () => Promise<{ readonly command: Command }>>> = {
  new: () => import('./commands/new.ts'),
  test: () => import('./commands/test.ts'),
  run: () => import('./commands/run.ts'),
  check: () => import('./commands/check.ts'),
  stats: () => import('./commands/stats.ts'),
  plan: () => import('./commands/plan.ts'),
  attack: () => import('./commands/attack.ts'),
  build: () => import('./commands/build.ts'),
  key: () => import('./commands/key.ts'),
  ps: () => import('./commands/ps.ts'),
  inspect: () => import('./commands/inspect.ts'),
  start: () => import('./commands/start.ts'),
  stop: () => import('./commands/stop.ts'),
  restart: () => import('./commands/restart.ts'),
  logs: () => import('./commands/logs.ts'),
  top: () => import('./commands/top.ts'),
  events: () => import('./commands/events.ts'),
  audit: () => import('./commands/audit.ts'),
  image: () => import('./commands/image.ts'),
  doctor: () => import('./commands/doctor.ts'),
  version: () => import('./commands/version.ts'),
  completion: () => import('./commands/completion.ts'),
};

export const loadCommands = (): Promise<Command[]> =>
  Promise.all(Object.values(COMMANDS).map(async (load) => (await load()).command));

/** Carries one command line out and ends the process with its status. */
export async function main(args: readonly string[]): Promise<never> {
  watchLauncher();
  hideExperimentalWarnings();
  // A reader that is gone (`| head`) wants no more; what this process has started dies with it.
  process.stdout.on('error', () => process.exit(EXIT.interrupted));
  process.stderr.on('error', () => {});
  const io = processIo();
  process.exit(await execute(args, io));
}

/** The exit status of one command line. */
export async function execute(args: readonly string[], io: Io): Promise<number> {
  try {
    const [first, ...rest] = args;
    if (first === undefined || first === '--help' || first === '-h') {
      io.out(await overview());
      return first === undefined ? EXIT.usage : EXIT.ok;
    }
    if (first === '--version' || first === '-V') {
      io.out(`${versionText()}\n`);
      return EXIT.ok;
    }
    if (first === 'help') {
      io.out(rest[0] === undefined ? await overview() : helpText(await find(rest[0])));
      return EXIT.ok;
    }
    const command = await find(first);
    const call = parseCall(command, rest);
    if (call.has('help')) {
      io.out(helpText(command));
      return EXIT.ok;
    }
    return await command.run(call, io);
  } catch (error) {
    return report(error, io);
  }
}

async function find(name: string): Promise<Command> {
  const load = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (load !== undefined) return (await load()).command;
  const meant = nearest(name, [...Object.keys(COMMANDS), 'help']);
  throw new Failure(
    EXIT.usage,
    `virtsec: there is no command \`${name}\``,
    meant === undefined ? `commands: ${Object.keys(COMMANDS).join(', ')}` : `did you mean \`virtsec ${meant}\`?`,
  );
}

async function overview(): Promise<string> {
  const rows = (await loadCommands()).map((command) => `  ${command.name.padEnd(12)}${command.summary}`);
  return [
    'Usage: virtsec COMMAND [options]',
    '',
    'Commands:',
    ...rows,
    '',
    '`virtsec help COMMAND` or `virtsec COMMAND --help` says more.',
    'Exit status: 0 done and held, 1 what was asked to hold does not, 2 wrong usage or input,',
    '124 time-out, 130 interrupted, 70 a fault of Virtsec itself.',
    '',
  ].join('\n');
}

function report(error: unknown, io: Io): number {
  if (error instanceof Failure) {
    // It may quote a file, a server or another program.
    io.note(`${io.paint('note', 'red', harmless(error.message))}\n`);
    if (error.help !== undefined) io.note(`help: ${harmless(error.help)}\n`);
    return error.status;
  }
  io.note(
    [
      io.paint('note', 'red', 'virtsec: this is a fault of Virtsec itself.'),
      'Please report these lines and what you did:',
      versionText(),
      error instanceof Error ? (error.stack ?? error.message) : String(error),
      '',
    ].join('\n'),
  );
  return EXIT.internal;
}

/** Node says of features that Virtsec uses on purpose that they may change: nothing that its user can act on. */
function hideExperimentalWarnings(): void {
  process.removeAllListeners('warning');
  process.on('warning', (warning) => {
    if (warning.name !== 'ExperimentalWarning') process.stderr.write(`${warning.name}: ${warning.message}\n`);
  });
}

/** Ends as on SIGTERM when the launcher (bin/launch.js) that started this process is gone. */
function watchLauncher(): void {
  const launcher = process.env['VIRTSEC_LAUNCHER'];
  delete process.env['VIRTSEC_LAUNCHER'];
  if (launcher !== String(process.ppid)) return;
  const lifeline = new Socket({ fd: 3, readable: true, writable: false });
  lifeline.on('error', () => {}); // an end by reset is an end: `close` follows
  lifeline.on('close', () => process.kill(process.pid, 'SIGTERM'));
  lifeline.resume();
  lifeline.unref();
}

// What the commands that speak to a running system have in common: which one is meant, and asking it.
import { type Call, type Command, type Option, usageFailure } from './command.ts';
import { EXIT, Failure } from './failure.ts';
import type { Io } from './io.ts';
import { type Answer, type Request, type RunningSystem, ask, runningSystems } from './management.ts';
import type { PartitionView, SystemSummary } from './system-view.ts';

export const SYSTEM_OPTION: Readonly<Record<string, Option>> = {
  system: { value: 'NAME', summary: 'the running system, by name or process id; default: the only one' },
};

/** The system that --system names, or the only one. Throws a Failure. */
export function chooseSystem(command: string, call: Call, io: Io): RunningSystem {
  const all = runningSystems(io.env);
  const named = call.value('system');
  const meant = named === undefined ? all : all.filter(({ name, pid }) => name === named || String(pid) === named);
  if (meant.length === 1) return meant[0];
  const list = all.map(({ name, pid }) => `${name} (${pid})`).join(', ');
  const what =
    meant.length > 1
      ? 'more than one system is meant'
      : named === undefined
        ? 'no system runs'
        : `\`${named}\` does not run`;
  throw new Failure(
    EXIT.usage,
    `virtsec ${command}: ${what}`,
    all.length === 0 ? 'virtsec run SYSTEM starts one' : `name one by --system, with its name or process id: ${list}`,
  );
}

/** The lines of the answer. Throws a Failure with what the system says against it. */
export async function askSystem(
  command: string,
  system: RunningSystem,
  request: Request,
  take?: (answer: Answer) => void,
): Promise<Answer[]> {
  const answers: Answer[] = [];
  try {
    await ask(system.socket, request, take ?? ((answer) => void answers.push(answer)));
  } catch (error) {
    throw new Failure(EXIT.failed, `virtsec ${command}: ${system.name}: ${(error as Error).message}`);
  }
  return answers;
}

export async function summaryOf(command: string, system: RunningSystem): Promise<SystemSummary> {
  const [answer] = await askSystem(command, system, { do: 'ps' });
  return answer as unknown as SystemSummary;
}

/** `start`, `stop`, `restart`: done in the name of the plan's operator. */
export function managementCommand(
  what: 'start' | 'stop' | 'restart',
  summary: string,
  details: string,
  otherwise?: (call: Call, io: Io) => Promise<number>,
): Command {
  const command: Command = {
    name: what,
    usage: `${what} ${otherwise === undefined ? 'PARTITION' : '[PARTITION]'} [options]`,
    summary,
    options: SYSTEM_OPTION,
    details: `${details}

The plan decides whether that may be: a partition \`NAME: { app: virtsec/operator, may: { manage: [...] } }\` stands for
whoever runs the command, and the kernel makes the call in its name. Only the user that runs the system can reach its socket.`,
    async run(call, io) {
      const [partition] = call.words;
      if (call.words.length > 1) throw usageFailure(command, 'one partition at a time');
      if (partition === undefined) {
        if (otherwise === undefined) throw usageFailure(command, 'which partition?');
        return otherwise(call, io);
      }
      await askSystem(what, chooseSystem(what, call, io), { do: what, partition });
      return EXIT.ok;
    },
  };
  return command;
}

/** 1.5 MB, 23 KB. */
export function bytesText(bytes: number): string {
  const units = ['B', 'KB', 'MB', 'GB'];
  let unit = 0;
  let value = bytes;
  for (; value >= 1000 && unit < units.length - 1; unit++) value /= 1000;
  return `${value < 10 && unit > 0 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`;
}

/** A table with columns as wide as their widest cell. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = rows[0].map((_, i) => Math.max(...rows.map((row) => row[i].length)));
  return `${rows
    .map((row) =>
      row
        .map((cell, i) => cell.padEnd(widths[i]))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')}\n`;
}

export const stateText = ({ state, ended }: PartitionView): string =>
  ended !== undefined && state !== 'running' ? `${state} (${ended})` : state;

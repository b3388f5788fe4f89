import { setTimeout as sleep } from 'node:timers/promises';
import { type Command, usageFailure } from '../command.ts';
import { EXIT } from '../failure.ts';
import { SYSTEM_OPTION, bytesText, chooseSystem, stateText, summaryOf, table } from '../running.ts';
import type { SystemSummary, WindowsView } from '../system-view.ts';

const INTERVAL_MS = 1000;
const CLEAR = '\x1b[H\x1b[J';

export const command: Command = {
  name: 'top',
  usage: 'top [options]',
  summary: 'Show what each partition of a running system takes, once a second.',
  options: {
    ...SYSTEM_OPTION,
    times: { value: 'N', summary: 'end after so many looks' },
    json: { summary: 'write a line of JSON for each look' },
  },

  async run(call, io) {
    const times = call.value('times');
    if (times !== undefined && !/^[1-9]\d{0,5}$/.test(times)) throw usageFailure(command, '--times takes a number');
    const system = chooseSystem('top', call, io);
    const isTerminal = process.stdout.isTTY && !call.has('json');
    let before = await summaryOf('top', system);
    for (let look = 0; look < Number(times ?? Infinity); look++) {
      await sleep(INTERVAL_MS);
      const now = await summaryOf('top', system);
      if (call.has('json')) io.out(`${JSON.stringify({ schema: 'virtsec.top/1', ...withShares(before, now) })}\n`);
      else io.out(`${isTerminal ? CLEAR : ''}${show(before, now)}`);
      before = now;
    }
    return EXIT.ok;
  },
};

/** Of one processor core, in percent, between two looks. */
function withShares(before: SystemSummary, now: SystemSummary) {
  const ms = (now.seconds - before.seconds) * 1000;
  const partitions = now.partitions.map((p) => {
    const earlier = before.partitions.find((other) => other.name === p.name && other.pid === p.pid);
    const spent = (p.cpuMs ?? 0) - (earlier?.cpuMs ?? 0);
    return { ...p, cpuPercent: ms > 0 ? Math.round((1000 * spent) / ms) / 10 : 0 };
  });
  const { windows } = now;
  return {
    ...now,
    partitions,
    ...(windows === undefined
      ? {}
      : { windows: { ...windows, p50Micros: quantile(windows, 0.5), p99Micros: quantile(windows, 0.99) } }),
  };
}

function show(before: SystemSummary, now: SystemSummary): string {
  const { system, pid, seconds, partitions, windows } = withShares(before, now);
  const rows = partitions.map((p) => [
    p.name,
    stateText(p),
    `${p.cpuPercent} %`,
    p.plannedPercent === undefined ? '-' : `${p.plannedPercent} %`,
    p.memoryBytes === undefined ? '-' : bytesText(p.memoryBytes),
    String(Math.max(0, p.starts - 1)),
    String(p.faults),
    String(p.denied),
  ]);
  const head = ['PARTITION', 'STATE', 'CPU', 'PLAN', 'MEMORY', 'RESTARTS', 'FAULTS', 'DENIED'];
  return `${system}  pid ${pid}, ${Math.round(seconds)} s\n${table([head, ...rows])}${windowsText(windows)}`;
}

/** Microseconds, a power of two, below which so many of the windows began late. */
function quantile({ windows, late }: WindowsView, share: number): number {
  let left = windows * share;
  const bucket = late.findIndex((n) => (left -= n) <= 0);
  return 2 ** Math.max(0, bucket);
}

/** How late windows begin, of all since the start. */
function windowsText(view: WindowsView | undefined): string {
  if (view === undefined) return '';
  const { windows, missed, maxMicros, bestEffort } = view;
  const kind = bestEffort === undefined ? 'real-time' : `best effort (${bestEffort})`;
  const begins = `late: half under ${quantile(view, 0.5)} us, 99 % under ${quantile(view, 0.99)} us, at most ${maxMicros} us; ${missed} missed`;
  return `windows: ${kind}; ${windows} so far${windows === 0 ? '' : `, ${begins}`}\n`;
}

// Whether the windows of the schedule give each partition the time that it needs, and each call and sampling port the
// time that it is bounded by.
import { type Description, type Mode, partitionNamed, type Window } from '../description.ts';
import { formatTime } from '../quantities.ts';
import type { Fault } from '../source.ts';
import type { Validator } from '../validators/validator.ts';

/** Microseconds of a core's major frame that belong to windows. */
export const usedTime = (windows: readonly Window[]): number =>
  windows.reduce((sum, { start, end }) => sum + Math.max(0, end - start), 0);

/** Windows of a partition on all cores, by their start. */
export const windowsIn = (mode: Mode, partition: string): Window[] =>
  [...mode.cores.values()]
    .flat()
    .filter((window) => window.partition === partition && window.start < window.end)
    .toSorted((a, b) => a.start - b.start);

/** The least time that the windows give in a period which begins with the frame; microseconds. */
export function leastSupply(mode: Mode, partition: string, every: number): number {
  const windows = windowsIn(mode, partition);
  if (every >= mode.frame) return usedTime(windows) * Math.floor(every / mode.frame);
  let least = Infinity;
  for (let from = 0; from + every <= mode.frame; from += every) {
    const supply = windows.reduce(
      (sum, { start, end }) => sum + Math.max(0, Math.min(end, from + every) - Math.max(start, from)),
      0,
    );
    least = Math.min(least, supply);
  }
  return least;
}

/**
 * How long a message that `from` sends at any moment of its own windows waits until `to` runs, at the most;
 * microseconds. Undefined: one of the two has no window in this mode, and there is no bound.
 */
export function longestWait(mode: Mode, from: string, to: string): number | undefined {
  const [senders, receivers] = [windowsIn(mode, from), windowsIn(mode, to)];
  if (senders.length === 0 || receivers.length === 0) return undefined;
  // The worst moment is a sender's first, or one at which the receiver has just stopped.
  const moments = [
    ...senders.map(({ start }) => start),
    ...receivers.map(({ end }) => end).filter((end) => senders.some((one) => one.start <= end && end < one.end)),
  ];
  return Math.max(...moments.map((moment) => nextRun(mode, receivers, moment) - moment));
}

function nextRun(mode: Mode, windows: readonly Window[], moment: number): number {
  if (windows.some(({ start, end }) => start <= moment && moment < end)) return moment;
  const next = windows.find(({ start }) => start >= moment);
  return next === undefined ? mode.frame + windows[0].start : next.start;
}

/** The longest time from the start of one of a partition's windows to that of its next; undefined: it has none. */
export function longestGap(mode: Mode, partition: string): number | undefined {
  const starts = windowsIn(mode, partition).map(({ start }) => start);
  if (starts.length === 0) return undefined;
  return Math.max(...starts.map((start, i) => (starts[i + 1] ?? mode.frame + starts[0]) - start));
}

/** VS506: In each mode in which it runs, the windows of a partition give it the time that it needs. */
export function needsAreMet({ partitions, modes }: Description): Fault[] {
  return partitions.flatMap(({ name, needs, at }): Fault[] => {
    if (needs === undefined || modes.length === 0) return [];
    const wanted = `\`${name}\` needs ${formatTime(needs.time)} every ${formatTime(needs.every)}`;
    const scheduled = modes.filter((mode) => windowsIn(mode, name).length > 0);
    if (scheduled.length === 0) {
      const sentence = `${wanted} and has no window in any mode`;
      return [{ code: 'VS506', at: at['needs'], sentence, help: 'give it a window' }];
    }
    const short = scheduled.find((mode) => leastSupply(mode, name, needs.every) < needs.time);
    if (short === undefined) return [];
    const supply = formatTime(leastSupply(short, name, needs.every));
    const path = windowsIn(short, name).map((window) => ({
      at: window.spanAt,
      sentence: `its window in mode \`${short.name}\`: ${formatTime(window.start)} to ${formatTime(window.end)}`,
    }));
    const sentence = `${wanted}, and mode \`${short.name}\` gives it ${supply} in one of its periods`;
    return [{ code: 'VS506', at: at['needs'], sentence, path, help: 'give it longer or more windows' }];
  });
}

/** VS507: The server of a call runs before the time is over that its client may wait. */
export function callsAreInTime({ channels, modes }: Description): Fault[] {
  return channels.flatMap((channel): Fault[] => {
    const { within, from, to, at } = channel;
    if (within === undefined) return [];
    const late = modes.find((mode) => (longestWait(mode, from, to[0]) ?? 0) >= within);
    if (late === undefined) return [];
    const wait = formatTime(longestWait(late, from, to[0])!);
    const path = windowsIn(late, to[0]).map((window) => ({
      at: window.spanAt,
      sentence: `\`${to[0]}\` runs from ${formatTime(window.start)} to ${formatTime(window.end)} of ${formatTime(late.frame)}`,
    }));
    const sentence = `call \`${channel.name}\` waits up to ${wait} in mode \`${late.name}\` until \`${to[0]}\` runs, and may wait ${formatTime(within)}`;
    const help = 'move the windows of the two nearer to each other, or allow more time';
    return [{ code: 'VS507', at: at['within'], sentence, path, help }];
  });
}

/** VS508: The writer of a sampling port has a window in each refresh period, or its value grows stale. */
export function valuesAreFresh({ channels, modes }: Description): Fault[] {
  return channels.flatMap(({ name, refresh, from, at }): Fault[] => {
    if (refresh === undefined) return [];
    const late = modes.find((mode) => (longestGap(mode, from) ?? 0) > refresh);
    if (late === undefined) return [];
    const gap = formatTime(longestGap(late, from)!);
    const sentence = `\`${from}\` runs every ${gap} in mode \`${late.name}\`, and \`${name}\` is stale after ${formatTime(refresh)}`;
    return [
      { code: 'VS508', at: at['refresh'], sentence, help: 'give the writer more windows, or a longer `refresh`' },
    ];
  });
}

/** VS509: A partition without a window in any mode finds time that the windows of some core leave. */
export function nobodyStarves({ partitions, modes }: Description): Fault[] {
  const isFull = (mode: Mode): boolean => [...mode.cores.values()].every((core) => usedTime(core) >= mode.frame);
  if (modes.length === 0 || !modes.every(isFull)) return [];
  return partitions
    .filter(({ name }) => modes.every((mode) => windowsIn(mode, name).length === 0))
    .map(({ name, at }) => ({
      code: 'VS509',
      at: at['name'],
      sentence: `\`${name}\` has no window, and the windows of the others leave no time on any core: it never runs`,
      help: 'give it a window, or leave time in a frame',
    }));
}

export const SCHEDULABILITY: readonly Validator[] = [needsAreMet, callsAreInTime, valuesAreFresh, nobodyStarves];

/** Bounds that the schedule cannot give because a partition has no window; sentences. */
export function unbounded(description: Description): string[] {
  const { modes, channels } = description;
  return modes.flatMap((mode) =>
    channels.flatMap(({ kind, name, from, to }): string[] => {
      if (kind !== 'call' && kind !== 'sampling') return [];
      const missing = (kind === 'call' ? [from, to[0]] : [from]).filter((end) => windowsIn(mode, end).length === 0);
      if (missing.length === 0 || missing.some((end) => partitionNamed(description, end) === undefined)) return [];
      return [
        `${kind} \`${name}\` has no bound in mode \`${mode.name}\`: ${missing.join(' and ')} ${missing.length === 1 ? 'has' : 'have'} no window`,
      ];
    }),
  );
}

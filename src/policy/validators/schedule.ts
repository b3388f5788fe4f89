// The schedule: windows of partitions in the major frame of each mode.
import { MAX_MODES, MAX_WINDOWS } from '../../kernel/core/core.ts';
import { TICK } from '../../kernel/plan.ts';
import { type Description, type Mode, type Window } from '../description.ts';
import { formatTime } from '../quantities.ts';
import type { Fault } from '../source.ts';
import { namesHelp } from './validator.ts';

/** Microseconds: the shortest window, and the grain of all times in a frame. */
const SHORTEST = 100;
const GRAIN = TICK;

interface Placed {
  readonly mode: Mode;
  readonly core: number;
  readonly window: Window;
}

const windowsOf = (mode: Mode): Placed[] =>
  [...mode.cores].flatMap(([core, windows]) => windows.map((window) => ({ mode, core, window })));

const allWindows = ({ modes }: Description): Placed[] => modes.flatMap(windowsOf);

const span = ({ start, end }: Window): string => `${formatTime(start)} to ${formatTime(end)}`;

/** VS301: A window belongs to a partition of the description; to one replica, where there are several. */
export function windowsHavePartitions(description: Description): Fault[] {
  const names = description.partitions.map((partition) => partition.name);
  return allWindows(description)
    .filter(({ window }) => !names.includes(window.partition))
    .map(({ window }) => {
      const replica = description.partitions.find((one) => one.replicaOf === window.partition);
      return {
        code: 'VS301',
        at: window.at,
        sentence:
          replica === undefined
            ? `\`${window.partition}\` has a window and is not a partition`
            : `\`${window.partition}\` has replicas, and a window belongs to one of them`,
        help: replica === undefined ? namesHelp(window.partition, names, 'partitions') : `write \`${replica.name}\``,
      };
    });
}

/** VS302: A window lies within the major frame of its mode. */
export function windowsLieInFrame(description: Description): Fault[] {
  return allWindows(description)
    .filter(({ mode, window }) => window.end > mode.frame)
    .map(({ mode, window }) => ({
      code: 'VS302',
      at: window.spanAt,
      sentence: `this window of \`${window.partition}\` ends at ${formatTime(window.end)}, after the frame of mode \`${mode.name}\``,
      help: `the frame ends at ${formatTime(mode.frame)}`,
    }));
}

/** VS303: Windows of one core do not overlap. */
export function windowsDoNotOverlap({ modes }: Description): Fault[] {
  return modes.flatMap((mode) =>
    [...mode.cores].flatMap(([core, windows]) =>
      windows.flatMap((window, i): Fault[] => {
        const other = windows.slice(0, i).find((one) => one.start < window.end && window.start < one.end);
        if (other === undefined || window.start >= window.end) return [];
        const sentence = `this window of \`${window.partition}\` overlaps that of \`${other.partition}\` on core ${core}, ${span(other)}`;
        return [{ code: 'VS303', at: window.spanAt, sentence, help: 'one partition at a time runs on a core' }];
      }),
    ),
  );
}

/** VS304: A window begins before it ends, lasts at least 100us, and its times are multiples of 10us. */
export function windowsHaveLength(description: Description): Fault[] {
  return allWindows(description).flatMap(({ window }): Fault[] => {
    const { start, end } = window;
    if (end - start >= SHORTEST && start % GRAIN === 0 && end % GRAIN === 0) return [];
    const sentence =
      end <= start
        ? `this window of \`${window.partition}\` ends before it begins`
        : end - start < SHORTEST
          ? `this window of \`${window.partition}\` is too short`
          : `this window of \`${window.partition}\` does not lie on a multiple of ${formatTime(GRAIN)}`;
    const help = `a window lasts at least ${formatTime(SHORTEST)}, in steps of ${formatTime(GRAIN)}`;
    return [{ code: 'VS304', at: window.spanAt, sentence, help }];
  });
}

/** VS305: Every mode schedules the same cores. */
export function modesHaveTheSameCores({ modes }: Description): Fault[] {
  const [first, ...others] = modes;
  const cores = (mode: Mode): number[] => [...mode.cores.keys()].toSorted((a, b) => a - b);
  return others.flatMap((mode): Fault[] => {
    if (String(cores(mode)) === String(cores(first))) return [];
    const sentence = `mode \`${mode.name}\` schedules cores ${cores(mode).join(', ')}, and mode \`${first.name}\` cores ${cores(first).join(', ')}`;
    return [{ code: 'VS305', at: mode.at['cores'], sentence, help: 'an idle core is written as `1: []`' }];
  });
}

/** VS306: A partition runs on at most as many cores at once as it has harts. */
export function oneCoreAtATime(description: Description): Fault[] {
  return description.modes.flatMap((mode) => {
    const placed = windowsOf(mode).filter(({ window }) => window.start < window.end);
    return placed.flatMap(({ core, window }, i): Fault[] => {
      const partition = description.partitions.find((one) => one.name === window.partition);
      const others = placed
        .slice(0, i)
        .filter((one) => one.core !== core && one.window.partition === window.partition)
        .filter((one) => one.window.start < window.end && window.start < one.window.end);
      if (partition === undefined || others.length < partition.harts) return [];
      const sentence = `\`${window.partition}\` would run on ${others.length + 1} cores at once with ${partition.harts === 1 ? 'one thread' : `${partition.harts} harts`}`;
      const help = partition.form === 'guest' ? 'give the guest more `harts`, or move the window' : 'move the window';
      return [{ code: 'VS306', at: window.spanAt, sentence, help }];
    });
  });
}

/** VS307: The period of what a partition needs divides the major frame of each mode, or is a multiple of it. */
export function periodsFitFrames({ partitions, modes }: Description): Fault[] {
  return partitions.flatMap((partition) => {
    const every = partition.needs?.every;
    if (every === undefined) return [];
    const mode = modes.find(({ frame }) => frame % every !== 0 && every % frame !== 0);
    if (mode === undefined) return [];
    const sentence = `the period ${formatTime(every)} of \`${partition.name}\` does not fit the frame of ${formatTime(mode.frame)} of mode \`${mode.name}\``;
    return [
      { code: 'VS307', at: partition.at['needs'], sentence, help: 'choose a divisor or a multiple of the frame' },
    ];
  });
}

/** VS308: What a partition needs in a period is not longer than the period. */
export function needsFitPeriods({ partitions }: Description): Fault[] {
  return partitions.flatMap(({ name, needs, at, harts }): Fault[] => {
    if (needs === undefined || needs.time <= needs.every * harts) return [];
    const sentence = `\`${name}\` needs ${formatTime(needs.time)} in ${formatTime(needs.every)}`;
    return [{ code: 'VS308', at: at['needs'], sentence, help: `at most ${formatTime(needs.every * harts)}` }];
  });
}

/** VS309: Cores are numbered from 0 without a gap. */
export function coresHaveNoGap({ modes }: Description): Fault[] {
  return modes.flatMap((mode): Fault[] => {
    const missing = [...mode.cores.keys()].toSorted((a, b) => a - b).findIndex((core, i) => core !== i);
    if (missing < 0) return [];
    const sentence = `mode \`${mode.name}\` has no core ${missing}, and one after it`;
    return [{ code: 'VS309', at: mode.at['cores'], sentence, help: `an idle core is written as \`${missing}: []\`` }];
  });
}

/** Windows of one core in the kernel's table, those of idle time among them. */
function windowsInTable(windows: readonly Window[], frame: number): number {
  let count = 0;
  let time = 0;
  for (const { start, end } of windows.toSorted((a, b) => a.start - b.start)) {
    count += start > time ? 2 : 1;
    time = end;
  }
  return count + (time < frame ? 1 : 0);
}

/** VS311: The windows of all modes and cores, and the idle times between them, are at most 256. */
export function windowsFitTable({ modes }: Description): Fault[] {
  const all = modes.flatMap((mode) => [...mode.cores.values()].map((windows) => ({ mode, windows })));
  let count = 0;
  const first = all.find(({ mode, windows }) => (count += windowsInTable(windows, mode.frame)) > MAX_WINDOWS);
  if (first === undefined) return [];
  const total = all.reduce((sum, { mode, windows }) => sum + windowsInTable(windows, mode.frame), 0);
  const at = first.windows.at(-1)?.at ?? first.mode.at['cores'];
  const sentence = `the schedule has ${total} windows, idle times among them: the kernel's table has ${MAX_WINDOWS} places`;
  return [{ code: 'VS311', at, sentence, help: 'join windows, or remove a mode' }];
}

/** VS312: A schedule has at most 8 modes. */
export function modesFitTable({ modes }: Description): Fault[] {
  const first = modes[MAX_MODES];
  if (first === undefined) return [];
  const sentence = `this is mode ${MAX_MODES + 1} of ${modes.length}: the kernel's table has ${MAX_MODES} places`;
  return [{ code: 'VS312', at: first.at['name'], sentence, help: 'remove a mode' }];
}

/** VS313: A frame is a multiple of 10us, like the times of its windows. */
export function framesHaveGrain({ modes }: Description): Fault[] {
  return modes
    .filter(({ frame }) => frame % GRAIN !== 0)
    .map((mode) => ({
      code: 'VS313',
      at: mode.at['frame'],
      sentence: `the frame of mode \`${mode.name}\` is not a multiple of ${formatTime(GRAIN)}`,
      help: `write ${formatTime(Math.ceil(mode.frame / GRAIN) * GRAIN)}`,
    }));
}

/** VS314: Every mode but the first has a partition that may switch to it. */
export function modesAreReached({ modes, partitions }: Description): Fault[] {
  return modes
    .slice(1)
    .filter((mode) => !partitions.some((partition) => partition.may.switch.includes(mode.name)))
    .map((mode) => ({
      code: 'VS314',
      at: mode.at['name'],
      sentence: `nothing may switch the schedule to mode \`${mode.name}\``,
      help: `give a partition \`may: { switch: [${modes[0].name}, ${mode.name}] }\``,
    }));
}

/** VS315: No mode of a schedule is empty: at least one partition has a window in it. */
export function modesHaveWindows({ modes }: Description): Fault[] {
  return modes
    .filter((mode) => windowsOf(mode).length === 0)
    .map((mode) => ({
      code: 'VS315',
      at: mode.at['name'],
      sentence: `mode \`${mode.name}\` has no window`,
      help: 'write `cores: { 0: [{ pay: 0-5ms }] }`, or leave the schedule out: every partition then runs when it can',
    }));
}

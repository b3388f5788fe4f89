// A guest's counts as rates and as a table.
import type { Counts, Snapshot } from './statistics-files.ts';

export interface Rates {
  /** Seconds between the two snapshots. */
  readonly during: number;
  readonly harts: readonly Counts[];
}

/** What was counted between two snapshots, or since the beginning; a hart that was reset meanwhile begins at 0. */
export function ratesOf(last: Snapshot, first?: Snapshot): Rates {
  const during = last.seconds - (first?.seconds ?? 0);
  // No news between the two: a VMM that writes once a second had nothing to say, or no time.
  if (first !== undefined && during <= 0) return { during: 0, harts: last.harts.map(() => ({})) };
  const harts = last.harts.map((hart, index) => {
    const before = first?.harts[index] ?? {};
    return Object.fromEntries(
      Object.entries(hart).map(([name, value]) => [
        name,
        value >= (before[name] ?? 0) ? value - (before[name] ?? 0) : value,
      ]),
    );
  });
  return { during, harts };
}

const number = (value: number): string =>
  value >= 1e9
    ? `${(value / 1e9).toFixed(2)} G`
    : value >= 1e6
      ? `${(value / 1e6).toFixed(2)} M`
      : value >= 1e4
        ? `${(value / 1e3).toFixed(1)} k`
        : value.toFixed(value < 10 && value % 1 !== 0 ? 1 : 0);
const percent = (part: number, whole: number): string => (whole > 0 ? `${((100 * part) / whole).toFixed(1)} %` : '-');

/** A column for each hart, and one for all of them if there are several. */
export function statisticsTable({ during, harts }: Rates, total: Snapshot): string {
  const sum = (all: readonly Counts[]): Counts => {
    const names = [...new Set(all.flatMap((hart) => Object.keys(hart)))];
    return Object.fromEntries(names.map((name) => [name, all.reduce((n, hart) => n + (hart[name] ?? 0), 0)]));
  };
  const several = harts.length > 1;
  const columns = several ? [...harts, sum(harts)] : harts;
  const totals = several ? [...total.harts, sum(total.harts)] : total.harts;
  const of = (hart: Counts, name: string): number => hart[name] ?? 0;
  const rate = (name: string) => (hart: Counts) => (during > 0 ? number(of(hart, name) / during) : '-');
  const sofar = (name: string) => (_: Counts, k: number) => number(of(totals[k], name));
  const rows: readonly (readonly [string, (hart: Counts, column: number) => string])[] = [
    ['instructions/s', rate('retired')],
    ['  interpreted', (hart) => percent(of(hart, 'retired') - of(hart, 'translated'), of(hart, 'retired'))],
    [
      '  in each visit of a region',
      (hart) => (of(hart, 'entered') ? number(of(hart, 'translated') / of(hart, 'entered')) : '-'),
    ],
    [
      'asleep',
      (hart, k) => percent(of(hart, 'slept') / 1000, during * (several && k === harts.length ? harts.length : 1)),
    ],
    ['regions made', sofar('regions')],
    ['  of instructions', sofar('regionInstructions')],
    ['  bytes of WebAssembly', sofar('regionBytes')],
    ['  dropped', sofar('dropped')],
    ['  all dropped: cache full', sofar('flushes')],
    ['  ms to make them', (_, k) => number(of(totals[k], 'generating') + of(totals[k], 'compiling'))],
    ['TLB misses/s: loads', rate('loadMisses')],
    ['  stores', rate('storeMisses')],
    ['  fetches', rate('fetchMisses')],
    ['exceptions/s', rate('exceptions')],
    ['interrupts/s', rate('interrupts')],
    ['device reads/s', rate('deviceReads')],
    ['device writes/s', rate('deviceWrites')],
    ['returns/s: budget spent', rate('budgets')],
    ['  asleep (WFI)', rate('idles')],
    ['  wanted by others', rate('kicks')],
    ['  SBI calls', rate('firmwareCalls')],
    ['fences for others/s', rate('fences')],
    ['rests while spinning/s', rate('rests')],
  ];
  const names = columns.map((_, k) => (several && k === harts.length ? 'all' : `hart ${k}`));
  const cells = [['', ...names], ...rows.map(([label, show]) => [label, ...columns.map(show)])];
  const widths = cells[0].map((_, column) => Math.max(...cells.map((row) => row[column].length)));
  return cells
    .map((row) =>
      row
        .map((cell, k) => (k === 0 ? cell.padEnd(widths[0]) : cell.padStart(widths[k] + 2)))
        .join('')
        .trimEnd(),
    )
    .concat('')
    .join('\n');
}

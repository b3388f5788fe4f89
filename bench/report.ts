// What every benchmark returns and how it is shown (schema virtsec.bench/1).

import { cpus, release, totalmem } from 'node:os';

/** One measured thing: medians of `runs` runs of each side, in `unit`. */
export interface Case {
  readonly name: string;
  readonly group: string;
  readonly unit: string;
  readonly ours: number;
  readonly peer: number;
  /** Above 1: ours is better. */
  readonly ratio: number;
  readonly runs: number;
}

export interface Report {
  readonly schema: 'virtsec.bench/1';
  readonly name: string;
  readonly host: {
    readonly cpu: string;
    readonly cores: number;
    readonly memory: number;
    readonly system: string;
    readonly node: string;
  };
  readonly peer: { readonly name: string; readonly version: string };
  readonly cases: readonly Case[];
  readonly summary: Readonly<Record<string, number | string>>;
}

export interface Benchmark {
  /** One line for the list of benchmarks. */
  readonly what: string;
  /** `note` gets a line about the progress, for standard error. */
  run(options: { readonly rounds: number; readonly note: (line: string) => void }): Promise<Report>;
}

/** What must be there and is not: `message` says what, `help` how to get it. */
export class MissingError extends Error {
  readonly help: string;
  constructor(message: string, help: string) {
    super(message);
    this.help = help;
  }
}

/** A case of which less is better (seconds, bytes). */
export function lessIsBetter(group: string, name: string, unit: string, ours: number[], peer: number[]): Case {
  const [a, b] = [median(ours), median(peer)];
  return { name, group, unit, ours: a, peer: b, ratio: b / a, runs: ours.length };
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

export function host(): Report['host'] {
  const all = cpus();
  return {
    cpu: all[0]?.model.trim() ?? 'unknown',
    cores: all.length,
    memory: totalmem(),
    system: `${process.platform} ${release()}`,
    node: process.versions.node,
  };
}

export function table(report: Report): string {
  const rows = [
    ['', 'unit', 'virtsec', report.peer.name, 'ratio', 'runs'],
    ...report.cases.map((it) => [
      `${it.group}: ${it.name}`,
      it.unit,
      it.ours.toFixed(2),
      // A case that the peer does not have stands alone.
      Number.isNaN(it.peer) ? '-' : it.peer.toFixed(2),
      Number.isNaN(it.peer) ? '-' : `${it.ratio.toFixed(2)}x`,
      String(it.runs),
    ]),
  ];
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  const lines = rows.map((row) =>
    row.map((cell, column) => (column ? cell.padStart(widths[column]) : cell.padEnd(widths[column]))).join('  '),
  );
  const facts = Object.entries(report.summary).map(([key, value]) => `${key}: ${value}`);
  return [
    `${report.host.cpu}, ${report.host.cores} cores, Node ${report.host.node}; ${report.peer.name} ${report.peer.version}`,
    'Medians. A ratio above 1 means that virtsec is better.',
    '',
    ...lines,
    ...(facts.length ? ['', ...facts] : []),
    '',
  ].join('\n');
}

// npm run bench -- NAME [--json] [--rounds N]
// Progress goes to standard error; the table, or with --json one document (schema virtsec.bench/1), to standard output.

import { parseArgs } from 'node:util';
import { ImageError } from '../src/images/error.ts';
import { benchmark as boot } from './boot.ts';
import { benchmark as cpu } from './cpu.ts';
import { benchmark as idle } from './idle.ts';
import { benchmark as ipc } from './ipc.ts';
import { benchmark as parallel } from './parallel.ts';
import { benchmark as metal } from './metal.ts';
import { type Benchmark, MissingError, table } from './report.ts';
import { benchmark as starts } from './starts.ts';
import { benchmark as windows } from './windows.ts';

const BENCHMARKS: Readonly<Record<string, Benchmark>> = { boot, cpu, idle, ipc, metal, parallel, starts, windows };
const DEFAULT_ROUNDS = 5;

function usage(): string {
  const list = Object.entries(BENCHMARKS).map(([name, { what }]) => `  ${name.padEnd(10)}${what}`);
  return ['usage: npm run bench -- NAME [--json] [--rounds N]', ...list, ''].join('\n');
}

const note = (line: string): void => void process.stderr.write(`${line}\n`);

async function main(): Promise<number> {
  let parsed;
  try {
    const options = { json: { type: 'boolean' }, rounds: { type: 'string' }, help: { type: 'boolean' } } as const;
    parsed = parseArgs({ allowPositionals: true, options });
  } catch (error) {
    process.stderr.write(`bench: ${error instanceof Error ? error.message : String(error)}\n${usage()}`);
    return 2;
  }
  const { values, positionals } = parsed;
  if (values.help) {
    process.stdout.write(usage());
    return 0;
  }
  const rounds = Number(values.rounds ?? DEFAULT_ROUNDS);
  const [name = '', ...more] = positionals;
  const isUsage = Object.hasOwn(BENCHMARKS, name) && more.length === 0 && Number.isInteger(rounds) && rounds >= 1;
  if (!isUsage) {
    process.stderr.write(usage());
    return 2;
  }
  try {
    const report = await BENCHMARKS[name].run({ rounds, note });
    process.stdout.write(values.json ? `${JSON.stringify(report, null, 2)}\n` : table(report));
    return 0;
  } catch (error) {
    if (!(error instanceof MissingError || error instanceof ImageError)) throw error;
    process.stderr.write(`bench: ${error.message}\nhelp: ${error.help}\n`);
    return 1;
  }
}

process.exitCode = await main();

// A machine whose harts run small programs in threads of their own.

import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import { Machine, type Mode } from '../../src/riscv/index.ts';
import { RAM } from '../../src/riscv/tests/assembly.ts';
import type { HartEvent, HartThread } from './thread.ts';

const SOURCE = fileURLToPath(new URL('../../src/riscv', import.meta.url));
const ENGINE = new URL('../../src/riscv/index.ts', import.meta.url).href;

export interface Program {
  readonly words: readonly number[];
  readonly registers?: Readonly<Record<number, number>>;
  readonly csrs?: Readonly<Record<number, bigint>>;
  readonly mode?: Mode;
}

/** Programs lie so far apart, from RAM's start. */
const PROGRAM_BYTES = 0x1000;

const PATIENCE_MS = 40_000;
const PATIENCE_WITH_FAULT_MS = 5000;
export class PatienceError extends Error {}

export class Harts {
  readonly machine: Machine;
  readonly view: DataView;
  readonly #engine: string;
  readonly #workers: Worker[] = [];
  readonly #ended: Promise<void>[] = [];

  /** `threshold` 0: interpreted. `engine`: URL of a copy's `index.ts`. */
  constructor(harts: number, threshold: number, engine = ENGINE) {
    const translate = threshold > 0 && { threshold };
    this.machine = Machine.create({ harts, ramBase: RAM, ramBytes: 16 << 20, clock: 'host', translate });
    const { ram } = this.machine;
    this.view = new DataView(ram.buffer, ram.byteOffset, ram.byteLength);
    this.#engine = engine;
  }

  /** Starts a thread for each program; resolves when all of them are about to run. */
  async start(programs: readonly Program[]): Promise<void> {
    const ready = programs.map((program, index) => {
      const pc = RAM + index * PROGRAM_BYTES;
      program.words.forEach((word, k) => this.view.setUint32(pc - RAM + k * 4, word, true));
      const workerData: HartThread = {
        engine: this.#engine,
        machine: this.machine.share(),
        index,
        pc,
        registers: program.registers ?? {},
        csrs: program.csrs ?? {},
        mode: program.mode ?? 'M',
      };
      const worker = new Worker(new URL('thread.ts', import.meta.url), { workerData });
      this.#workers.push(worker);
      const { promise: isReady, resolve: setReady } = Promise.withResolvers<void>();
      this.#ended.push(
        new Promise((resolve, reject) => {
          worker.on('error', reject);
          worker.on('message', (event: HartEvent) => {
            if (event === 'ready') setReady();
            else if (event === 'breakpoint') resolve();
            else reject(new Error(event.error));
          });
        }),
      );
      return isReady;
    });
    await Promise.race([Promise.all(ready), Promise.all(this.#ended)]);
  }
  /** Resolves when every hart has met its `ebreak`. */
  async finish(): Promise<void> {
    const { promise, reject } = Promise.withResolvers<never>();
    const patience = this.#engine === ENGINE ? PATIENCE_MS : PATIENCE_WITH_FAULT_MS;
    const timer = setTimeout(() => reject(new PatienceError('a hart does not come to its end')), patience);
    await Promise.race([Promise.all(this.#ended), promise]).finally(() => clearTimeout(timer));
  }
  async stop(): Promise<void> {
    for (const ended of this.#ended) ended.catch(() => undefined);
    await Promise.all(this.#workers.map((worker) => worker.terminate()));
  }
}

/** Runs programs to their ends. */
export async function runHarts(
  programs: readonly Program[],
  threshold: number,
  engine?: string,
  prepare?: (view: DataView) => void,
): Promise<DataView> {
  const harts = new Harts(programs.length, threshold, engine);
  try {
    prepare?.(harts.view);
    await harts.start(programs);
    await harts.finish();
    return harts.view;
  } finally {
    await harts.stop();
  }
}

/** What `use` makes of an engine with a text of one of its files replaced. Throws if the text does not stand there once. */
export async function withFault<T>(
  file: string,
  find: string,
  replace: string,
  use: (engine: string) => Promise<T>,
): Promise<T> {
  const directory = mkdtempSync(join(tmpdir(), 'virtsec-harts-'));
  try {
    cpSync(SOURCE, directory, { recursive: true });
    writeFileSync(join(directory, 'package.json'), '{ "type": "module" }');
    const path = join(directory, file);
    const parts = readFileSync(path, 'utf8').split(find);
    if (parts.length !== 2) throw new Error(`"${find}" stands ${parts.length - 1} times in ${file}`);
    writeFileSync(path, parts.join(replace));
    return await use(pathToFileURL(join(directory, 'index.ts')).href);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

// Small systems for the oracle's tests, and cores with a fault.
import assert from 'node:assert/strict';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { readDescription } from '../../policy/index.ts';
import { planWords } from '../../policy/plan-words.ts';
import { compileTables } from '../../policy/tables.ts';
import { bootWords } from '../log.ts';
import type { Code, Kernel } from '../state.ts';

export function wordsOf(text: string): Int32Array {
  const host = { fileExists: () => true, folderExists: () => true, images: ['debian'], firmware: [] };
  const { description, messages } = readDescription('t', `virtsec: 1\nsystem: t\n${text}`, host);
  assert.ok(description, messages.join('\n'));
  return planWords(compileTables(description).kernel);
}

/** Credit of one frame that two LOGs and two other calls spend, so that its end is soon reached. */
const SMALL_QUOTA = 130;

/** Booted; every partition that starts by itself is loaded. */
export function running({ core }: Code, words: Int32Array): Kernel {
  const k = bootWords(words, core);
  k.quota.fill(SMALL_QUOTA, 0, k.np);
  k.credit.fill(SMALL_QUOTA, 0, k.np);
  for (let p = 0; p < k.np; p++) if (k.state[p] === core.P_ASKED) core.loaded(k, p);
  return k;
}

/** Every kind of channel and right between two or three partitions. */
export const SYSTEMS: Readonly<Record<string, string>> = {
  'a queue that drops': `
partitions:
  a: { app: ./a.ts }
  b: { app: ./b.ts }
channels:
  x: { queuing: a -> b, depth: 2, credit: 3 }
`,
  'a queue that blocks, and a bell back': `
partitions:
  a: { app: ./a.ts }
  b: { app: ./b.ts }
channels:
  x: { queuing: a -> b, depth: 1, overflow: block }
  y: { signal: b -> a }
`,
  'a call, with a restart of its server': `
partitions:
  a: { app: ./a.ts }
  b: { app: ./b.ts, faults: { otherwise: cold-restart, restarts: 2 per 1s, backoff: 20us } }
channels:
  x: { call: a -> b, within: 100us }
`,
  'a stream, a sample, and somebody apart': `
partitions:
  a: { app: ./a.ts }
  b: { app: ./b.ts }
  c: { app: ./c.ts }
channels:
  x: { stream: a <-> b }
  y: { sampling: a -> b, refresh: 100us }
`,
  'a manager and an auditor': `
partitions:
  a: { app: ./a.ts, may: { manage: b } }
  b: { app: ./b.ts, start: manual, faults: { otherwise: cold-restart } }
  c: { app: ./c.ts, may: { audit: b } }
`,
  'windows in two modes': `
partitions:
  a: { app: ./a.ts, may: { switch: true } }
  b: { app: ./b.ts }
channels:
  x: { queuing: a -> b, depth: 1 }
schedules:
  one: { frame: 1ms, cores: { 0: [{ a: 0-0.5ms }, { b: 0.5-1ms }] } }
  two: { frame: 2ms, cores: { 0: [{ b: 0-1.5ms }, { a: 1.5-2ms }] } }
`,
};

const CORE = path.resolve(import.meta.dirname, '../../kernel/core');

/** The core with another text in place of one of its own, beside the specification that ships. */
export async function faulty(from: string | RegExp, to: string): Promise<Code> {
  const folder = mkdtempSync(path.join(tmpdir(), 'virtsec-core-'));
  try {
    mkdirSync(path.join(folder, 'core'));
    const source = readFileSync(path.join(CORE, 'core.ts'), 'utf8');
    const changed = source.replace(from, to);
    assert.ok(changed !== source, `not in the core: ${from}`);
    writeFileSync(path.join(folder, 'core/core.ts'), changed);
    cpSync(path.join(CORE, 'spec.ts'), path.join(folder, 'core/spec.ts'));
    const load = (file: string): Promise<unknown> => import(pathToFileURL(path.join(folder, 'core', file)).href);
    return { core: await load('core.ts'), spec: await load('spec.ts') } as Code;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

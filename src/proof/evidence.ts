// npm run evidence: what takes too long for every test run. The step from the theorems to whole runs, in Coq; and mutants of
// the core, each refuted by a theorem or justified in survivors.md.
// --mutants=40   so many, chosen at random with --seed=1; --all   all of them (hours); --part=2/20   of those, each 20th
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { random } from './explore.ts';
import { agreedProgram, sources } from './manifest.ts';
import { Judge, PATIENCE, mutantsOf, nameOf } from './mutate.ts';
import { quickest, solver } from './solver.ts';

const { values: given } = parseArgs({
  options: {
    mutants: { type: 'string', default: '40' },
    seed: { type: 'string', default: '1' },
    all: { type: 'boolean', default: false },
    part: { type: 'string', default: '1/1' },
    'no-coq': { type: 'boolean', default: false },
    function: { type: 'string' },
  },
});

/** What is wrong with the proof in Coq; undefined: nothing. */
function coq(): string | undefined {
  const file = path.join(import.meta.dirname, 'unwinding.v');
  const theorems = readFileSync(file, 'utf8').match(/^Print Assumptions/gm)?.length ?? 0;
  const folder = mkdtempSync(path.join(tmpdir(), 'virtsec-coq-'));
  const { stdout, stderr, error } = spawnSync('coqc', ['-o', path.join(folder, 'unwinding.vo'), file], {
    encoding: 'utf8',
  });
  rmSync(folder, { recursive: true });
  if (error !== undefined) return 'not checked: there is no coqc here (apt-get install coq)';
  const closed = stdout.match(/^Closed under the global context$/gm)?.length ?? 0;
  return closed === theorems && theorems > 0 ? undefined : `${stdout}${stderr}`;
}

/** Survivors with a reason: `- name` in survivors.md, the reason indented below. */
function justified(): Set<string> {
  const text = readFileSync(path.join(import.meta.dirname, 'survivors.md'), 'utf8');
  return new Set([...text.matchAll(/^- `(.*)`$/gm)].map((m) => m[1]));
}

async function mutation(): Promise<string[]> {
  const texts = sources();
  const original = agreedProgram(texts);
  const all = mutantsOf(texts.core).filter((m) => given.function === undefined || m.fn === given.function);
  const pick = random(Number(given.seed));
  const chosen =
    given.all || given.function !== undefined
      ? all
      : Array.from({ length: Number(given.mutants) }, () => all[pick(all.length)]);
  const [part, parts] = given.part.split('/').map(Number);
  const name = quickest();
  const judge = new Judge(texts, original, new Map([[name, await solver(name, PATIENCE[1])]]));
  const reasons = justified();
  const survivors: string[] = [];
  const fates = new Map<string, number>();
  const mine = chosen.filter((_, i) => i % parts === part - 1);
  for (const mutant of mine) {
    const { by, seen } = await judge.fateOf(mutant);
    const group = by === undefined ? 'survived' : `${by.split(' ', 1)[0]} ${seen}`.trim();
    fates.set(group, (fates.get(group) ?? 0) + 1);
    console.log(`${by === undefined ? 'SURVIVED' : `${by} ${seen}`.trim()}  ${nameOf(mutant)}`);
    if (by === undefined && !reasons.has(nameOf(mutant))) survivors.push(nameOf(mutant));
  }
  console.log(`\nmutants: ${mine.length} of ${all.length}; ${[...fates].map(([by, n]) => `${by} ${n}`).join(', ')}`);
  return survivors;
}

const wrong = given['no-coq'] ? undefined : coq();
if (!given['no-coq'])
  console.log(wrong === undefined ? 'unwinding.v: checked by Coq, no axioms' : `unwinding.v: ${wrong}`);
const survivors = await mutation();
for (const name of survivors) console.log(`survived without a reason in survivors.md: ${name}`);
process.exit(wrong === undefined && survivors.length === 0 ? 0 : 1);

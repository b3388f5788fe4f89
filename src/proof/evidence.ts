// npm run evidence: what takes too long for every test run. The step from the theorems to whole runs, in Coq; and the matrix of
// mutants: every mutant of the core, with the theorems that refute it, or justified in survivors.md.
//
// Fates are kept in mutants.json, as long as the core and its specification are the same. First a mutant is run, in states and
// plans in which the theorems' premises hold; only of what is left a solver is asked. So that this measures the prover and
// not a test, it is asked about some of the others too.
// --all   judges what has no fate yet   --anew   forgets the fates   --minutes=5   stops after that and keeps what there is
// --no-solver   only runs them   --retry=unseen,open,survived   judges those once more, from the beginning   --enough=90   seconds of questions about one mutant
// --sample=40   so many with a fate are judged again: the same must come out   --prover=60   so many are asked of the prover
// --seed=1   of both samples   --function=REGEXP   --part=1/2   each second one
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { random } from './explore.ts';
import { agreedProgram, sha256, sources } from './manifest.ts';
import { Judge, PATIENCE, mutantsOf, nameOf } from './mutate.ts';
import { quickest, solver } from './solver.ts';
import type { Fate, Mutant } from './mutate.ts';

const { values: given } = parseArgs({
  options: {
    all: { type: 'boolean', default: false },
    anew: { type: 'boolean', default: false },
    minutes: { type: 'string', default: '600' },
    retry: { type: 'string', default: '' },
    enough: { type: 'string', default: '90' },
    sample: { type: 'string', default: '40' },
    prover: { type: 'string', default: '60' },
    seed: { type: 'string', default: '1' },
    part: { type: 'string', default: '1/1' },
    function: { type: 'string' },
    file: { type: 'string', default: path.join(import.meta.dirname, 'mutants.json') },
    'no-coq': { type: 'boolean', default: false },
    'no-solver': { type: 'boolean', default: false },
  },
});
const until = performance.now() + Number(given.minutes) * 60_000;

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

interface Matrix {
  /** SHA-256 of core.ts, spec.ts, order.ts and behaviour.ts together. */
  readonly of: string;
  /** By function, in the order of the text; null: not yet judged. */
  readonly fates: Record<string, (Fate | null)[]>;
}
/** Where each mutant's fate stands. */
function placesOf(all: readonly Mutant[]): Map<Mutant, number> {
  const counts = new Map<string, number>();
  return new Map(
    all.map((mutant): [Mutant, number] => {
      const n = counts.get(mutant.fn) ?? 0;
      counts.set(mutant.fn, n + 1);
      return [mutant, n];
    }),
  );
}
const texts = sources();
const of = sha256([texts.core, texts.spec, texts.order, texts.behaviour].map(sha256).join());
const all = mutantsOf(texts.core);
const places = placesOf(all);
function kept(): Matrix {
  const known = existsSync(given.file) ? (JSON.parse(readFileSync(given.file, 'utf8')) as Matrix) : undefined;
  return known?.of === of && !given.anew ? known : { of, fates: {} };
}
const matrix = kept();
const fateOf = (mutant: Mutant): Fate | null => matrix.fates[mutant.fn]?.[places.get(mutant) ?? 0] ?? null;
function put(mutant: Mutant, fate: Fate): void {
  const fates = (matrix.fates[mutant.fn] ??= []);
  const place = places.get(mutant) ?? 0;
  while (fates.length <= place) fates.push(null);
  fates[place] = fate;
}
const save = () => writeFileSync(given.file, `${JSON.stringify(matrix, null, 2)}\n`);
/** What a fate comes down to: how, and the first theorem. */
const groupOf = (fate: Fate | null): string => {
  const [how, what = ''] = (fate ?? 'not judged').split(': ');
  return `${how} ${what.split(/[ ,]/, 1)[0] ?? ''}`.trim();
};
/** Which theorem is seen first depends on what was judged before; that one is, does not. */
const kindOf = (fate: Fate | null): string => (fate ?? '').replace(/^(run|replayed): .*/, 'refuted').split(':', 1)[0];
/** A solver's model that is not replayed may only want instances: with more patience, what was open can come to that. */
function isAsBefore(fate: Fate, before: Fate | null): boolean {
  const kinds = [kindOf(fate), kindOf(before)];
  return (
    kinds[0] === kinds[1] || (kinds.includes('solver') && kinds.some((kind) => kind === 'refuted' || kind === 'open'))
  );
}

function table(): string {
  const lines = [...Map.groupBy(all, (m) => groupOf(fateOf(m)))]
    .toSorted(([, a], [, b]) => b.length - a.length)
    .map(([group, of]) => `${String(of.length).padStart(6)}  ${group}`);
  const theorems = new Map<string, number>();
  for (const mutant of all) {
    const [, what] = (fateOf(mutant) ?? '').split(': ');
    if (what === undefined) continue;
    for (const name of new Set(what.split(', ').map((key) => key.split(' ', 1)[0])))
      theorems.set(name, (theorems.get(name) ?? 0) + 1);
  }
  const each = [...theorems].toSorted(([, a], [, b]) => b - a).map(([name, n]) => `${name} ${n}`);
  return `${lines.join('\n')}\nseen to refute, of all: ${each.join(', ')}`;
}
function some<T>(list: readonly T[], n: number, pick: (n: number) => number): T[] {
  const rest = [...list];
  return Array.from({ length: Math.min(n, list.length) }, () => rest.splice(pick(rest.length), 1)[0]);
}

async function mutation(): Promise<string[]> {
  const name = quickest();
  const solvers = new Map([[name, await solver(name, PATIENCE[1])]]);
  const judge = new Judge(texts, agreedProgram(texts), solvers, Number(given.enough));
  console.log(`judge: ready after ${(process.cpuUsage().user / 1e6).toFixed(0)} s`);
  const [part, parts] = given.part.split('/').map(Number);
  const again = given.retry.split(',');
  const mine = all.filter(
    (m, i) => i % parts === part - 1 && (given.function === undefined || new RegExp(given.function).test(m.fn)),
  );
  const isOver = () => performance.now() > until;
  const say = (fate: string, mutant: Mutant) => console.log(`${fate}  ${nameOf(mutant)}`);
  let count = 0;
  const judged = (mutant: Mutant, fate: Fate) => {
    put(mutant, fate);
    say(fate, mutant);
    count += 1;
    if (count % 50 === 0) save();
  };
  if (given.all) {
    // Of what nothing is seen in runs, that stays so: a solver is asked next.
    const open = mine.filter((m) => [null, 'unseen', ...again].includes(fateOf(m)));
    for (const mutant of open) {
      if (isOver()) break;
      const before = fateOf(mutant);
      const isToRun = before !== 'unseen' || again.includes('unseen');
      if (!isToRun && given['no-solver']) continue;
      const seen = isToRun ? judge.seen(mutant) : undefined;
      judged(mutant, seen ?? (given['no-solver'] ? 'unseen' : await judge.asked(mutant)));
    }
    save();
    console.log(`left: ${mine.filter((m) => fateOf(m) === null).length}`);
  }
  const pick = random(Number(given.seed));
  const wrong: string[] = [];
  if (!given.all) {
    for (const mutant of some(
      mine.filter((m) => fateOf(m) !== null),
      Number(given.sample),
      pick,
    )) {
      const fate = judge.seen(mutant) ?? (await judge.asked(mutant));
      if (!isAsBefore(fate, fateOf(mutant)))
        wrong.push(`${nameOf(mutant)}: ${fate}, but ${fateOf(mutant)} in mutants.json`);
      say(fate, mutant);
    }
  }
  // By theorem, so that each is among them; COVER is none, and whether the prover says so is another question.
  const seen = mine.filter((m) => /^run: (?!COVER|SPEC-SAFE)/.test(fateOf(m) ?? ''));
  let refuted = 0;
  const sample = some(seen, Number(given.prover), pick);
  for (const mutant of given.all ? [] : sample) {
    const keys = (fateOf(mutant) ?? '').slice('run: '.length).split(', ');
    const key = keys[pick(keys.length)];
    const isRefuted = await judge.isRefuted(mutant, key);
    if (isRefuted) refuted += 1;
    else wrong.push(`the prover does not refute ${key} of ${nameOf(mutant)}`);
    say(`prover: ${key} ${isRefuted ? 'sat' : 'NOT REFUTED'}`, mutant);
  }
  if (!given.all) console.log(`of ${sample.length} seen in a run, the prover refutes ${refuted}`);
  return wrong;
}

const wrongInCoq = given['no-coq'] ? undefined : coq();
if (!given['no-coq'])
  console.log(wrongInCoq === undefined ? 'unwinding.v: checked by Coq, no axioms' : `unwinding.v: ${wrongInCoq}`);
const wrong = await mutation();
const reasons = justified();
for (const mutant of all) {
  const fate = fateOf(mutant);
  if ((fate === 'survived' || fate === 'open' || fate === 'unseen') && !reasons.has(nameOf(mutant)))
    wrong.push(`${fate} without a reason in survivors.md: ${nameOf(mutant)}`);
}
console.log(`\n${all.length} mutants\n${table()}`);
for (const line of wrong) console.log(line);
process.exit(wrongInCoq === undefined && wrong.length === 0 ? 0 : 1);

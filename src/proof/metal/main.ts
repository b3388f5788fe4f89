// npm run prove -- --metal: the theorems of the kernel on bare metal, the stubs of its image (SWITCH), and its functions, each of
// which is shown to be its source. Status 1: a theorem does not hold, or a function is not validated but for those that are known
// not to be followed, which are named.
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { openImage, smallestImage } from '../../compiler/validation/image.ts';
import { Refused } from '../../compiler/validation/value.ts';
import { kernelSources } from '../../compiler/system-image.ts';
import { FOLDER, ROOT, sha256 } from '../manifest.ts';
import { solver } from '../solver.ts';
import { metalProgram } from './program.ts';
import { METAL_THEOREMS, proveMetal } from './theorems.ts';
import type { SolverName } from '../solver.ts';

/** Of these the validator's terms grow beyond use, or it does not follow a loop: tested, not validated (docs/proof.md). */
export const NOT_FOLLOWED: readonly string[] = ['layoutIsSound', 'giveHart', 'loadPlan'];
/** Seconds for one question about code. */
const PATIENCE = 10;

export async function proveOnMetal(names: readonly SolverName[], seconds: number, cache: boolean): Promise<number> {
  const from = performance.now();
  const solvers = new Map(await Promise.all(names.map(async (n) => [n, await solver(n, seconds)] as const)));
  const metal = metalProgram();
  const wrong: string[] = [];
  const tell = (name: string, holds: boolean, says: string): void => {
    console.log(`${name.padEnd(18)} ${holds ? says : `NOT PROVED: ${says}`}`);
    if (!holds) wrong.push(name);
  };
  const folder = cache ? path.join(ROOT, 'build/proof') : undefined;
  for (const theorem of METAL_THEOREMS) {
    const { failed, goals, milliseconds } = await proveMetal(metal, theorem, { solvers, cache: folder });
    const spent = `${goals} goals, ${(milliseconds / 1000).toFixed(1)} s`;
    tell(theorem.name, failed.length === 0, failed.length === 0 ? `${spent}: ${theorem.says}` : failed.join('; '));
  }
  const files = kernelSources(path.resolve(FOLDER, '..'));
  const { validation, stubs } = openImage(files, smallestImage(files));
  try {
    tell('SWITCH', true, `${stubs().size} instructions: the stubs have the effect that is written`);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    tell('SWITCH', false, error.message);
  }
  const solve = await solver(names[0] ?? 'wasm', PATIENCE);
  const validated: string[] = [];
  const begun = performance.now();
  for (const name of validation.compilation.functions) {
    const why = NOT_FOLLOWED.includes(name)
      ? 'not followed'
      : await refusal(async () => (await validation.function_(name, solve)).refused);
    if (why === undefined) validated.push(name);
    else console.log(`not validated      ${name}: ${why}`);
    if (why !== undefined && !NOT_FOLLOWED.includes(name)) wrong.push(name);
  }
  const spent = ((performance.now() - begun) / 1000).toFixed(1);
  console.log(
    `${validated.length} of ${validation.compilation.functions.length} functions are their source, ${spent} s`,
  );
  console.log(`${((performance.now() - from) / 1000).toFixed(1)} s, ${names.join(' and ')}`);
  if (wrong.length > 0) return 1;
  const manifest = {
    files: Object.fromEntries(files.map((f) => [path.relative(path.resolve(FOLDER, '..'), f.name), sha256(f.text)])),
    theorems: [...METAL_THEOREMS.map((t) => t.name), 'SWITCH'],
    validated,
    solvers: names,
  };
  const build = path.join(ROOT, 'build');
  mkdirSync(build, { recursive: true });
  writeFileSync(path.join(build, 'proved-metal.json'), `${JSON.stringify(manifest, null, 2)}\n`);
  return 0;
}
/** What the source has that the executor does not follow is a refusal, too. */
async function refusal(validate: () => Promise<string | undefined>): Promise<string | undefined> {
  try {
    return await validate();
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

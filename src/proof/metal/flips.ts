// Bits of the image's kernel code are flipped, one at a time, and each is validated again (`npm run evidence`): 2,000 of them. A flip that
// is accepted makes other code of the same meaning, or is told.
// --flips=2000 --seed=1
import path from 'node:path';
import { parseArgs } from 'node:util';
import { kernelSources } from '../../compiler/system-image.ts';
import { openImage, smallestImage } from '../../compiler/validation/image.ts';
import { mutate } from '../../compiler/validation/mutate.ts';
import { Refused } from '../../compiler/validation/value.ts';
import { random } from '../explore.ts';
import { FOLDER } from '../manifest.ts';
import { quickest, solver } from '../solver.ts';
import { NOT_FOLLOWED } from './main.ts';

const { values: given } = parseArgs({
  options: { flips: { type: 'string', default: '2000' }, seed: { type: 'string', default: '1' } },
});
const files = kernelSources(path.resolve(FOLDER, '..'));
const image = smallestImage(files);
const { validation, stubs } = openImage(files, image);
const { compilation, linked } = validation;
/** Of wrong code: no answer in time is a refusal. */
const solve = await solver(quickest(), 2);
const count = Number(given.flips);
const names = compilation.functions.filter((name) => !NOT_FOLLOWED.includes(name));
const sizeOf = (name: string): number => validation.range(name).to - validation.range(name).from;
const bytes = names.reduce((sum, name) => sum + sizeOf(name), 0);
const stubPlaces = [...stubs()];
const inStubs = Math.round((count * stubPlaces.length * 4) / (bytes + stubPlaces.length * 4));

/** A register's content, as it is, in another register: of which operation, is one. */
const isMove = (text: string): boolean => /^(addi|xori|ori|slli) (\w+), (\w+), 0$/.test(text);
const operands = (text: string): string => text.slice(text.indexOf(' '));
const why = new Map<string, number>();
const accepted: string[] = [];
const tell = (refused: string | undefined, what: string): void => {
  const group =
    refused === undefined ? 'accepted' : /is not so|no answer/.test(refused) ? 'a goal is refuted' : 'not followed';
  why.set(group, (why.get(group) ?? 0) + 1);
  if (refused === undefined) accepted.push(what);
};
const pick = random(Number(given.seed));
for (let n = 0; n < inStubs; n++) {
  const [pc, bit] = [stubPlaces[pick(stubPlaces.length)], pick(32)];
  const flat = image.flat.slice();
  flat[pc - linked.base + (bit >> 3)] ^= 1 << (bit & 7);
  let refused: string | undefined;
  try {
    openImage(files, { ...image, flat }, compilation).stubs();
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    refused = error.message;
  }
  tell(refused, `stub ${pc.toString(16)} bit ${bit}`);
}
await mutate(validation, names, solve, { count: count - inStubs, seed: Number(given.seed) }, (m) => {
  if (m.refused === undefined && isMove(m.before) && isMove(m.after) && operands(m.before) === operands(m.after)) {
    why.set('the same move', (why.get('the same move') ?? 0) + 1);
    return;
  }
  tell(m.refused, `${m.name} ${m.address.toString(16)} bit ${m.bit}: ${m.before} -> ${m.after}`);
});
console.log(
  `${count} flips in ${names.length} functions and the stubs: ${[...why].map(([w, n]) => `${w} ${n}`).join(', ')}`,
);
for (const what of accepted) console.log(`accepted: ${what}`);
process.exit(0);

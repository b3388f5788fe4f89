// The kernel's image: its stubs do what is written of them, its functions are their sources; with a bit flipped they are refused.
import assert from 'node:assert/strict';
import path from 'node:path';
import { after, test } from 'node:test';
import { quickest, solver } from '../../proof/solver.ts';
import { ENTRIES, PMPADDR0, PMPCFG0 } from '../../proof/metal/pmp.ts';
import { kernelSources } from '../system-image.ts';
import { openImage, smallestImage } from './image.ts';
import { mutate } from './mutate.ts';
import { Refused } from './value.ts';

const files = kernelSources(path.resolve(import.meta.dirname, '../../kernel'));
const image = smallestImage(files);
const { validation, stubs } = openImage(files, image);
const solve = await solver(quickest(), 20);
after(() => setImmediate(() => process.exit()));

test('SWITCH: the stubs have the effect that is written', () => {
  assert.ok(stubs().size > 100);
});
test('of the PMP the kernel touches the first eight entries and no others, which reset leaves off', () => {
  const words = new DataView(image.flat.buffer, image.flat.byteOffset, image.sizes.kernel);
  const touched = Array.from({ length: image.sizes.kernel >> 2 }, (_, n) => words.getUint32(n * 4, true))
    .filter((i) => (i & 0x7f) === 0x73 && ((i >> 12) & 3) !== 0)
    .map((i) => i >>> 20)
    .filter((csr) => csr >= PMPCFG0 && csr < PMPADDR0 + 64);
  const first = Array.from({ length: ENTRIES }, (_, n) => PMPADDR0 + n);
  assert.deepEqual(
    [...new Set(touched)].toSorted((a, b) => a - b),
    [PMPCFG0, ...first],
  );
});
/** Bits of these instructions, one at a time: of every 397th place. */
test('stubs with a flipped bit are refused, but for those of which the effect is the same', () => {
  const places = [...stubs()].flatMap((pc) => Array.from({ length: 32 }, (_, bit) => ({ pc, bit })));
  const some = places.filter((_, n) => n % 397 === 0);
  const accepted = some.filter(({ pc, bit }) => {
    const flat = image.flat.slice();
    flat[pc - validation.linked.base + (bit >> 3)] ^= 1 << (bit & 7);
    try {
      openImage(files, { ...image, flat }, validation.compilation).stubs();
      return true;
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      return false;
    }
  });
  assert.ok(some.length > 10);
  // The old content of a register that is written next may go anywhere.
  assert.ok(accepted.length <= 2, accepted.map(({ pc, bit }) => `${pc.toString(16)} bit ${bit}`).join());
});
const SWITCHING = ['trap', 'resume', 'enterGuest', 'leaveGuest', 'makeResident'].filter((f) =>
  validation.compilation.functions.includes(f),
);
test('functions that enter, leave and switch are their source', async () => {
  for (const name of SWITCHING) assert.equal((await validation.function_(name, solve)).refused, undefined, name);
});
test('with a flipped bit they are not', async () => {
  const accepted: string[] = [];
  const quick = SWITCHING.filter((name) => name !== 'trap');
  await mutate(validation, quick, solve, { count: 15, seed: 5 }, (m) => {
    if (m.refused === undefined) accepted.push(`${m.name} ${m.before} -> ${m.after}`);
  });
  assert.ok(accepted.length <= 1, accepted.join('\n'));
});
test('a loop that begins elsewhere is refused', async () => {
  // Its first turn decides what is told: 8,192 becomes an address, which no count reaches.
  const { from, to } = validation.range('tellKeptLog');
  const limit = Array.from({ length: (to - from) / 4 }, (_, n) => (from - validation.linked.base) / 4 + n).find((n) => {
    const i = validation.code[n];
    return i?.op === 'lui' && i.imm === 0x2000;
  });
  assert.ok(limit !== undefined);
  const right = validation.code[limit];
  assert.ok(right !== undefined);
  validation.code[limit] = { ...right, op: 'auipc' };
  const { refused } = await validation.function_('tellKeptLog', solve);
  validation.code[limit] = right;
  assert.notEqual(refused, undefined);
  assert.equal((await validation.function_('tellKeptLog', solve)).refused, undefined);
});

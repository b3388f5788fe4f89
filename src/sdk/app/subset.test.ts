// Programs in the subset, hosted: the names are those of bare metal, and the program waits where that one would.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { mainOf, waiting } from './subset.ts';

/** Names that a module exports. */
function namesOf(file: string): string[] {
  const text = readFileSync(path.join(import.meta.dirname, file), 'utf8');
  const lists = [...text.matchAll(/^export \{([^}]*)\}/gm)].flatMap(([, list]) => list.split(',').map((n) => n.trim()));
  const declared = [...text.matchAll(/^export (?:async )?(?:const|function) (\w+)/gm)].map(([, name]) => name);
  return [...lists, ...declared].toSorted();
}
/** Of drivers and VMMs: they look at memory, and rest for interrupts. Numbers of operations nobody needs who has the functions. */
const OF_METAL = new Set(['rest', 'reset', 'streamBegin', 'MESSAGE_BYTES']);

/** What other parts of the library use of it. */
const OF_LIBRARIES = new Set(['RANDOM_WORDS', 'randomBegin', 'randomBlock']);

test('virtsec/sdk/bare has the same names in both places', () => {
  const metal = namesOf('../bare.ts').filter((name) => !name.startsWith('OP_') && !OF_METAL.has(name));
  assert.ok(metal.length > 40);
  assert.deepEqual(namesOf('bare.ts'), metal);
});

test('what programs import of cryptography has the same names in both places', () => {
  for (const file of ['aead.ts', 'ed25519.ts']) assert.deepEqual(namesOf(file), namesOf(`../metal/${file}`), file);
  assert.deepEqual(
    namesOf('random.ts'),
    namesOf('../metal/random.ts').filter((name) => !OF_LIBRARIES.has(name)),
  );
});

test('a program is known by what it imports, and its main by its parameters', () => {
  const main = "import { log } from 'virtsec/sdk/bare';\nexport function main(s: Watch, restarts: number): number {}";
  assert.deepEqual(mainOf(main), ['Watch', 'number']);
  assert.equal(mainOf(main.replace('sdk/bare', 'sdk')), undefined);
  assert.equal(mainOf("import { log } from 'virtsec/sdk/bare';"), undefined);
});

test('every call is awaited, and nothing else', () => {
  const program = `// log(1) is said
const MOST = 3;
export class Watch { table = new Int32Array(MOST); }
function shown(s) { return (s.table[0]) + got(0); } /* got(1) */
export function main(s) {
  for (let i = 0; i < MOST; i++) if (read(port('a(b')) === 0) s.table.fill(0, 0, MOST);
  return shown(s);
}`;
  assert.equal(
    waiting(program),
    `// log(1) is said
const MOST = 3;
export class Watch { table = new Int32Array(MOST); }
async function shown(s) { return (s.table[0]) + await got(0); } /* got(1) */
export async function main(s) {
  for (let i = 0; i < MOST; i++) if (await read(await port('a(b')) === 0) s.table.fill(0, 0, MOST);
  return await shown(s);
}`,
  );
});

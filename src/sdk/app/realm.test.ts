// The realm of an application: what is in it, what is not, and that nothing of it leads out. Each probe has its control: the same
// code as an ordinary module of Node, where it succeeds.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import vm from 'node:vm';
import { bedWith } from '../tests/bed.ts';

/** Each an expression that is true if the probe got through. */
const PROBES = {
  'globals of Node': `typeof process !== 'undefined' || typeof Buffer !== 'undefined' || typeof fetch !== 'undefined'`,
  'timers and threads of the host': `typeof setTimeout !== 'undefined' || typeof SharedArrayBuffer !== 'undefined'`,
  'WebAssembly beside the one that is checked': `typeof WebAssembly !== 'undefined'`,
  'code from text': `(() => { try { return eval('1') === 1 || new Function('return 1')() === 1 } catch { return false } })()`,
  'code from text by a constructor': `(() => { try { return (async () => {}).constructor('return 1') !== undefined } catch { return false } })()`,
  'the clock of the host': `(() => { try { return Date.now() > 0 || new Date().getTime() > 0 } catch { return false } })()`,
  'randomness of the host': `typeof Math.random === 'function'`,
  'a file by import': `await import('node:fs').then(() => true, () => false)`,
  'changing what every module uses': `(() => { try { Array.prototype.push = () => 0; return true } catch { return false } })()`,
  'changing prototypes unseen': `(() => { try { Object.prototype.polluted = true } catch {} return ({}).polluted === true })()`,
};

const ordinary = async (probe: string): Promise<unknown> => {
  const source = `export default ${probe.includes('import(') ? probe : `(${probe})`};`;
  const { push } = Array.prototype;
  try {
    return ((await import(`data:text/javascript,${encodeURIComponent(source)}`)) as { default: unknown }).default;
  } finally {
    Reflect.set(Array.prototype, 'push', push);
    delete (Object.prototype as { polluted?: boolean }).polluted;
  }
};

test('nothing of the host is in the realm; in an ordinary module all of it is', async () => {
  const lines = Object.entries(PROBES).map(
    ([name, probe]) => `await log(${JSON.stringify(name)} + ': ' + (${probe}));`,
  );
  const app = `import { log } from 'virtsec/sdk';\n${lines.join('\n')}`;
  await using bed = await bedWith({ app }, { partitions: { app: {} } });
  const { reason } = await bed.ended('app');
  assert.equal(reason, '');
  assert.deepEqual(
    bed.log('app'),
    Object.keys(PROBES).map((name) => `${name}: false`),
  );
  for (const [name, probe] of Object.entries(PROBES)) assert.equal(await ordinary(probe), true, `control: ${name}`);
});

const LOOK = `
  const seen = new Set();
  const found = [];
  /** Everything that can be reached from the value. */
  function look(value, path) {
    if ((typeof value !== 'object' && typeof value !== 'function') || value === null || seen.has(value)) return;
    seen.add(value);
    try {
      const made = value.constructor?.constructor?.('return typeof process')?.();
      if (made !== undefined) found.push(path + ' makes ' + made);
    } catch {}
    for (const key of Reflect.ownKeys(value)) {
      const { value: inner, get } = Reflect.getOwnPropertyDescriptor(value, key);
      look(inner, path + '.' + String(key));
      look(get, path + '.get ' + String(key));
    }
    look(Reflect.getPrototypeOf(value), path + '.__proto__');
  }
`;

/** Ways to an object of the host's realm, whose constructor would make code of text there. */
const ESCAPES = `
  import * as sdk from 'virtsec/sdk';
  const { log, port, self, time, crypto, utf8 } = sdk;
${LOOK}
  look({ ...sdk }, 'sdk');
  look(globalThis, 'globalThis');
  const caught = async (name, work) => { try { look(await work(), name) } catch (error) { look(error, name + ' throws') } };
  await caught('digest', () => crypto.subtle.digest('SHA-256', utf8('x')));
  await caught('digest of nothing', () => crypto.subtle.digest('SHA-0', utf8('x')));
  await caught('getRandomValues', () => crypto.getRandomValues(new Uint8Array(4)));
  await caught('getRandomValues of a fake', () => crypto.getRandomValues({ length: 5 }));
  await caught('call', () => port.client('ask').call('x'));
  await caught('send of a fake', () => port.sender('q').send({ length: 3, get 0() { look(new Error(), 'getter') } }));
  await caught('send', () => port.sender('q').send('x'));
  await caught('now', () => time.now());
  await caught('import', () => import('node:fs'));
  look(import('virtsec/sdk'), 'promise of an import');
  look(await import('virtsec/sdk'), 'import of the SDK');
  const refused = import('node:fs');
  look(refused, 'promise of a refused import');
  await refused.catch(() => {});
  await caught('import of ours', () => import('/sdk/app/powers.ts'));
  await caught('import.meta', () => import.meta);
  look(self, 'self');
  // Deep in the stack the host's own functions fail, with errors of the host.
  let depth = 0;
  function deep(work) { depth++; try { deep(work) } catch { try { work() } catch (error) { look(error, 'deep') } } }
  for (const work of [
    () => void crypto.getRandomValues(new Uint8Array(1)),
    () => void time.now().catch((error) => look(error, 'deep now')),
    () => void log('deep').catch((error) => look(error, 'deep log')),
    () => void crypto.subtle.digest('SHA-256', utf8('x')).catch((error) => look(error, 'deep digest')),
  ]) deep(work);
  Error.prepareStackTrace = (error, sites) => sites;
  look(new Error().stack, 'call sites');
  await time.sleep(5);
  await log('looked at ' + (seen.size > 300) + ', deep ' + (depth > 1000) + ', found ' + JSON.stringify(found));
`;

test('no object, result or error that an application can get belongs to the host', async () => {
  await using bed = await bedWith(
    { app: ESCAPES },
    {
      partitions: { app: {}, b: {} },
      channels: { ask: { call: 'app -> b', bytes: 8, within: '5ms' }, q: { queuing: 'app -> b', bytes: 8 } },
    },
  );
  const { reason } = await bed.ended('app');
  assert.equal(reason, '');
  assert.equal(bed.log('app').at(-1), 'looked at true, deep true, found []');
  const control = vm.runInNewContext(`${LOOK} look(leak, 'leak'); found.length`, { leak: () => {} }) as number;
  assert.ok(control > 0, 'control: one function of the host is found');
});

test('console writes to the log of the system', async () => {
  const app = `console.log('a text', 7, { x: [1n] }, undefined); console.error(new Error('told'));`;
  await using bed = await bedWith({ app }, { partitions: { app: {} } });
  assert.equal((await bed.ended('app')).reason, '');
  assert.equal(bed.log('app')[0], 'a text 7 {"x":["1n"]} undefined');
  assert.match(bed.log('app')[1], /^Error: told\n.*app\.ts:1/);
});

test('a module that is not for applications is refused when it is loaded', async () => {
  const cases: [Record<string, string>, RegExp][] = [
    [
      { app: `import fs from 'node:fs';` },
      /app\.ts imports node:fs: an application may import its own files, virtsec\/sdk/,
    ],
    [{ app: `import './none.ts';` }, /app\.ts imports \.\/none\.ts: there is no such module/],
    [{ app: `import '../../../sdk/app/own.ts';` }, /there is no such module/],
    [{ app: `let x = ;` }, /app\.ts/],
    [{ app: `import { x } from './b.ts'; x();`, 'b.ts': `export const y = 1;` }, /x/],
  ];
  for (const [apps, expected] of cases) {
    await assert.rejects(bedWith(apps, { partitions: { app: {} } }), expected, JSON.stringify(apps));
  }
});

test('modules of one application share what they import, and two applications share nothing', async () => {
  const app = (name: string) => ({
    [name]: `
      import { log } from 'virtsec/sdk';
      import { next } from './lib/counter.ts';
      import { next as again } from './lib/../lib/counter.ts';
      await log(\`\${next()} \${again()} \${(await import('./lib/counter.ts')).next()}\`);
    `,
    'lib/counter.ts': `import type { Facts } from 'virtsec/sdk'; let n: number = 0; export const next = (): number => ++n;`,
  });
  await using bed = await bedWith({ ...app('a'), ...app('b') }, { partitions: { a: {}, b: {} } });
  for (const name of ['a', 'b']) {
    assert.equal((await bed.ended(name)).reason, '');
    assert.deepEqual(bed.log(name), ['1 2 3']);
  }
});

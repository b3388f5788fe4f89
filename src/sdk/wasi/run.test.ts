// WebAssembly modules on the WASI host: what is refused, what hostile arguments get, how a program ends.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { assemble } from '../tests/wat.ts';
import { openTestBed, text } from '../testing.ts';
import type { TestBed } from '../testing.ts';
import { ERRNO } from './abi.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'virtsec-wat-'));
after(() => rmSync(folder, { recursive: true }));
let modules = 0;

async function bedWith(
  module: Uint8Array,
  channels: Readonly<Record<string, unknown>> = {},
  config: Readonly<Record<string, unknown>> = {},
): Promise<TestBed> {
  const file = path.join(folder, `app${modules++}.wasm`);
  writeFileSync(file, module);
  const partitions = { app: { app: file, config }, peer: { app: './peer.ts' } };
  return openTestBed({ virtsec: 1, system: 'wat', partitions, channels }, { doubles: ['peer'] });
}

const WASI = (name: string, parameters: string, result = '(result i32)'): string =>
  `(import "wasi_snapshot_preview1" "${name}" (func $${name} (param ${parameters}) ${result}))`;
const IO = WASI('fd_read', 'i32 i32 i32 i32') + WASI('fd_write', 'i32 i32 i32 i32');
const OPEN = WASI('path_open', 'i32 i32 i32 i32 i32 i64 i64 i32 i32');
const EXIT = WASI('proc_exit', 'i32', '');
/** Memory: an iovec at 0, the result of an operation at 16, text at 32. */
const say = (bytes: number): string =>
  `i32.const 0 i32.const 32 i32.store i32.const 4 i32.const ${bytes} i32.store
   i32.const 1 i32.const 0 i32.const 1 i32.const 16 call $fd_write drop`;

test('a program in WebAssembly text writes to the log and ends', async () => {
  await using bed = await bedWith(
    assemble(`(module ${IO}
      (memory (export "memory") 1)
      (data (i32.const 32) "hello\\n")
      (func (export "_start") ${say(6)}))`),
  );
  assert.deepEqual(await bed.ended('app'), { by: 'exit', status: 0, reason: '' });
  assert.deepEqual(bed.log('app'), ['hello']);
});

test('a trap is a fault; what was written before is in the log', async () => {
  await using bed = await bedWith(
    assemble(`(module ${IO}
      (memory (export "memory") 1)
      (data (i32.const 32) "so far")
      (func (export "_start") ${say(6)} unreachable))`),
  );
  const { by, reason } = await bed.ended('app');
  assert.equal(by, 'fault');
  assert.match(reason, /unreachable/);
  assert.equal(bed.log('app')[0], 'so far');
});

test('a module that cannot run here is refused with what it lacks', async () => {
  const memory = '(memory (export "memory") 1)';
  const cases: [Uint8Array, RegExp][] = [
    [
      assemble(`(module (import "env" "system" (func $f)) ${memory} (func (export "_start") nop))`),
      /imports function env\.system/,
    ],
    [assemble(`(module (import "virtsec" "none" (func $f)) ${memory} (func (export "_start") nop))`), /virtsec\.none/],
    [assemble(`(module ${memory} (func (export "run") nop))`), /no function _start/],
    [assemble(`(module (func (export "_start") nop))`), /no memory/],
    [Uint8Array.from([0, 0x61, 0x73, 0x6d, 9, 9, 9, 9]), /version/],
  ];
  for (const [module, expected] of cases) await assert.rejects(bedWith(module), expected);
});

/** Operations with arguments that a hostile or mistaken program gives, and what each gets. */
const HOSTILE: readonly [what: string, call: string, expected: number][] = [
  [
    'a pointer at the end of memory',
    'i32.const 1 i32.const 0xfffffff8 i32.const 1 i32.const 16 call $fd_write',
    ERRNO.fault,
  ],
  ['four billion vectors', 'i32.const 1 i32.const 0 i32.const -1 i32.const 16 call $fd_write', ERRNO.inval],
  [
    'a buffer beyond memory',
    'i32.const 0 i32.const 0x7fffffff i32.store i32.const 4 i32.const 64 i32.store i32.const 1 i32.const 0 i32.const 1 i32.const 16 call $fd_write',
    ERRNO.fault,
  ],
  [
    'a length beyond memory',
    'i32.const 0 i32.const 32 i32.store i32.const 4 i32.const -1 i32.store i32.const 1 i32.const 0 i32.const 1 i32.const 16 call $fd_write',
    ERRNO.fault,
  ],
  ['a result beyond memory', 'i32.const 0 i32.const 0 i32.const 0 i32.const -4 call $fd_read', ERRNO.fault],
  ['a descriptor that is not open', 'i32.const 99 i32.const 0 i32.const 0 i32.const 16 call $fd_write', ERRNO.badf],
  ['a negative descriptor', 'i32.const -1 i32.const 0 i32.const 0 i32.const 16 call $fd_write', ERRNO.badf],
  ['a write to a folder', 'i32.const 3 i32.const 0 i32.const 0 i32.const 16 call $fd_write', ERRNO.notsup],
  [
    'a path beyond memory',
    'i32.const 3 i32.const 0 i32.const 65530 i32.const 100 i32.const 0 i64.const 0 i64.const 0 i32.const 0 i32.const 16 call $path_open',
    ERRNO.fault,
  ],
  [
    'a path out of its folder',
    'i32.const 3 i32.const 0 i32.const 48 i32.const 11 i32.const 0 i64.const 0 i64.const 0 i32.const 0 i32.const 16 call $path_open',
    ERRNO.noent,
  ],
  [
    'a new file',
    'i32.const 4 i32.const 0 i32.const 48 i32.const 5 i32.const 1 i64.const 0 i64.const 0 i32.const 0 i32.const 16 call $path_open',
    ERRNO.rofs,
  ],
  ['too much randomness', 'i32.const 0 i32.const -1 call $random_get', ERRNO.fault],
  ['an unknown clock', 'i32.const 77 i64.const 0 i32.const 16 call $clock_time_get', ERRNO.inval],
  ['polling nothing', 'i32.const 0 i32.const 0 i32.const 0 i32.const 16 call $poll_oneoff', ERRNO.inval],
  [
    'polling more than can be open',
    'i32.const 0 i32.const 0 i32.const 0x7fffff i32.const 16 call $poll_oneoff',
    ERRNO.inval,
  ],
  ['polling beyond memory', 'i32.const 65500 i32.const 0 i32.const 8 i32.const 16 call $poll_oneoff', ERRNO.fault],
  ['what this host has not', 'i32.const 0 call $sock_shutdown', ERRNO.nosys],
  ['a folder that is not preopened', 'i32.const 1 i32.const 16 call $fd_prestat_get', ERRNO.notdir],
  ['a place in a channel', 'i32.const 1 i64.const 0 i32.const 0 i32.const 16 call $fd_seek', ERRNO.spipe],
];

test('hostile arguments get an errno, and harm nobody', async () => {
  const imports = [
    IO,
    OPEN,
    EXIT,
    WASI('random_get', 'i32 i32'),
    WASI('clock_time_get', 'i32 i64 i32'),
    WASI('poll_oneoff', 'i32 i32 i32 i32'),
    WASI('sock_shutdown', 'i32'),
    WASI('fd_prestat_get', 'i32 i32'),
    WASI('fd_seek', 'i32 i64 i32 i32'),
  ].join('\n');
  const calls = HOSTILE.map(
    ([, call, expected], i) => `${call} i32.const ${expected} i32.ne if i32.const ${i + 1} call $proc_exit end`,
  );
  await using bed = await bedWith(
    assemble(`(module ${imports}
      (memory (export "memory") 1)
      (data (i32.const 48) "../../../etc/passwd")
      (func (export "_start") ${calls.join('\n')} i32.const 100 call $proc_exit))`),
  );
  const { status, reason } = await bed.ended('app');
  assert.equal(status, 100, `${reason} ${HOSTILE[status - 1]?.[0]}`);
});

test('a message longer than the buffer stays until there is room for it; one without waiting gets EAGAIN', async () => {
  const openQ = (flags: number): string =>
    `i32.const 3 i32.const 0 i32.const 48 i32.const 1 i32.const 0 i64.const 0 i64.const 0 i32.const ${flags} i32.const 20 call $path_open drop`;
  const read = (room: number): string =>
    `i32.const 0 i32.const 64 i32.store i32.const 4 i32.const ${room} i32.store
     i32.const 20 i32.load i32.const 0 i32.const 1 i32.const 16 call $fd_read`;
  const check = (expected: number, status: number): string =>
    `i32.const ${expected} i32.ne if i32.const ${status} call $proc_exit end`;
  await using bed = await bedWith(
    assemble(`(module ${IO} ${OPEN} ${EXIT}
      (memory (export "memory") 1)
      (data (i32.const 48) "q")
      (func (export "_start")
        ${openQ(4)} ${read(3)} ${check(ERRNO.again, 1)}
        ${openQ(0)} ${read(3)} ${check(ERRNO.msgsize, 2)} ${read(8)} ${check(ERRNO.success, 3)}
        i32.const 0 i32.const 64 i32.store i32.const 4 i32.const 16 i32.load i32.store
        i32.const 1 i32.const 0 i32.const 1 i32.const 16 call $fd_write drop))`),
    { q: { queuing: 'peer -> app', bytes: 8 } },
  );
  await bed.advance(20);
  await bed.partition('peer').port.sender('q').send('message');
  assert.deepEqual(await bed.ended('app'), { by: 'exit', status: 0, reason: '' });
  assert.deepEqual(bed.log('app'), ['message']);
});

test('a call in one step by the module virtsec, and a program that is stopped with the system', async () => {
  const CALL = '(import "virtsec" "call" (func $call (param i32 i32 i32 i32 i32 i32) (result i32)))';
  const BEAT = '(import "virtsec" "beat" (func $beat (result i32)))';
  await using bed = await bedWith(
    assemble(`(module ${IO} ${OPEN} ${CALL} ${BEAT}
      (memory (export "memory") 1)
      (data (i32.const 48) "ask")
      (func (export "_start") (local $fd i32)
        i32.const 3 i32.const 0 i32.const 48 i32.const 3 i32.const 0 i64.const 0 i64.const 0 i32.const 0 i32.const 20 call $path_open drop
        i32.const 20 i32.load local.set $fd
        loop
          local.get $fd i32.const 48 i32.const 3 i32.const 32 i32.const 16 i32.const 24 call $call drop
          i32.const 0 i32.const 32 i32.store i32.const 4 i32.const 24 i32.load i32.store
          i32.const 1 i32.const 0 i32.const 1 i32.const 16 call $fd_write drop
          call $beat drop
          br 0
        end))`),
    { ask: { call: 'app -> peer', bytes: 16, within: '1s' } },
  );
  const server = bed.partition('peer').port.server('ask');
  assert.equal(text(await server.fetch()), 'ask');
  await server.reply('answer\n');
  await server.fetch();
  assert.deepEqual(bed.log('app'), ['answer']);
  await server.reply('');
  await server.fetch();
  bed.stop();
  assert.equal((await bed.ended('app')).by, 'exit');
});

import assert from 'node:assert/strict';
import { closeSync, openSync } from 'node:fs';
import { constants } from 'node:os';
import { test } from 'node:test';
import { CALLS } from './call-numbers.ts';
import {
  EAGAIN,
  FutexSet,
  SEAL,
  SystemCallError,
  addSeals,
  addressOf,
  callNumber,
  closeDescriptor,
  createMemory,
  createPipe,
  futexWait,
  futexWake,
  mapMemory,
  memoryAt,
  must,
  setNonBlocking,
  systemCall,
  whyNoFfi,
  writeByte,
} from './linux.ts';

const skip = whyNoFfi() ?? false;

test('without node:ffi the reason is told', () => {
  process.env['VIRTSEC_NO_FFI'] = '1';
  assert.equal(whyNoFfi(), 'switched off by VIRTSEC_NO_FFI');
  delete process.env['VIRTSEC_NO_FFI'];
});

test('results and errors of calls', { skip }, () => {
  assert.equal(systemCall(CALLS.getpid), process.pid);
  assert.equal(systemCall('close', 9999), -9); // EBADF
  assert.throws(
    () => must('close', 9999),
    (e) => e instanceof SystemCallError && e.errno === 9 && e.message === 'close: errno 9',
  );
});

test('numbers of calls from 424 on are the same on every machine', { skip }, () => {
  assert.equal(callNumber('landlock_restrict_self'), 446);
  assert.equal(callNumber('futex_waitv'), 449);
});

test('memory is shared between its mappings, and cannot be resized', { skip }, () => {
  const fd = createMemory('test', 8192);
  const [a, b] = [mapMemory(fd, 8192, 'write'), mapMemory(fd, 8192, 'read')].map(
    (at) => new Int32Array(memoryAt(at, 8192)),
  );
  a[5] = 77;
  assert.equal(b[5], 77);
  assert.ok(systemCall('ftruncate', fd, 4096) < 0);
  closeDescriptor(fd);
});

test('a sealed memory keeps its writer and gets no other; a read-only mapping stays so', { skip }, () => {
  const EACCES = -13;
  const EPERM = -1;
  const READ_WRITE = 3;
  const fd = createMemory('test', 4096);
  const readOnly = openSync(`/proc/self/fd/${fd}`, 'r');
  const writer = new Int32Array(memoryAt(mapMemory(fd, 4096, 'write'), 4096));
  const reader = mapMemory(readOnly, 4096, 'read');
  addSeals(fd, SEAL.futureWrite | SEAL.seal);
  writer[0] = 1;
  assert.equal(new Int32Array(memoryAt(reader, 4096))[0], 1);
  assert.equal(systemCall(CALLS.mprotect, reader, 4096, READ_WRITE), EACCES);
  assert.throws(() => mapMemory(fd, 4096, 'write'), SystemCallError);
  const again = openSync(`/proc/self/fd/${readOnly}`, 'r+'); // read-write again, past its mode
  assert.throws(() => mapMemory(again, 4096, 'write'), SystemCallError);
  assert.equal(systemCall('write', again, addressOf(new Uint8Array(4)), 4), EPERM);
  for (const one of [fd, readOnly, again]) closeSync(one);
});

test('a full pipe refuses a byte and does not wait', { skip }, () => {
  const [read, write] = createPipe();
  setNonBlocking(write);
  const byte = new Uint8Array(1);
  const at = addressOf(byte);
  let written = 0;
  while (writeByte(write, at) === 1) written += 1;
  assert.ok(written >= 4096);
  assert.equal(writeByte(write, at), -EAGAIN);
  closeDescriptor(read);
  closeDescriptor(write);
});

test('futexes: no sleep on a value that is not there, deadlines, several words at once', { skip }, () => {
  const words = new Int32Array(memoryAt(mapMemory(createMemory('test', 4096), 4096, 'write'), 4096));
  const at = addressOf(words);
  words[0] = 3;
  assert.equal(futexWait(at, 4), -EAGAIN);
  assert.equal(futexWake(at, 1), 0);
  const set = new FutexSet([at, at + 4n]);
  set.expect(0, 3);
  set.expect(1, 1); // the word is 0
  assert.equal(set.wait(0), -EAGAIN);
  set.expect(1, 0);
  const now = Number(process.hrtime.bigint()) / 1e6;
  assert.equal(set.wait(now + 20), -constants.errno.ETIMEDOUT);
  assert.ok(Number(process.hrtime.bigint()) / 1e6 >= now + 19.9);
  set.point(0, at + 8n);
  set.expect(0, 3); // that word is 0
  assert.equal(set.wait(0), -EAGAIN);
  assert.throws(() => new FutexSet(Array(129).fill(at) as bigint[]), RangeError);
});

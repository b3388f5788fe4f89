// What keeps the reader of a stream from writing to it, each with the control that shows that it is this.
import assert from 'node:assert/strict';
import { openSync, readSync, writeSync } from 'node:fs';
import { test } from 'node:test';
import { CALLS } from './call-numbers.ts';
import { closeDescriptor, createMemory, mapMemory, memoryAt, systemCall, whyNoFfi } from './linux.ts';
import { RingMemory } from './ring-memory.ts';

const skip = whyNoFfi() ?? false;
const READ_WRITE = 3;
const EACCES = -13;
const reopen = (fd: number, flags: string) => openSync(`/proc/self/fd/${fd}`, flags);

test(
  'a mapping of a read-only description cannot be made writable; one of a writable description can',
  { skip },
  () => {
    const memory = createMemory('test', 4096);
    const readOnly = reopen(memory, 'r');
    assert.equal(systemCall(CALLS.mprotect, mapMemory(readOnly, 4096, 'read'), 4096, READ_WRITE), EACCES);
    assert.throws(() => mapMemory(readOnly, 4096, 'write'));
    assert.equal(systemCall(CALLS.mprotect, mapMemory(memory, 4096, 'read'), 4096, READ_WRITE), 0);
    // And with the descriptor closed, the mapping is all that is left.
    const at = mapMemory(readOnly, 4096, 'read');
    closeDescriptor(readOnly);
    assert.equal(systemCall(CALLS.mprotect, at, 4096, READ_WRITE), EACCES);
  },
);

test(
  'who still has the read-only descriptor, and may open files, opens it anew for writing: so it is closed',
  { skip },
  () => {
    const readOnly = reopen(createMemory('test', 4096), 'r');
    const writable = reopen(readOnly, 'r+');
    assert.equal(systemCall(CALLS.mprotect, mapMemory(writable, 4096, 'read'), 4096, READ_WRITE), 0);
  },
);

for (const isRestartable of [false, true]) {
  test(
    `${isRestartable ? 'without' : 'with'} a seal, a description that is opened anew maps writable${isRestartable ? '' : ' no more'}`,
    { skip },
    () => {
      const ring = new RingMemory('test', 4096, isRestartable);
      const { data } = ring.descriptors('in');
      const kept = reopen(data, 'r');
      ring.seal();
      if (isRestartable) assert.ok(mapMemory(reopen(kept, 'r+'), 8192, 'write') > 0n);
      else assert.throws(() => mapMemory(reopen(kept, 'r+'), 8192, 'write'), /errno 1$/);
      assert.equal(systemCall(CALLS.mprotect, mapMemory(kept, 8192, 'read'), 4096, READ_WRITE), EACCES);
    },
  );
}

test(
  'with its producer a ring is wiped and gets another generation; with its consumer only the progress page',
  { skip },
  () => {
    const ring = new RingMemory('test', 4096, true);
    const { data, progress } = { data: ring.descriptors('out').data, progress: ring.descriptors('in').progress };
    const words = (fd: number, bytes: number) => new Int32Array(memoryAt(mapMemory(fd, bytes, 'write'), bytes));
    const header = words(data, 8192);
    const tail = words(progress, 4096);
    header.fill(7);
    tail.fill(9);
    header[4] = tail[4] = 3;
    ring.wipe('out');
    assert.deepEqual([...header.subarray(0, 6)], [7, 0, 0, 9, 4, 0]);
    assert.ok(header.subarray(5).every((word) => word === 0));
    assert.ok([...tail.subarray(0, 4), ...tail.subarray(5)].every((word) => word === 9));
    header[0] = 100;
    header[2] = 50;
    header[1500] = 5;
    ring.wipe('in');
    assert.deepEqual([...tail.subarray(0, 6)], [100, 0, 0, 50, 4, 0]);
    assert.ok(tail.subarray(5).every((word) => word === 0));
    assert.equal(header[1500], 5);
  },
);

test('descriptors of an end: what it writes writable, the other one read-only', { skip }, () => {
  const ring = new RingMemory('test', 4096, true);
  const canWrite = (fd: number) => {
    try {
      return writeSync(fd, new Uint8Array(1), 0, 1, 0) === 1;
    } catch {
      assert.equal(readSync(fd, new Uint8Array(1), 0, 1, 0), 1);
      return false;
    }
  };
  assert.deepEqual(Object.values(ring.descriptors('out')).map(canWrite), [true, false]);
  assert.deepEqual(Object.values(ring.descriptors('in')).map(canWrite), [false, true]);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HEADER_BYTES, PROGRESS_BYTES, StreamConsumer, StreamProducer } from './stream.ts';
import type { RingMemory } from './stream.ts';

function ring(bytes: number): RingMemory {
  const data = new SharedArrayBuffer(HEADER_BYTES + bytes);
  return {
    header: new Int32Array(data, 0, HEADER_BYTES / 4),
    data: new Uint8Array(data, HEADER_BYTES, bytes),
    progress: new Int32Array(new SharedArrayBuffer(PROGRESS_BYTES)),
  };
}

function ends(bytes: number) {
  const memory = ring(bytes);
  const seen = { toConsumer: 0, toProducer: 0, dead: false };
  const producer = new StreamProducer(memory, { notify: () => (seen.toConsumer += 1), peerIsDead: () => seen.dead });
  const consumer = new StreamConsumer(memory, { notify: () => (seen.toProducer += 1), peerIsDead: () => seen.dead });
  return { memory, producer, consumer, seen };
}

function randomizer(seed: number): (n: number) => number {
  let x = seed;
  return (n) => {
    x = (Math.imul(x, 1103515245) + 12345) & 0x7fffffff;
    return (x >>> 8) % n;
  };
}

const HEAD = 0;
const WAITING = 1;

test('bytes come out in the order in which they went in, over the wrap of ring and counters', () => {
  const { memory, producer, consumer } = ends(64);
  const start = -40; // 2^32 - 40: the counters wrap in the middle
  memory.header[HEAD] = start;
  memory.progress[HEAD] = start;
  const random = randomizer(7);
  let written = 0;
  let read = 0;
  for (let i = 0; i < 5000; i++) {
    const piece = Uint8Array.from({ length: random(90) }, (_, j) => (written + j) & 0xff);
    if (random(4) === 0) written += producer.writeByte(written & 0xff) ? 1 : 0;
    else written += producer.write(piece);
    assert.equal(consumer.available, written - read);
    assert.equal(producer.space, 64 - (written - read));
    const into = new Uint8Array(random(90));
    const n = consumer.read(into);
    for (let j = 0; j < n; j++) assert.equal(into[j], (read + j) & 0xff);
    read += n;
    if (random(3) === 0) {
      const byte = consumer.readByte();
      assert.equal(byte, read < written ? read & 0xff : -1);
      if (byte >= 0) read += 1;
    }
  }
  assert.ok(written > 50_000);
});

test('a full ring takes nothing, an empty one gives nothing', () => {
  const { producer, consumer } = ends(16);
  assert.equal(producer.write(new Uint8Array(20)), 16);
  assert.equal(producer.write(new Uint8Array(1)), 0);
  assert.equal(producer.writeByte(1), false);
  assert.equal(consumer.read(new Uint8Array(20)), 16);
  assert.equal(consumer.read(new Uint8Array(20)), 0);
  assert.equal(consumer.readByte(), -1);
});

test('NOTIFY is sent once for each wait, and only to an end that waits', () => {
  const { producer, consumer, seen } = ends(16);
  producer.writeByte(1);
  assert.equal(seen.toConsumer, 0);
  assert.equal(consumer.waitForData(), false); // there is data
  consumer.readByte();
  assert.equal(consumer.waitForData(), true);
  producer.writeByte(2);
  producer.writeByte(3);
  assert.equal(seen.toConsumer, 1);
  consumer.read(new Uint8Array(16));
  assert.equal(consumer.waitForData(), true);
  producer.writeByte(4);
  assert.equal(seen.toConsumer, 2);
  // the other way round
  producer.write(new Uint8Array(16));
  assert.equal(producer.waitForSpace(), true);
  consumer.readByte();
  consumer.readByte();
  assert.equal(seen.toProducer, 1);
  assert.equal(producer.waitForSpace(), false);
});

test('another thread of the partition goes on where the first one stopped', () => {
  const { memory, producer, consumer } = ends(16);
  producer.write(Uint8Array.of(1, 2, 3));
  const second = new StreamProducer(memory, { notify() {}, peerIsDead: () => false });
  second.write(Uint8Array.of(4, 5));
  const into = new Uint8Array(5);
  consumer.read(into);
  assert.deepEqual([...into], [1, 2, 3, 4, 5]);
});

test('a dead producer closes a stream only when all that it wrote is read', () => {
  const { producer, consumer, seen } = ends(16);
  producer.write(Uint8Array.of(1));
  seen.dead = true;
  assert.equal(consumer.closed, false);
  assert.equal(consumer.readByte(), 1);
  assert.equal(consumer.closed, true);
  assert.equal(producer.closed, true);
});

test('a count that cannot be closes the stream for good', () => {
  for (const lie of [17, 1 << 20, -1, -(2 ** 31), 2 ** 31 - 1]) {
    const { memory, consumer } = ends(16);
    memory.header[HEAD] = lie;
    assert.equal(consumer.available, 0);
    assert.equal(consumer.read(new Uint8Array(64)), 0);
    assert.equal(consumer.peerLied, true);
    assert.equal(consumer.closed, true);
    memory.header[HEAD] = 4;
    assert.equal(consumer.readByte(), -1);
  }
  for (const lie of [1, 1 << 20, -17, -(2 ** 31)]) {
    const { memory, producer } = ends(16);
    memory.progress[HEAD] = lie;
    assert.equal(producer.space, 0);
    assert.equal(producer.write(new Uint8Array(64)), 0);
    assert.equal(producer.closed, true);
  }
});

test('whatever a hostile producer writes, the consumer stays within its ring and its own page', () => {
  const random = randomizer(Number(process.env['VIRTSEC_SEED'] ?? 11));
  for (let run = 0; run < 300; run++) {
    const { memory, consumer } = ends(32);
    let read = 0;
    for (let i = 0; i < 40; i++) {
      // Mostly plausible counts, so that the attack goes on for a while.
      memory.header[HEAD] = random(5) === 0 ? random(2 ** 30) * 4 : read + random(34);
      memory.header[WAITING] = random(2 ** 30) - 2 ** 29;
      memory.data.fill(random(256));
      const size = random(70);
      const into = new Uint8Array(size + 8).fill(0xee);
      const n = consumer.read(into.subarray(4, 4 + size));
      assert.ok(n >= 0 && n <= Math.min(size, 32));
      assert.deepEqual([...into.subarray(0, 4), ...into.subarray(4 + n)], Array(8 + size - n).fill(0xee));
      read += n;
      assert.equal(memory.progress[HEAD], read);
      if (random(4) === 0) consumer.waitForData();
      assert.ok(consumer.readByte() >= -1);
      read = memory.progress[HEAD];
    }
  }
});

test('whatever a hostile consumer writes, the producer stays within its ring and its own page', () => {
  const random = randomizer(Number(process.env['VIRTSEC_SEED'] ?? 13));
  for (let run = 0; run < 300; run++) {
    const { memory, producer } = ends(32);
    let written = 0;
    for (let i = 0; i < 40; i++) {
      memory.progress[HEAD] = random(5) === 0 ? random(2 ** 30) * 4 : written - random(34);
      memory.progress[WAITING] = random(2 ** 30) - 2 ** 29;
      const n = producer.write(new Uint8Array(random(70)));
      assert.ok(n >= 0 && n <= 32);
      written += n;
      assert.equal(memory.header[HEAD], written);
      if (producer.writeByte(1)) written += 1;
      if (random(4) === 0) producer.waitForSpace();
    }
    assert.equal(memory.data.length, 32);
  }
});

test('a hostile peer cannot make this end notify more than once for each of its own steps', () => {
  const { memory, producer, seen } = ends(32);
  for (let i = 0; i < 32; i++) {
    memory.progress[WAITING] = i + 1;
    producer.writeByte(0);
  }
  assert.equal(seen.toConsumer, 32);
});

const GENERATION = 4;

/** As the kernel does it when the producer is dead and another one will start (kernel/hosted/ring-memory.ts). */
function restartProducer(memory: RingMemory): void {
  Atomics.add(memory.header, GENERATION, 1);
  memory.data.fill(0);
  for (const word of [1, 2, 3]) memory.header[word] = 0;
}

test('another producer: the old one is left unread, and the new one writes when its consumer has joined', () => {
  const { memory, producer, consumer, seen } = ends(64);
  producer.write(Uint8Array.of(1, 2, 3));
  restartProducer(memory);
  const next = new StreamProducer(memory, { notify: () => (seen.toConsumer += 1), peerIsDead: () => false });
  assert.equal(next.write(Uint8Array.of(9)), 0);
  assert.equal(next.waitForSpace(), true);
  assert.equal(consumer.takeRestart(), false);
  assert.equal(consumer.available, 0);
  assert.equal(consumer.takeRestart(), true);
  assert.equal(seen.toProducer, 1);
  assert.equal(next.space, 64);
  next.write(Uint8Array.of(7, 8));
  const into = new Uint8Array(8);
  assert.deepEqual([consumer.read(into), ...into.subarray(0, 2)], [2, 7, 8]);
  assert.equal(consumer.takeRestart(), false);
});

test('what is wiped while the consumer reads it does not count as read', () => {
  const { memory, producer, consumer } = ends(64);
  producer.write(new Uint8Array(10).fill(5));
  // The kernel's hand comes between the look at the count and the copy.
  class Torn extends Uint8Array {
    override set(...parts: Parameters<Uint8Array['set']>): void {
      restartProducer(memory);
      super.set(...parts);
    }
  }
  assert.equal(consumer.read(new Torn(10)), 0);
  assert.equal(consumer.available, 0);
  assert.equal(consumer.peerLied, false);
});

test('a consumer that lied is forgiven once it is dead, because the next one may be honest', () => {
  const { memory, producer, seen } = ends(64);
  memory.progress[HEAD] = 1000;
  assert.equal(producer.space, 0);
  assert.equal(producer.peerLied, true);
  memory.progress[HEAD] = 0;
  assert.equal(producer.space, 0);
  seen.dead = true;
  assert.equal(producer.closed, true);
  assert.equal(producer.space, 64);
  seen.dead = false;
  assert.equal(producer.closed, false);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StreamConsumer, StreamProducer } from '../../sdk/stream.ts';
import { ConsoleLine } from './line.ts';

/** Both ends of a ring in ordinary memory, with the notifications that the ends have sent. */
function ring(bytes: number) {
  const memory = {
    header: new Int32Array(new SharedArrayBuffer(64)),
    data: new Uint8Array(new SharedArrayBuffer(bytes)),
    progress: new Int32Array(new SharedArrayBuffer(64)),
  };
  const state = { notified: 0, dead: false };
  const link = { notify: () => void state.notified++, peerIsDead: () => state.dead };
  return { producer: new StreamProducer(memory, link), consumer: new StreamConsumer(memory, link), state };
}

function consoleLine(bytes = 16) {
  const toGuest = ring(bytes);
  const fromGuest = ring(bytes);
  return { line: new ConsoleLine('linux', toGuest.producer, fromGuest.consumer), toGuest, fromGuest };
}

/** What the guest finds in its input now. */
function guestReads(consumer: StreamConsumer): string {
  const bytes = new Uint8Array(64);
  return Buffer.from(bytes.subarray(0, consumer.read(bytes))).toString();
}

test('what the guest has no room for waits, in order, and nothing is lost', () => {
  const { line, toGuest } = consoleLine(16);
  line.type(Buffer.from('0123456789'));
  line.type(Buffer.from('abcdefghij'));
  assert.equal(line.sendTyped(), false, 'the terminal must pause');
  assert.equal(guestReads(toGuest.consumer), '0123456789abcdef');
  assert.equal(toGuest.state.notified, 1, 'the guest told that there is room, as it was asked to');
  line.type(Buffer.from('!'));
  assert.equal(line.sendTyped(), true);
  assert.equal(guestReads(toGuest.consumer), 'ghij!');
});

test('typing to a dead guest waits for nothing', () => {
  const { line, toGuest } = consoleLine(16);
  line.type(new Uint8Array(100));
  toGuest.state.dead = true;
  assert.equal(line.sendTyped(), true);
});

test('output comes in chunks of their own memory, then asks to be told of more', () => {
  const { line, fromGuest } = consoleLine(16);
  fromGuest.producer.write(Buffer.from('hello'));
  const chunk = line.next();
  fromGuest.producer.write(Buffer.from('HELLO'));
  assert.equal(Buffer.from(chunk!).toString(), 'hello');
  assert.equal(Buffer.from(line.next()!).toString(), 'HELLO');
  assert.equal(line.next(), undefined);
  fromGuest.producer.write(Buffer.from('x'));
  assert.equal(fromGuest.state.notified, 1);
  assert.equal(line.isClosed, false);
});

test('a hidden console keeps the newest 64 KiB, and its guest never waits', () => {
  const { line, fromGuest } = consoleLine(4096);
  let written = '';
  for (let i = 0; i < 100; i++) {
    const text = String(i).padStart(1024, '.');
    written += text;
    assert.equal(fromGuest.producer.write(Buffer.from(text)), 1024);
    line.keep();
  }
  const kept = Buffer.from(line.takeKept()).toString();
  assert.ok(kept.length >= 64 * 1024 && kept.length < 66 * 1024, String(kept.length));
  assert.ok(written.endsWith(kept));
  assert.equal(line.takeKept().length, 0);
});

test('a console whose guest is dead is closed once its last words are read', () => {
  const { line, fromGuest } = consoleLine();
  fromGuest.producer.write(Buffer.from('bye'));
  fromGuest.state.dead = true;
  assert.equal(line.isClosed, false);
  assert.equal(Buffer.from(line.next()!).toString(), 'bye');
  assert.equal(line.next(), undefined);
  assert.equal(line.isClosed, true);
});

test('a hidden guest that writes byte by byte is kept as easily', () => {
  const { line, fromGuest } = consoleLine(4096);
  const before = process.cpuUsage();
  for (let i = 0; i < 150_000; i++) {
    fromGuest.producer.write(Uint8Array.of(i));
    line.keep();
  }
  assert.ok(process.cpuUsage(before).user < 5e6); // a piece for each byte: 20 s and more
  const kept = line.takeKept();
  assert.ok(kept.length >= 64 * 1024 && kept.length <= 65 * 1024, String(kept.length));
  assert.equal(kept.at(-1), (150_000 - 1) & 0xff);
});

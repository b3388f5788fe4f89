// The link of an application that is a process of the hosted kernel: its call page, its streams, its descriptors.
import { randomFillSync } from 'node:crypto';
import { fstatSync, readSync, writeSync } from 'node:fs';
import { OK, OP_EXIT, OP_LOG, OUT_HEAD } from '../../kernel/abi.ts';
import type { Partition } from '../hosted/partition.ts';
import type { StreamConsumer, StreamProducer } from '../stream.ts';
import type { Answer, KernelLink } from '../link.ts';
import { CryptoHost } from './crypto-host.ts';

/** The file that holds the application itself: no storage of it. */
export const APP_FILE = 'app';

const NOTHING: Answer = { result: OK, words: [0, 0, 0, 0], message: new Uint8Array() };

export function processLink(partition: Partition): KernelLink {
  const { start } = partition;
  const crypto = new CryptoHost();
  const decoder = new TextDecoder();
  const files = new Map(Object.entries(start.files).filter(([name]) => name !== APP_FILE));
  const producers = new Map<number, StreamProducer>();
  const consumers = new Map<number, StreamConsumer>();
  start.streams.forEach(({ name, direction }, end) => {
    if (direction === 'out') producers.set(end, partition.producer(name));
    else consumers.set(end, partition.consumer(name));
  });
  /** What a file operation gives; -1: the descriptor does not allow it. */
  const onFile = (name: string, work: (descriptor: number) => number): number => {
    const descriptor = files.get(name);
    if (descriptor === undefined) return -1;
    try {
      return work(descriptor);
    } catch {
      return -1;
    }
  };
  return {
    facts: { ...start, files: [...files.keys()] },
    call(op, a0, a1, a2, message) {
      if (op === OP_EXIT) return partition.exit(a0);
      if (op === OP_LOG) {
        partition.log(decoder.decode(message));
        return NOTHING;
      }
      return partition.operate(op, a0, a1, a2, message, (result, out, received, count) => {
        const words = Array.from({ length: OUT_HEAD }, (_, i) => (i < count ? out[i] : 0));
        return { result, words, message: received.slice(0, count < OUT_HEAD ? 0 : words[0]) };
      });
    },
    onWake: (callback) => partition.onWake(({ stopping }) => callback(stopping)),
    after(milliseconds, callback) {
      const timer = setTimeout(callback, milliseconds);
      return () => clearTimeout(timer);
    },
    readStream(end, into) {
      const stream = consumers.get(end);
      if (stream === undefined) return -1;
      for (;;) {
        const count = stream.read(into);
        if (count > 0) return count;
        if (stream.closed) return -1;
        if (stream.waitForData()) return 0;
      }
    },
    writeStream(end, bytes) {
      const stream = producers.get(end);
      if (stream === undefined) return -1;
      for (;;) {
        if (stream.closed) return -1;
        const count = stream.write(bytes);
        if (count > 0) return count;
        if (stream.waitForSpace()) return 0;
      }
    },
    roomInStream(end) {
      const stream = producers.get(end);
      if (stream === undefined) return -1;
      if (stream.closed) return -1;
      return stream.waitForSpace() ? 0 : stream.space;
    },
    readFile: (name, position, into) => onFile(name, (fd) => readSync(fd, into, 0, into.length, position)),
    writeFile: (name, position, bytes) => onFile(name, (fd) => writeSync(fd, bytes, 0, bytes.length, position)),
    fileSize: (name) => onFile(name, (fd) => fstatSync(fd).size),
    random: (into) => void randomFillSync(into),
    crypto: (json, parts) => crypto.carryOut(json, parts),
    fail(reason) {
      writeSync(2, `${reason}\n`); // the kernel's log pipe
      process.exit(1);
    },
  };
}

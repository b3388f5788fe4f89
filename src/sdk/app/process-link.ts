// The link of an application that is a process of the hosted kernel: its call page, its streams, its descriptors.
import { randomFillSync } from 'node:crypto';
import { fstatSync, readSync, writeSync } from 'node:fs';
import { OK, OP_EXIT, OP_LOG, OUT_HEAD } from '../../kernel/abi.ts';
import type { Partition } from '../hosted/partition.ts';
import type { Answer, KernelLink } from '../link.ts';
import { CryptoHost } from './crypto-host.ts';
import { streamOperations } from './stream-ends.ts';

/** The file that holds the application itself: no storage of it. */
export const APP_FILE = 'app';

const NOTHING: Answer = { result: OK, words: [0, 0, 0, 0], message: new Uint8Array() };

export function processLink(partition: Partition): KernelLink {
  const { start } = partition;
  const crypto = new CryptoHost();
  const decoder = new TextDecoder();
  const files = new Map(Object.entries(start.files).filter(([name]) => name !== APP_FILE));
  const ends = start.streams.map(({ name, direction }) =>
    direction === 'out' ? partition.producer(name) : partition.consumer(name),
  );
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
    deadline: (word) => partition.setDeadline(word),
    ...streamOperations(ends),
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

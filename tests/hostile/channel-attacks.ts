// What a partition tries on what it shares with the kernel and with others: its call page, its streams, its pipes. Each goes on for a while
// and says what it was granted that it has no right to.
import {
  OK,
  OP_AUDIT,
  OP_GRANT,
  OP_HELLO,
  OP_LOG,
  OP_NOTIFY,
  OP_RESET,
  OP_RESTART,
  OP_SEND,
  OP_SET_MODE,
  OP_SHUTDOWN,
  OP_START,
  OP_STOP,
  OP_STREAM,
  W_ANSWERED,
  W_ARG0,
  W_ARG1,
  W_DOORBELL,
  W_OP,
  W_OUT,
  W_STOPPING,
  W_WAKE,
} from '../../src/kernel/abi.ts';
import type { Partition } from '../../src/sdk/index.ts';
import type { Native } from './native.ts';

export interface Attacked {
  readonly partition: Partition;
  readonly native: Native;
  readonly words: Int32Array;
  /** Wakes the kernel to look at the doorbell. */
  readonly ring: () => void;
  /** Words of the stream `line` that this partition writes: of the header it produces, of the progress of what it consumes. */
  readonly header: Int32Array;
  readonly progress: Int32Array;
  readonly wakePipe: number;
  readonly isOver: () => boolean;
}

export interface ChannelAttack {
  readonly title: string;
  /** How often it was granted what it must not be. */
  readonly act: (a: Attacked) => number;
  /** What it has with the victim: a queue to it (handle `own`), a stream both ways. */
  readonly needs?: 'queue' | 'stream';
  /** The attacker has ended itself by this. */
  readonly ends?: true;
}

const own = 0;
let seed = 12345;
const random = (n: number): number => {
  seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff;
  return (seed >>> 8) % n;
};
const message = new Uint8Array(64).fill(0x55);
const resultOf = ({ partition }: Attacked, op: number, a0 = 0, a1 = 0, a2 = 0): number =>
  partition.operate(op, a0, a1, a2, message, (result) => result);

/** Makes calls by hand: any words, and no wait for the answer but a short one. */
function place({ words, ring }: Attacked, op: number, a0: number, a1: number): void {
  words[W_OP] = op;
  words[W_ARG0] = a0;
  words[W_ARG1] = a1;
  Atomics.add(words, W_DOORBELL, 1);
  ring();
}
function again(a: Attacked, act: () => void): number {
  while (!a.isOver()) act();
  return 0;
}

export const CHANNEL_ATTACKS: readonly ChannelAttack[] = [
  { title: 'nothing but work: what all others are held beside', act: (a) => again(a, () => Math.sqrt(random(9))) },
  {
    title: 'tries every handle with every operation on channels',
    needs: 'queue',
    act: (a) => {
      let granted = 0;
      for (let handle = -2; handle < 64; handle++) {
        for (let op = OP_SEND; op < OP_GRANT; op++) {
          if (handle === own || op === 16) continue; // POLL of its own signals is its right
          if (resultOf(a, op, handle, 64) === OK) granted += 1;
        }
      }
      return granted;
    },
  },
  {
    title: 'starts, stops, restarts, audits and switches without the right',
    act: (a) => {
      let granted = 0;
      for (const op of [OP_START, OP_STOP, OP_RESTART, OP_AUDIT, OP_SET_MODE, OP_SHUTDOWN]) {
        for (let of = -1; of < 64; of++) if (resultOf(a, op, of, of, 1) === OK) granted += 1;
      }
      return granted;
    },
  },
  {
    title: 'sends messages longer than they may be, and of negative length',
    needs: 'queue',
    act: (a) =>
      [65, 1024, 1025, 4096, 2 ** 30, 2 ** 31 - 1, -1, -(2 ** 31)].filter(
        (bytes) => resultOf(a, OP_SEND, own, bytes) === OK,
      ).length,
  },
  {
    title: 'asks for streams, waits and signals beyond all ranges',
    needs: 'stream',
    act: (a) =>
      [-1, 31, 32, 63, 2 ** 30, -(2 ** 31)].filter(
        (n) =>
          resultOf(a, OP_NOTIFY, n) === OK ||
          resultOf(a, OP_STREAM, n) === OK ||
          resultOf(a, OP_SEND, own, 8, -1) === OK,
      ).length,
  },
  {
    title: 'changes a call while the kernel looks at it',
    needs: 'queue',
    act: (a) =>
      again(a, () => {
        place(a, OP_SEND, own, 64);
        for (let i = 0; i < 50; i++) {
          a.words[W_OP] = i % 2 === 0 ? OP_SHUTDOWN : OP_SEND;
          a.words[W_ARG0] = i;
          a.words[W_ARG1] = i % 3 === 0 ? 2 ** 30 : 64;
        }
      }),
  },
  {
    title: 'lets its doorbell jump, forwards and back',
    needs: 'stream',
    act: (a) =>
      again(a, () => {
        a.words[W_OP] = OP_NOTIFY;
        a.words[W_DOORBELL] = random(2 ** 30) * (random(2) * 2 - 1);
        a.ring();
      }),
  },
  {
    title: "writes the kernel's words of its page",
    needs: 'stream',
    act: (a) =>
      again(a, () => {
        a.words[[W_ANSWERED, W_WAKE, W_STOPPING, W_OUT, W_OUT + 1, 19, 20][random(7)]] = random(2 ** 30);
        place(a, OP_NOTIFY, 0, 0);
      }),
  },
  { title: 'fills its page with anything', act: (a) => again(a, () => noise(a)) },
  { title: 'says HELLO again and again', act: (a) => again(a, () => place(a, OP_HELLO, -1, 0)) },
  { title: 'notifies without end', needs: 'stream', act: (a) => again(a, () => a.partition.notify(0)) },
  { title: 'rings without a call', act: (a) => again(a, a.ring) },
  { title: 'makes illegal calls without end', act: (a) => again(a, () => void resultOf(a, 999)) },
  { title: 'logs without end', act: (a) => again(a, () => place(a, OP_LOG, 2048, 0)) },
  { title: 'resets without end', act: (a) => again(a, () => void resultOf(a, OP_RESET)) },
  { title: 'sends without end', needs: 'queue', act: (a) => again(a, () => void resultOf(a, OP_SEND, own, 64)) },
  {
    title: 'writes to its log without end',
    act: (a) => again(a, () => void a.native.call(1, 2, a.native.text('\n\x1b[2J\n'), 8)),
  },
  {
    title: 'says that it has written what it cannot have',
    needs: 'stream',
    act: (a) => again(a, () => void (a.header[0] = random(2 ** 30))),
  },
  {
    title: 'says that it has been started again, without end',
    needs: 'stream',
    act: (a) => again(a, () => void Atomics.add(a.header, 4, 1)),
  },
  {
    title: 'says that it has read what was never written',
    needs: 'stream',
    act: (a) => again(a, () => void (a.progress[0] = random(2 ** 30))),
  },
  {
    title: 'waits anew for each byte that the other writes',
    needs: 'stream',
    act: (a) => again(a, () => void Atomics.add(a.progress, 1, 1)),
  },
  {
    title: "wakes every word of its page, the kernel's and its own",
    act: (a) => again(a, () => void a.native.call(202, a.native.page + BigInt(4 * random(1024)), 1, 2 ** 30)),
  },
  {
    title: 'never empties its wake pipe, and closes it',
    needs: 'stream',
    act: (a) => {
      a.native.call(3, a.wakePipe);
      return again(a, () => a.partition.notify(0));
    },
  },
  {
    title: 'closes every descriptor that it has',
    needs: 'stream',
    act: (a) => {
      for (let fd = 0; fd < 64; fd++) a.native.call(3, fd);
      return again(a, () => a.partition.notify(0));
    },
  },
  {
    title: 'takes its call page away while a call is open',
    ends: true,
    act: (a) => {
      place(a, OP_LOG, 2048, 0);
      a.native.call(11, a.native.page, 4096);
      a.native.call(231, 1);
      return 0;
    },
  },
  {
    title: 'ends in the middle of a call',
    needs: 'queue',
    ends: true,
    act: (a) => {
      place(a, OP_SEND, own, 64);
      a.native.call(231, 0);
      return 0;
    },
  },
];

function noise(a: Attacked): void {
  for (let i = 0; i < 20; i++) a.words[random(1024)] = random(2 ** 30) - 2 ** 29;
  a.words[W_OP] = random(20) + 6;
  a.ring();
}

// A partition that makes the operations of ports by hand, as `config.does` says, and logs what came of them.
import {
  OK,
  OP_CALL,
  OP_FETCH,
  OP_POLL,
  OP_READ,
  OP_RECEIVE,
  OP_REPLY,
  OP_SEND,
  OP_SIGNAL,
  OP_TIME,
  OP_WAIT,
  OP_WRITE,
} from '../../src/kernel/abi.ts';
import { startPartition } from '../../src/sdk/index.ts';

const partition = await startPartition();
const { ports, tick } = partition.start;
const config = partition.start.config as { does: string; times?: number };
const MS = 1000 / tick;

interface Seen {
  readonly result: number;
  readonly words: readonly number[];
  readonly text: string;
}
function operate(op: number, a0: number, a1 = 0, a2 = 0, text?: string): Seen {
  const message = text === undefined ? undefined : new TextEncoder().encode(text);
  return partition.operate(op, a0, a1, a2, message, (result, out, received, count) => ({
    result,
    words: [...out.subarray(0, Math.min(count, 4))],
    text: result === OK && count >= 4 ? new TextDecoder().decode(received.slice(0, out[0])) : '',
  }));
}
function handle(name: string): number {
  const port = ports.find((one) => one.name === name);
  if (port === undefined) throw new Error(`no port ${name}`);
  return port.handle;
}
const send = (name: string, text: string, wait = 0) => operate(OP_SEND, handle(name), text.length, wait, text).result;
const receive = (name: string, wait = 0) => operate(OP_RECEIVE, handle(name), wait);
/** Without a word to the kernel. */
const sleep = (ms: number) => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
const log = (...words: unknown[]) => partition.log(words.join(' '));

await partition.seal();
await partition.hello();

const does: Readonly<Record<string, () => void>> = {
  /** Asks b for each of its services in turn. */
  asker() {
    for (let i = 0; i < (config.times ?? 1); i++) {
      const { result, text } = operate(OP_CALL, handle('ask'), 5, 0, `abcd${i % 10}`);
      if (result !== OK || text !== `${i % 10}dcba`) return partition.exit(1);
    }
    log('called', config.times ?? 1);
    for (let i = 0; i < 6; i++) log('sent', send('orders', `order ${i}`, i < 5 ? 0 : 400 * MS));
    log('signalled', operate(OP_SIGNAL, handle('poke'), 1).result);
    for (let value = operate(OP_READ, handle('level')); ; value = operate(OP_READ, handle('level'))) {
      if (value.result !== OK) {
        operate(OP_WAIT, 100 * MS);
        continue;
      }
      log('level', value.text, value.words[2] === 1 ? 'valid' : 'stale', value.words[1] < 1000 * MS);
      break;
    }
    const before = operate(OP_TIME, 0).words;
    log('nothing', receive('news', 50 * MS).result);
    const after = operate(OP_TIME, 0).words;
    const waited = (after[1] - before[1]) / MS;
    log('waited', waited >= 50 && waited < 1000 ? 'long enough' : waited);
    log('late', operate(OP_CALL, handle('ask'), 4, 0, 'slow').result);
    partition.exit(0);
  },
  server() {
    for (let left = config.times ?? 1; left > 0; left--) {
      const { result, text } = operate(OP_FETCH, handle('ask'), 5000 * MS);
      if (result !== OK) return log('fetch', result);
      const turned = text.split('').toReversed().join('');
      operate(OP_REPLY, handle('ask'), turned.length, 0, turned);
    }
    // The queue of four is full by the fifth order, whose sender is told; the sixth waits for a place.
    sleep(200);
    for (let order = receive('orders', 200 * MS); order.result === OK; order = receive('orders', 200 * MS)) {
      log('got', order.text);
    }
    operate(OP_WRITE, handle('level'), 4, 0, '1234');
    const slow = operate(OP_FETCH, handle('ask'), 5000 * MS);
    log('asked', slow.text);
    sleep(700);
    log('reply', operate(OP_REPLY, handle('ask'), 2, 0, 'no').result);
    partition.exit(0);
  },
  /** With an event loop: never blocks, is woken by whatever comes in. */
  listener() {
    partition.onWake(({ stopping }) => {
      for (let one = receive('orders'); one.result === OK; one = receive('orders')) log('got', one.text);
      const bits = operate(OP_POLL, -1).words[0];
      if (bits !== 0) {
        log('signal', bits);
        partition.exit(0);
      }
      if (stopping) partition.exit(0);
    });
  },
  sender() {
    for (let i = 0; i < 3; i++) {
      send('orders', `order ${i}`);
    }
    setTimeout(() => {
      send('orders', 'order 3');
      operate(OP_SIGNAL, handle('poke'), 1);
      partition.exit(0);
    }, 200);
  },
  /** An argument that cannot be. */
  illegal() {
    log('result', operate(OP_SEND, handle('orders'), 65, 0).result);
    partition.exit(0);
  },
  foreign() {
    log('result', operate(OP_RECEIVE, 31, 0).result);
    partition.exit(0);
  },
  idle() {},
};
does[config.does]();

// One of the partitions of kill.ts: sends numbered messages to the next one, and holds those of the one before against their order.
// It says `WRONG ...` when one is missing, comes twice or too early.
import { OK, OP_RECEIVE, OP_SEND } from '../../src/kernel/abi.ts';
import { startPartition } from '../../src/sdk/index.ts';

const partition = await startPartition();
const { ports, startKind, tick } = partition.start;
const handle = (direction: 'in' | 'out'): number => ports.find((port) => port.direction === direction)!.handle;
const [input, output] = [handle('in'), handle('out')];
/** Of this process: no other has the same. */
const life = Math.trunc(performance.timeOrigin * 1000) % 2 ** 31;
const WAIT = 4000 / tick;
const message = new Int32Array(2);
const bytes = new Uint8Array(message.buffer);
await partition.seal();
await partition.hello();

let sent = 0;
let of = -1;
let next = 0;
let received = 0;
/** Of a sender that was there before this process, what it sent before is another's loss. */
let knowsAny = startKind === 'boot';
for (;;) {
  message[0] = life;
  message[1] = sent;
  if (partition.operate(OP_SEND, output, 8, 0, bytes, (result) => result) === OK) sent += 1;
  const isThere = partition.operate(OP_RECEIVE, input, WAIT, 0, undefined, (result, out, got) => {
    if (result !== OK) return false;
    if (out[0] !== 8) partition.log(`WRONG length ${out[0]}`);
    bytes.set(got.subarray(0, 8));
    return true;
  });
  if (!isThere) continue;
  const [sender, number] = message;
  if (sender !== of) {
    // A new process begins at its beginning, unless this one is newer.
    if (knowsAny && number !== 0) partition.log(`WRONG ${number} is the first of ${sender}`);
    of = sender;
  } else if (number !== next) partition.log(`WRONG ${number} after ${next - 1} of ${sender}`);
  knowsAny = true;
  next = number + 1;
  received += 1;
  if (received % 100 === 0) partition.log('received 100');
}

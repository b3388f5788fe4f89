// A partition that has gone bad: it writes whatever it likes into its call page (or control pipe), rings as it likes, and never waits for an
// answer. `config.seed`; with `config.hello` it lies in its HELLO too; with `config.ports` it makes every operation, with any arguments.
import { writeSync } from 'node:fs';
import {
  CONTROL_FD,
  W_ANSWERED,
  W_ARG0,
  W_DOORBELL,
  W_OP,
  W_TEXT,
  W_WAKE,
  OP_EXIT,
  OP_HELLO,
  OP_LOG,
  OP_SEND,
} from '../../src/kernel/abi.ts';
import { callPageAt } from '../../src/sdk/hosted/memory.ts';
import { startPartition } from '../../src/sdk/index.ts';

const partition = await startPartition();
const shared = partition.share();
const config = partition.start.config as { seed: number; hello?: boolean; legal?: boolean; ports?: boolean };
let x = config.seed;
const random = (n: number) => {
  x = (Math.imul(x, 1103515245) + 12345) & 0x7fffffff;
  return (x >>> 8) % n;
};

if (shared.transport === 'pipes') {
  await partition.hello();
  const bad = [
    '{"op":6,"argument":1',
    'null',
    '[]',
    '{"op":1e300,"argument":0}',
    '{"op":2,"argument":99}',
    'x'.repeat(20_000),
  ];
  for (;;) writeSync(CONTROL_FD, `${bad[random(bad.length)]}${random(2) === 0 ? '\n' : ''}`);
}
const { words, ring } = callPageAt(shared.page);

if (config.hello === true) {
  for (let i = W_TEXT; i < words.length; i++) words[i] = random(2 ** 30) * 4;
  words[W_OP] = OP_HELLO;
  words[W_ARG0] = -1;
  Atomics.add(words, W_DOORBELL, 1);
  ring();
  while (Atomics.load(words, W_ANSWERED) === 0) await new Promise((resolve) => setTimeout(resolve, 5));
} else {
  await partition.seal();
  await partition.hello();
}

/** All but EXIT, whose argument would end it. */
const anyOperation = (): number => {
  const op = random(33) - 1;
  return op === OP_EXIT ? OP_SEND : op;
};
const anyArgument = (): number => [random(8), random(40) - 4, random(2 ** 30), -random(2 ** 30)][random(4)];

for (;;) {
  const kind = random(100);
  if (config.ports === true) {
    words[W_OP] = anyOperation();
    words[W_ARG0] = anyArgument();
    words[W_ARG0 + 1] = anyArgument();
    words[W_ARG0 + 2] = anyArgument();
    for (let i = random(4); i > 0; i--) words[random(words.length)] = random(2 ** 30) * 2;
    Atomics.add(words, W_DOORBELL, 1);
    ring();
    // Half of the time it waits for the answer, so that calls come through; the other half it writes on meanwhile.
    if (kind < 50) for (let i = 0; i < 200 && Atomics.load(words, W_ANSWERED) !== Atomics.load(words, W_DOORBELL); i++);
    continue;
  }
  if (kind < 60) words[random(words.length)] = random(2 ** 30) - 2 ** 29;
  else if (kind < 90) {
    // What is legal lives longer, and floods.
    words[W_OP] = kind < 75 ? 2 : OP_LOG;
    words[W_ARG0] = kind < 75 ? 0 : random(2049);
    words[W_DOORBELL] = random(2 ** 30);
    ring();
  } else if (config.legal !== true) {
    words[W_OP] = random(9) - 1;
    words[W_ARG0] = random(300) - 20;
    words[W_DOORBELL] = random(2 ** 30);
    words[W_WAKE] = random(5);
    ring();
  }
}

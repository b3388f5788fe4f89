// A toy partition: sends `config.text`, `config.times` over, by `ping`, and whoever has `config.echo` sends it back over `pong`.
import { startPartition } from '../../src/sdk/index.ts';

const partition = await startPartition();
const config = partition.start.config as { text?: string; times?: number; echo?: boolean };
const [sendOver, receiveOver] = config.echo === true ? ['pong', 'ping'] : ['ping', 'pong'];
const out = partition.producer(sendOver);
const input = partition.consumer(receiveOver);
const text = new TextEncoder().encode((config.text ?? '').repeat(config.times ?? 1));
let sent = 0;
const received: number[] = [];

/** Moves what can be moved now. True: the rest must wait, and a notification of it is asked for. */
function echo(): boolean {
  const buffer = new Uint8Array(300);
  for (;;) {
    if (out.space === 0) {
      if (out.waitForSpace()) return true;
      continue;
    }
    const n = input.read(buffer.subarray(0, Math.min(buffer.length, out.space)));
    if (n === 0 && input.waitForData()) return true;
    out.write(buffer.subarray(0, n));
  }
}

function sendAndCompare(): boolean {
  const buffer = new Uint8Array(300);
  for (;;) {
    sent += out.write(text.subarray(sent));
    for (let n = input.read(buffer); n > 0; n = input.read(buffer)) received.push(...buffer.subarray(0, n));
    if (received.length >= text.length) {
      const same = received.length === text.length && received.every((byte, i) => byte === text[i]);
      partition.log(same ? 'all came back' : 'something else came back');
      partition.exit(same ? 7 : 1);
    }
    if ((sent === text.length || out.waitForSpace()) && input.waitForData()) return true;
  }
}

function work(stopping: boolean): void {
  if (config.echo === true) echo();
  else sendAndCompare();
  if (stopping) partition.exit(0);
}

partition.onWake(({ stopping }) => work(stopping));
await partition.seal();
await partition.hello();
work(false);

// A toy partition: sends `config.text` over `ping`, and whoever has `config.echo` sends it back over `pong`.
import { startPartition } from '../../src/sdk/index.ts';

const partition = await startPartition();
const { config } = partition.start;
const [sendOver, receiveOver] = config['echo'] === true ? ['pong', 'ping'] : ['ping', 'pong'];
const out = partition.producer(sendOver);
const input = partition.consumer(receiveOver);
const text = new TextEncoder().encode(String(config['text'] ?? ''));
let sent = 0;
const received: number[] = [];

/** Does all that can be done now, and asks for a notification of the rest. */
function work(stopping: boolean): void {
  const buffer = new Uint8Array(300);
  do {
    if (config['echo'] === true) {
      for (let n = 1; n > 0 && out.space > 0;) {
        n = input.read(buffer.subarray(0, Math.min(buffer.length, out.space)));
        out.write(buffer.subarray(0, n));
      }
      if (out.space === 0 && !out.waitForSpace()) continue;
    } else {
      sent += out.write(text.subarray(sent));
      if (sent < text.length) out.waitForSpace();
      for (let n = input.read(buffer); n > 0; n = input.read(buffer)) received.push(...buffer.subarray(0, n));
      if (received.length === text.length) {
        const same = received.every((byte, i) => byte === text[i]);
        partition.log(same ? 'all came back' : 'something else came back');
        partition.exit(same ? 7 : 1);
      }
    }
  } while (!input.waitForData());
  if (stopping) partition.exit(0);
}

partition.onWake(({ stopping }) => work(stopping));
await partition.seal();
await partition.hello();
work(false);

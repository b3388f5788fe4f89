// A guest for tests of the command: says that it boots, shows a prompt, echoes lines, and powers off when told.
import { startPartition } from '../../sdk/index.ts';

const partition = await startPartition();
const out = partition.producer('con');
const input = partition.consumer('con');
await partition.seal();
await partition.hello();

let waiting: Uint8Array = new Uint8Array();
let line = '';
/** Status to end with, once everything said is with the console driver. */
let ending: number | undefined;

function say(text: string): void {
  waiting = Buffer.concat([waiting, Buffer.from(text)]);
}

function obey(command: string): void {
  const [word, ...rest] = command.split(' ');
  if (word === 'poweroff') {
    ending = Number(rest[0] ?? 0);
    say('bye\r\n');
    return;
  }
  if (word === 'die') process.kill(process.pid, 'SIGKILL');
  if (word === 'reset') partition.reset();
  if (word === 'flood') say('0123456789abcdef'.repeat(Number(rest[0]) / 16));
  if (word === 'cmdline') say(`${String(partition.start.config['cmdline'])}\r\n`);
  say('/ # \x1b[6n');
}

function turn(): void {
  const bytes = new Uint8Array(4096);
  for (;;) {
    const count = input.read(bytes);
    if (count === 0 && input.waitForData()) break;
    for (const byte of bytes.subarray(0, count)) {
      if (byte === 0x0a || byte === 0x0d) {
        say('\r\n');
        const command = line;
        line = '';
        obey(command);
      } else {
        line += String.fromCharCode(byte);
        say(String.fromCharCode(byte));
      }
    }
  }
  while (waiting.length > 0) {
    waiting = waiting.subarray(out.write(waiting));
    if (waiting.length > 0 && out.waitForSpace()) return;
  }
  if (ending !== undefined) partition.exit(ending);
}

partition.onWake(({ stopping }) => {
  if (stopping) partition.exit(0);
  turn();
});
say('fake guest boots\r\n/ # \x1b[6n');
turn();

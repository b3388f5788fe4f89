// Stands between Linux and the vault: takes lines from Linux's serial port, and lets only well-formed wishes through.
// In the guest: `stty -F /dev/ttyS1 raw -echo; echo sign hello > /dev/ttyS1; head -1 /dev/ttyS1`
import { port, text } from 'virtsec/sdk';

const LONGEST_LINE = 200;
const ask = port.stream('ask');
const sign = port.client('sign');

async function answer(line: string): Promise<string> {
  const [, message] = /^sign ([\x20-\x7e]{1,128})$/.exec(line) ?? [];
  return message === undefined ? 'refused' : text(await sign.call(message));
}

let line = '';
for await (const bytes of ask) {
  for (const byte of bytes) {
    if (byte !== 10 && byte !== 13) {
      // What is too long stays too long, however it goes on.
      if (line.length <= LONGEST_LINE) line += String.fromCharCode(byte);
    } else if (line !== '') {
      await ask.write(`${await answer(line)}\n`);
      line = '';
    }
  }
}

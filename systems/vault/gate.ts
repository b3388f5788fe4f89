// Stands between Linux and the vault. Lines come in over Linux's serial port; only well-formed wishes go on, and only so many a
// minute: a Linux that is taken over may use the key, as long as it is taken over, and not wear it out.
import { log, port, text, time } from 'virtsec/sdk';

const LONGEST_LINE = 200;
const MOST_A_MINUTE = 60;
const WISH = /^(?:public|sign [\x20-\x7e]{1,128})$/;

const ask = port.stream('ask');
const vault = port.client('sign');
let minute = 0;
let count = 0;

async function answer(line: string): Promise<string> {
  if (!WISH.test(line)) return 'refused';
  const now = Math.floor((await time.now()) / 60_000);
  if (now !== minute) [minute, count] = [now, 0];
  if (++count > MOST_A_MINUTE) return 'refused: too many';
  await log(line);
  return text(await vault.call(line));
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

// Sits at the console of the black Linux, as an eavesdropper may: tells it to send back over its second serial port whatever comes
// in there, and to show it; and writes all that it shows into the log.
import { log, port } from 'virtsec/sdk';

const LOOP = [
  'exec 3<>/dev/ttyS1; stty -F /dev/ttyS1 raw -echo',
  'while read -r l; do echo "sees $l"; echo "$l" >&3; done <&3',
];

const console = port.stream('black-con');
let line = '';
let isTold = false;
for await (const bytes of console) {
  for (const byte of bytes) {
    if (byte === 13) continue;
    if (byte !== 10) line += String.fromCharCode(byte);
    else {
      if (line.startsWith('sees ')) await log(line);
      line = '';
    }
  }
  if (isTold || !line.includes('~ # ')) continue;
  isTold = true;
  await console.write(`${LOOP.join('\n')}\n`);
  await log('black is up');
}

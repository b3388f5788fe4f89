// Takes wishes from Linux, `set 60`, and lets those through that the plant can bear; `level` is answered.
import { port } from 'virtsec/sdk';

const LEAST = 10;
const MOST = 80;
const wish = port.stream('wish');
const level = port.reader('level');
const setPoint = port.sender('set-point');

async function answer(line: string): Promise<string> {
  if (line === 'level') {
    const sample = await level.read();
    return sample?.valid ? new Float32Array(sample.message.slice().buffer)[0].toFixed(1) : 'unknown';
  }
  const value = Number(/^set (\d{1,3})$/.exec(line)?.[1] ?? NaN);
  if (!(value >= LEAST && value <= MOST)) return `refused: set ${LEAST} to set ${MOST}, or level`;
  return (await setPoint.send(new Uint8Array(Float32Array.of(value).buffer))) ? 'done' : 'refused: too many';
}

let line = '';
for await (const bytes of wish) {
  for (const byte of bytes) {
    if (byte !== 10 && byte !== 13) line = (line + String.fromCharCode(byte)).slice(0, 20);
    else if (line !== '') {
      await wish.write(`${await answer(line)}\n`);
      line = '';
    }
  }
}

// A tank, simulated: what flows in is what the valve lets through, what flows out grows with the level.
import { port, time } from 'virtsec/sdk';

const PERIOD = 10;
const level = port.writer('level');
const valve = port.reader('valve');
const bytes = new Float32Array(1);
let height = 20;

time.every(PERIOD, async () => {
  const command = await valve.read();
  // Without a valid command the valve closes.
  const opening = command?.valid ? new Float32Array(command.message.slice().buffer)[0] : 0;
  height = Math.max(0, height + (opening - 0.5 * height) * (PERIOD / 1000));
  bytes[0] = height;
  await level.write(new Uint8Array(bytes.buffer));
});

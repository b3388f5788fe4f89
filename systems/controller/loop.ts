// The control loop: every 10 ms it reads the level and sets the valve. It also measures itself: how far each period was from 10 ms.
import { log, port, time } from 'virtsec/sdk';

const PERIOD = 10;
/** Periods of a line of log. */
const REPORT = 500;
const GAIN = 4;

const level = port.reader('level');
const valve = port.writer('valve');
const wishes = port.receiver('set-point');
const bytes = new Float32Array(1);
let setPoint = 50;
let integral = 0;
let last = await time.now();
let off: number[] = [];
/** The first periods see the others start. */
let periods = -100;

const floatOf = (message: Uint8Array): number => new Float32Array(message.slice().buffer)[0];

time.every(PERIOD, async () => {
  const now = await time.now();
  if (++periods > 0) off.push(Math.abs(now - last - PERIOD));
  last = now;

  const sample = await level.read();
  if (sample?.valid) {
    const error = setPoint - floatOf(sample.message);
    integral = Math.max(-500, Math.min(500, integral + (error * PERIOD) / 1000));
    bytes[0] = Math.max(0, Math.min(100, GAIN * error + integral));
    await valve.write(new Uint8Array(bytes.buffer));
  }
  if (off.length < REPORT) return;
  const sorted = off.toSorted((a, b) => a - b);
  off = [];
  const at = (share: number): string => sorted[Math.floor(share * (REPORT - 1))].toFixed(2);
  const height = sample === undefined ? 'unknown' : floatOf(sample.message).toFixed(1);
  await log(
    `level ${height} of ${setPoint}; off ${PERIOD} ms by: median ${at(0.5)}, 99 % ${at(0.99)}, worst ${at(1)} ms`,
  );
});

for await (const message of wishes) setPoint = floatOf(message);

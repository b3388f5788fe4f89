// npm run soak -- cpu [--minutes N] [--harts N]
//   cpu    a Debian guest computes what is known, over and over; no answer is wrong, and its VMM's memory does not grow
// npm run soak -- kill [--kills N] [--seconds N]
//   kill   random partitions of a running system are killed; all come back, nothing is lost between the others, nothing grows
// npm run soak -- jail [--rounds N]
//   jail   whatever V8 and Node do in a partition, its filter never stops it
import { parseArgs } from 'node:util';
import { soak as soakCpu } from './soak/cpu.ts';
import { soak as soakJail } from './soak/jail.ts';
import { soak as soakKill } from './soak/kill.ts';

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    minutes: { type: 'string', default: '60' },
    harts: { type: 'string', default: '2' },
    kills: { type: 'string', default: '1000' },
    seconds: { type: 'string', default: '7200' },
    rounds: { type: 'string', default: '50' },
  },
});
const note = (line: string): void => void process.stderr.write(`${line}\n`);
const MOST_HARTS = 8;
const isCount = (text: string, most = Infinity): boolean =>
  Number.isInteger(Number(text)) && Number(text) >= 1 && Number(text) <= most;
const soaks: Readonly<Record<string, () => Promise<{ readonly wrong: readonly string[] }>>> = {
  cpu: async () => {
    const wrong = await soakCpu(Number(values.minutes), Number(values.harts));
    return { wrong: wrong === undefined ? [] : [wrong] };
  },
  kill: () => soakKill({ kills: Number(values.kills), seconds: Number(values.seconds) }, note),
  jail: () => soakJail(Number(values.rounds), note),
};
const [name = ''] = positionals;
const areCounts = [values.kills, values.seconds, values.rounds].every((text) => isCount(text));
if (!Object.hasOwn(soaks, name) || !areCounts || !(Number(values.minutes) > 0) || !isCount(values.harts, MOST_HARTS)) {
  note('usage: npm run soak -- cpu [--minutes N] [--harts N] | kill [--kills N] [--seconds N] | jail [--rounds N]');
  process.exit(2);
}
const outcome = await soaks[name]();
console.log(JSON.stringify(outcome, null, 2));
process.exitCode = outcome.wrong.length === 0 ? 0 : 1;

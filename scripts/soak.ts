// npm run soak -- kill [--kills N] [--seconds N]
//   kill   random partitions of a running system are killed; all come back, nothing is lost between the others, nothing grows
// npm run soak -- jail [--rounds N]
//   jail   whatever V8 and Node do in a partition, its filter never stops it
import { parseArgs } from 'node:util';
import { soak as soakJail } from './soak/jail.ts';
import { soak as soakKill } from './soak/kill.ts';

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    kills: { type: 'string', default: '1000' },
    seconds: { type: 'string', default: '7200' },
    rounds: { type: 'string', default: '50' },
  },
});
const note = (line: string): void => void process.stderr.write(`${line}\n`);
const soaks: Readonly<Record<string, () => Promise<{ readonly wrong: readonly string[] }>>> = {
  kill: () => soakKill({ kills: Number(values.kills), seconds: Number(values.seconds) }, note),
  jail: () => soakJail(Number(values.rounds), note),
};
const [name = ''] = positionals;
if (!Object.hasOwn(soaks, name)) {
  console.error('usage: npm run soak -- kill [--kills N] [--seconds N] | jail [--rounds N]');
  process.exit(2);
}
const outcome = await soaks[name]();
console.log(JSON.stringify(outcome, null, 2));
process.exitCode = outcome.wrong.length === 0 ? 0 : 1;

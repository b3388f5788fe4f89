// Systems of partitions of each kind that do, in the whole jail, what V8 and Node do once in a hundred runs: a call that the filter's
// list lacks shows as a partition that is killed, or that fails.
import path from 'node:path';
import { TestSystem, partition } from '../../tests/partitions/system.ts';

const PROGRAM = path.join(import.meta.dirname, 'load.ts');
const KINDS = ['guest', 'app', 'driver'] as const;
const EACH = 2;

export interface Outcome {
  readonly partitions: number;
  readonly wrong: readonly string[];
}

export async function soak(rounds: number, note: (line: string) => void): Promise<Outcome> {
  const wrong: string[] = [];
  let partitions = 0;
  for (let round = 0; round < rounds && wrong.length === 0; round++) {
    const all = Array.from({ length: EACH * KINDS.length }, (_, i) => partition(`p${i}`, KINDS[i % 3], PROGRAM));
    // Who counts for the system's end are the guests: all others are waited for too.
    const system = new TestSystem([...all, partition('last', 'guest', PROGRAM, { config: { lasts: true } })], []);
    const exits = await Promise.all(all.map(({ name }) => system.waitFor('exit', (e) => e.partition === name)));
    for (const exit of exits) {
      if (exit.by !== 'exit' || exit.status !== 0) {
        wrong.push(`${JSON.stringify(exit)} ${system.log(exit.partition).join(' ')}`);
      }
    }
    partitions += all.length;
    system.kill('SIGTERM');
    await system.exited;
    if (round % 10 === 9) note(`${round + 1} rounds, ${partitions} partitions`);
  }
  return { partitions, wrong };
}

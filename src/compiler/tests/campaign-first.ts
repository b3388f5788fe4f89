// Random plans, random calls for the first form of the core (streams only). It goes when that form goes.
import assert from 'node:assert/strict';
import { Random } from './campaign.ts';
import type { Core, State, Twin } from './twin.ts';

const table = (k: State, name: string): Int32Array => k[name] as Int32Array;

export function randomFirstPlan(core: Core, random: Random): State {
  const k = new (core['Kernel'] as new () => State)();
  const c = core as Readonly<Record<string, number>>;
  const np = 1 + random.below(6);
  k['np'] = np;
  for (let p = 0; p < np; p++) {
    table(k, 'mayShutDown')[p] = random.below(2);
    table(k, 'counts')[p] = random.below(2);
    table(k, 'quota')[p] = c['COST_EVENT'] + random.below(200);
  }
  for (let n = random.below(9); n > 0; n--) {
    const [from, to] = [random.below(np), random.below(np)];
    if (from === to) continue;
    const s = k['ns'] as number;
    k['ns'] = s + 1;
    table(k, 'streamFrom')[s] = from;
    table(k, 'streamTo')[s] = to;
    for (const [p, q, end] of [
      [from, to, 'streamFromEnd'],
      [to, from, 'streamToEnd'],
    ] as const) {
      const e = table(k, 'ends')[p]++;
      table(k, end)[s] = e;
      table(k, 'endStream')[p * c['MAX_ENDS'] + e] = s;
      table(k, 'joined')[p * c['MAX_PARTITIONS'] + q] = e + 1;
    }
  }
  if (random.chance(8))
    table(k, random.of(['quota', 'ends', 'streamFrom', 'endStream', 'joined']))[random.below(4)] = random.any();
  return k;
}

/** Results seen, by function. */
export function firstCampaign(core: Core, twin: Twin, seed: number, steps: number): Map<string, number> {
  const random = new Random(seed);
  const seen = new Map<string, number>();
  for (let done = 0; done < steps;) {
    const k = randomFirstPlan(core, random);
    const run = (name: string, ...args: number[]): number => {
      const { result } = twin.call(k, name, args);
      assert.equal(twin.difference(k), undefined, `${name}(${args.join()}), seed ${seed}, step ${done}`);
      seen.set(`${name} ${result}`, (seen.get(`${name} ${result}`) ?? 0) + 1);
      return result ?? 0;
    };
    twin.put(k);
    if (run('boot') !== 0) continue;
    for (let i = 0; i < 300; i++, done++) {
      const p = random.chance(12) ? random.any() : random.below(k['np'] as number);
      const what = random.below(12);
      if (what < 6) run('step', p, random.chance(20) ? random.any() : 1 + random.below(6), random.any());
      else if (what === 6) run('release');
      else if (what === 7 && random.chance(8)) run('died', p);
      else if (what === 8) run('tick');
      else if (what === 9) run(random.of(['takeEffects', 'takeNews', 'deadPeers']), p);
      else if (what === 10) run(random.of(['allHeld', 'allDone']));
      else if (random.chance(60)) run('stop');
    }
  }
  return seen;
}

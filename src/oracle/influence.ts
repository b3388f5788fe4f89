// A hostile partition in the core model: it makes any calls, with any arguments, as fast as it may. Who can notice?
//
// Two worlds begin alike and go on alike, but that in one of them the hostile partition acts and in the other it is silent. Whoever
// ever sees something else in the one than in the other has been reached. A partition may act in both, the same in both, so that
// what answers it can be heard; all others are silent, so that nobody passes anything on.
import { type Action, call, callsOf } from './actions.ts';
import { type Code, type Kernel, StateSpace } from './state.ts';

/** Numbers below n. */
export type Pick = (n: number) => number;

/** Numbers below n, the same for the same seed (xorshift32). */
export function generator(seed: number): Pick {
  let x = Math.imul(seed + 1, 0x9e3779b1) | 1;
  return (n) => {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    return (x >>> 0) % n;
  };
}

export interface Effort {
  /** Runs from the first state, each with other calls. */
  readonly runs: number;
  /** In each: the hostile one acts, the other acts, the clock goes on to the next window. */
  readonly rounds: number;
  /** Calls of each in a round. */
  readonly calls: number;
}

const NUMBERS = [0, 1, 2, 3, 4, 7, 31, 32, 63, 255, 1024, 0x7fffffff, -0x80000000, -1];

/** Any operation with any arguments. */
function wild(code: Code, p: number, pick: Pick): Action {
  const number = (): number => (pick(4) === 0 ? pick(0xffffffff) | 0 : NUMBERS[pick(NUMBERS.length)]);
  return call(code, p, 'wild', pick(33), [number(), number(), number()], number());
}

/** Calls after which nothing more would come of a partition. */
const LAST = /^(EXIT|RAISE|RESET|SHUTDOWN)/;
const LEGAL = { waits: [0, 2], messages: [1, 2], illegal: false };

/** What the supervisor does for p when the core wants it: in both worlds by what is so there. */
function supervise({ core }: Code, k: Kernel, p: number): void {
  const fx = core.takeEffects(k, p);
  if ((fx & core.FX_KILL) !== 0) core.stopped(k, p);
  for (let i = 0; i < k.ncores; i++) while (core.work(k, i, p) === core.E_RETRY);
  core.loaded(k, p);
}

export class Worlds {
  readonly #code: Code;
  readonly #boot: () => Kernel;
  readonly #space: StateSpace;
  /** Of each partition: everything, and what does not end it. */
  readonly #calls: readonly (readonly Action[])[];
  readonly #careful: readonly (readonly Action[])[];

  /** `boot`: a new kernel each time, in the state to begin with. */
  constructor(code: Code, boot: () => Kernel) {
    this.#code = code;
    this.#boot = boot;
    const k = boot();
    // `wild` sends a word that means something, and others whose words are 0.
    this.#space = new StateSpace(code, k, 1);
    const partitions = Array.from({ length: k.np }, (_, p) => p);
    this.#calls = partitions.map((p) => callsOf(code, k, p));
    this.#careful = partitions.map((p) => callsOf(code, k, p, LEGAL).filter(({ name }) => !LAST.test(name)));
  }

  /** Those of `observers` who have noticed the hostile partitions, while `active` acts in both worlds. */
  notices(
    hostile: readonly number[],
    observers: readonly number[],
    active: number | undefined,
    effort: Effort,
    seed: number,
  ): Set<number> {
    const found = new Set<number>();
    for (let run = 0; run < effort.runs && found.size < observers.length; run++) {
      this.#run(hostile, observers, active, effort, generator(seed * 1000 + run), run, found);
    }
    return found;
  }

  #run(
    hostile: readonly number[],
    observers: readonly number[],
    active: number | undefined,
    { rounds, calls }: Effort,
    pick: Pick,
    run: number,
    found: Set<number>,
  ): void {
    const code = this.#code;
    const worlds = [this.#boot(), this.#boot()];
    const [one] = worlds;
    const any = (p: number, isCareful: boolean): Action => {
      if (!isCareful && pick(3) === 0) return wild(code, p, pick);
      const own = (isCareful ? this.#careful : this.#calls)[p];
      return own[pick(own.length)];
    };
    const compare = (): void => {
      const [here, there] = worlds.map((k) => this.#space.save(k));
      for (const u of observers) {
        if (!found.has(u) && this.#space.view(here, u) !== this.#space.view(there, u)) found.add(u);
      }
    };
    // In every second run the hostile one takes care not to end itself.
    const isCareful = run % 2 === 1;
    for (let round = 0; round < rounds && found.size < observers.length; round++) {
      for (const p of hostile) {
        for (let n = 0; n < calls; n++) {
          any(p, isCareful).run(one);
          compare();
        }
      }
      for (let n = 0; n < calls && active !== undefined; n++) {
        const action = any(active, true);
        for (const k of worlds) action.run(k);
        compare();
      }
      for (const k of worlds) for (let p = 0; p < k.np; p++) supervise(code, k, p);
      compare();
      for (const k of worlds) code.core.tick(k, code.core.untilSwitch(k));
      compare();
    }
  }
}

// How long a thread goes on looking for what comes next before it sleeps, and lets others run between two looks. A sleep and its wake cost two
// changes of threads, many times what a call of the kernel takes; looking costs processor time that somebody else may need. So who
// has waited in vain looks half as long the next time, and soon not at all for a while; who has found that others want its processor,
// not at all at once: they would get it for milliseconds, where a sleeper is woken over them.

/** Microseconds: longer than two changes of threads and a short answer take. */
const MOST = 50;
const LEAST = 6;
/** Who looks again so late was not alone on its processor. */
const LOST_MS = 0.2;
/** Sleeps without a look before looking is tried again, once; twice as many each time that others want the processor. */
const SLEEPS = 32;
const MOST_SLEEPS = 4096;

export class Patience {
  #limit = MOST;
  #until = 0;
  #looked = 0;
  #sleeps = 0;
  #mostSleeps = SLEEPS;

  /** Begins to look, `now` in milliseconds. False: it is not worth it. */
  begin(now: number): boolean {
    if (this.#limit < LEAST) {
      this.#sleeps += 1;
      if (this.#sleeps < this.#mostSleeps) return false;
      this.#limit = MOST;
    }
    this.#looked = now;
    this.#until = now + this.#limit / 1000;
    return true;
  }

  /** Whether to look once more. False: it was in vain. */
  mayLook(now: number): boolean {
    const wasLost = now - this.#looked > LOST_MS;
    this.#looked = now;
    if (wasLost) this.#mostSleeps = Math.min(2 * this.#mostSleeps, MOST_SLEEPS);
    else if (now < this.#until) return true;
    this.#limit = wasLost ? 0 : this.#limit / 2;
    this.#sleeps = 0;
    return false;
  }

  /** It was not in vain. */
  found(): void {
    this.#limit = MOST;
    if (this.#mostSleeps > SLEEPS) this.#mostSleeps -= 1;
  }
}

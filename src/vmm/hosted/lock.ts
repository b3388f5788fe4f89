// The machine's lock: held around each device access and each look at device state, by any of its threads.

const FREE = 0;
const HELD = 1;
/** Held, and somebody may sleep on the word. */
const CONTENDED = 2;

/** Takes the lock in word `at`; sleeps while another thread has it. Not recursive. */
export function lock(words: Int32Array, at: number): void {
  if (Atomics.compareExchange(words, at, FREE, HELD) === FREE) return;
  // A mutex of three states: the kernel is entered only when threads do meet (U. Drepper, "Futexes Are Tricky", 6).
  while (Atomics.exchange(words, at, CONTENDED) !== FREE) Atomics.wait(words, at, CONTENDED);
}

export function unlock(words: Int32Array, at: number): void {
  if (Atomics.exchange(words, at, FREE) === CONTENDED) Atomics.notify(words, at, 1);
}

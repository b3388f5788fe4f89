// Garbage of threads that V8 never finds at rest. Nothing happens without Node's `--expose-gc`.

/** For a thread that will idle: its caches of compiled code go too, and emptied pages back to the host. Some 50 ms. */
export function collectGarbage(): void {
  globalThis.gc?.({ type: 'major', execution: 'sync', flavor: 'last-resort' });
}

/**
 * For a thread that goes on: what V8 has learnt of its functions stays. 12 to 27 ms. Modules are freed at once; a collection that nobody
 * asked for leaves that to a task of the event loop, where a hart's thread never is.
 */
export function collectModules(): void {
  globalThis.gc?.({ type: 'major', execution: 'sync', flavor: 'regular' });
}

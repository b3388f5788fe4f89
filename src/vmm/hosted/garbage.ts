// What V8 keeps because it may be needed again soon: an idle guest would keep it for ever.

/**
 * Collects this thread's garbage, its caches of compiled code included, and gives the emptied pages back to the host. Some 50 ms. Nothing
 * happens without Node's `--expose-gc`.
 */
export function collectGarbage(): void {
  globalThis.gc?.({ type: 'major', execution: 'sync', flavor: 'last-resort' });
}

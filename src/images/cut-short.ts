// A fetch takes seconds, and people press Ctrl-C. What it has put on the disk then goes with it.

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
const cleanups = new Set<() => void>();

/** Calls `cleanup` (which must not wait for anything) if a signal ends this process before the returned function is called. */
export function ifCutShort(cleanup: () => void): () => void {
  if (cleanups.size === 0) for (const signal of SIGNALS) process.on(signal, clean);
  cleanups.add(cleanup);
  return () => {
    cleanups.delete(cleanup);
    if (cleanups.size === 0) for (const signal of SIGNALS) process.off(signal, clean);
  };
}

function clean(signal: NodeJS.Signals): void {
  for (const cleanup of cleanups) cleanup();
  cleanups.clear();
  for (const each of SIGNALS) process.off(each, clean);
  // Whoever else listens decides; when nobody does, the signal does what it would have done.
  if (process.listenerCount(signal) === 0) process.kill(process.pid, signal);
}

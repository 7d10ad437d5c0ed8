const hearers = new WeakMap<AbortSignal, Set<() => void>>();

/**
 * Calls `hear` when `signal` aborts; gives what ends that. Has one listener on a signal however many hear of it: a signal may
 * serve any number of calls, and Node warns of a leak at eleven listeners.
 */
export function onAbort(signal: AbortSignal | undefined, hear: () => void): () => void {
  if (!signal) return () => {};
  const known = hearers.get(signal);
  const all = known ?? new Set();
  all.add(hear);
  if (!known) {
    hearers.set(signal, all);
    signal.addEventListener('abort', () => {
      for (const each of all) each();
    });
  }
  return () => all.delete(hear);
}

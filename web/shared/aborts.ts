/** Who hears of a signal, and how it tells them. */
interface Hearers {
  readonly all: Set<() => void>;
  readonly tell: () => void;
}

const hearers = new WeakMap<AbortSignal, Hearers>();

/**
 * Calls `hear` when `signal` aborts; gives what ends that. Has one listener on a signal however many hear of it, and none when
 * nobody does: a signal may serve any number of calls, and Node warns of a leak at eleven listeners. (`AbortSignal.any` is younger
 * than the engines that are served, and its signals outlive their calls in Node 20.)
 */
export function onAbort(signal: AbortSignal | undefined, hear: () => void): () => void {
  if (!signal) return () => {};
  const { all, tell } = hearers.get(signal) ?? begin(signal);
  all.add(hear);
  return () => {
    all.delete(hear);
    if (all.size > 0 || hearers.get(signal)?.all !== all) return;
    hearers.delete(signal);
    signal.removeEventListener('abort', tell);
  };
}

function begin(signal: AbortSignal): Hearers {
  const all = new Set<() => void>();
  const tell = () => {
    for (const hear of all) hear();
  };
  signal.addEventListener('abort', tell);
  hearers.set(signal, { all, tell });
  return { all, tell };
}

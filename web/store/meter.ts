// How fast a download is, and how long it will take.
import type { LoadProgress } from '../shared/types.js';

/** The rate is that of the last so many ms: long enough to be calm, short enough to be true. */
const memory = 4000;
/** Looks closer than this are not told, but for the first and the last. */
const interval = 50;

/** Makes progress of counts of bytes. `now` is in ms. */
export function createMeter(report: (progress: LoadProgress) => void, now = () => performance.now()) {
  const looks: { readonly at: number; readonly loaded: number }[] = [];
  let told = -Infinity;
  return (loaded: number, total: number | undefined): void => {
    const at = now();
    const isLast = loaded === total;
    if (at - told < interval && !isLast) return;
    told = at;
    const back = looks.at(-1);
    if (back && back.loaded > loaded) looks.length = 0; // it starts again
    looks.push({ at, loaded });
    while (looks.length > 2 && at - (looks[0]?.at ?? at) > memory) looks.shift();
    const first = looks[0] ?? { at, loaded };
    const bytesPerSecond = at > first.at ? ((loaded - first.loaded) * 1000) / (at - first.at) : 0;
    report({
      stage: 'download',
      loaded,
      ...(total !== undefined && { total }),
      ...(bytesPerSecond > 0 && { bytesPerSecond }),
      ...(bytesPerSecond > 0 && total !== undefined && { secondsLeft: (total - loaded) / bytesPerSecond }),
    });
  };
}

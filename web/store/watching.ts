// Downloads that others do, seen from outside: by how the file grows.
import type { LoadProgress } from '../shared/types.js';
import { createMeter } from './meter.js';
import type { Shelf } from './shelf.js';

const interval = 250; // ms between two looks

/** Someone who looks. */
export interface Watch {
  /** Looks no more. */
  stop(): void;
  /** Looks no more, and throws what the hearer has thrown. */
  end(): void;
}

/** Tells how the download of another page or process is getting on. */
export function watchOther(
  shelves: readonly Shelf[],
  key: string,
  report: (progress: LoadProgress) => void,
): Watch {
  const tell = createMeter(report);
  let isOver = false;
  let failed: { readonly error: unknown } | undefined;
  const look = async () => {
    for (const shelf of shelves) {
      const found = await shelf.find(key);
      if (!found || found.complete) continue;
      const record = await shelf.record(key);
      if (isOver) return;
      try {
        tell(found.bytes, record?.total);
      } catch (error) {
        failed ??= { error };
      }
    }
  };
  // What cannot be seen now is none of the load's: it waits for the file, and reads it then.
  const timer = setInterval(() => void look().catch(() => {}), interval);
  const stop = () => {
    isOver = true;
    clearInterval(timer);
  };
  return {
    stop,
    end() {
      stop();
      if (failed) throw failed.error;
    },
  };
}

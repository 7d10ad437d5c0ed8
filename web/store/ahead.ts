// Files that the caller's half fetches while its worker starts.
import type { LoadProgress } from '../shared/types.js';
import { createMeter } from './meter.js';

/**
 * The pieces of a file as they came; `null` where they did not come, or a page came in their place: whoever needs the file asks again, and
 * tells what is wrong. Never rejects.
 */
export async function fetchAhead(
  url: string,
  signal: AbortSignal | undefined,
  report: ((progress: LoadProgress) => void) | undefined,
): Promise<Uint8Array<ArrayBuffer>[] | null> {
  try {
    const { ok, body, headers } = await fetch(url, { signal: signal ?? null });
    if (!ok || headers.get('content-type')?.includes('html')) return null;
    // Of a compressed answer the length counts something else.
    const length = headers.has('content-encoding') ? null : headers.get('content-length');
    const tell = createMeter(report ?? (() => {}));
    const pieces: Uint8Array<ArrayBuffer>[] = [];
    const reader = body?.getReader();
    for (let loaded = 0; ; ) {
      tell(loaded, length === null ? undefined : Number(length));
      const value = (await reader?.read())?.value;
      if (!value) return pieces;
      pieces.push(value);
      loaded += value.length;
    }
  } catch {
    return null;
  }
}

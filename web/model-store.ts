// Where bytes come from. The only file that touches the network and the browser's storage.
import { RwkvError, sentence } from './errors.js';
import type { Place } from './protocol.js';
import type { ThreadHost } from './thread.js';

/** A file as a synchronous range reader. */
export interface ByteSource {
  /** The name that people know the file by. */
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  /**
   * Fills `into` with the bytes at `offset`. REQUIRES: offset + into.length <= size.
   *
   * @throws RwkvError `read-failed`
   */
  read(offset: number, into: Uint8Array): void;
  close(): void;
}

/** What a host lends to the store. */
export interface Io {
  /** Opens a file of the file system; browsers have none. Throws RwkvError `read-failed`. */
  openPath?(path: string, name: string): ByteSource;
  /** Gives a buffer's memory back at once, where a host can: slices of a Blob pile up until they are collected. */
  discard?(buffer: ArrayBuffer): void;
  /** Gets a file of the package. */
  fetchWasm(url: URL): Promise<Response>;
  /** Starts threads, where a host has them. */
  readonly threads?: ThreadHost;
}

type Report = (loaded: number, total: number | undefined) => void;

/** The browser's: all by fetch. */
export const webIo: Io = { fetchWasm: (url) => get(url.href) };

/**
 * Opens what `place` names; `report` hears how a download is getting on.
 *
 * @throws RwkvError `read-failed` naming the place and the cause
 */
export async function openSource(place: Place, io: Io, report: Report = () => {}): Promise<ByteSource> {
  switch (place.kind) {
    case 'bytes':
      return memorySource(place.name, [place.bytes]);
    case 'blob':
      return sliceBlob(place.name, place.blob, io);
    case 'url':
      return memorySource(place.name, await download(place.url, report));
    case 'path':
      if (io.openPath) return io.openPath(place.path, place.name);
      throw new RwkvError('unsupported', `${place.path}: paths can be read in Node only`);
  }
}

/** A file that lies in memory, in pieces as they came. */
export function memorySource(name: string, chunks: readonly Uint8Array[]): ByteSource {
  const starts: number[] = []; // of each chunk
  let size = 0;
  for (const chunk of chunks) {
    starts.push(size);
    size += chunk.length;
  }
  // The last chunk that starts at or before `offset`.
  const find = (offset: number) => {
    let [low, high] = [0, chunks.length - 1];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((starts[middle] ?? 0) <= offset) low = middle;
      else high = middle - 1;
    }
    return low;
  };
  return {
    name,
    size,
    read(offset, into) {
      let done = 0;
      for (let i = find(offset); done < into.length; i++) {
        const chunk = chunks[i];
        if (!chunk) throw new RwkvError('read-failed', `${name}: read beyond its end`);
        const piece = chunk.subarray(offset + done - (starts[i] ?? 0)).subarray(0, into.length - done);
        into.set(piece, done);
        done += piece.length;
      }
    },
    close() {},
  };
}

// A slice costs a browser about a millisecond, however short: short reads, of which a model's file has hundreds side by
// side, take more than they ask for.
const shortRead = 1 << 16;
const windowBytes = 1 << 20;

// A Blob, read slice by slice.
function sliceBlob(name: string, blob: Blob, io: Io): ByteSource {
  const reader = new FileReaderSync();
  let window = { start: 0, bytes: new Uint8Array() };
  const slice = (start: number, length: number) =>
    reader.readAsArrayBuffer(blob.slice(start, start + length));
  return {
    name,
    size: blob.size,
    read(offset, into) {
      try {
        if (into.length > shortRead) {
          const buffer = slice(offset, into.length);
          into.set(new Uint8Array(buffer));
          io.discard?.(buffer);
          return;
        }
        const { start, bytes } = window;
        if (offset < start || offset + into.length > start + bytes.length)
          window = { start: offset, bytes: new Uint8Array(slice(offset, windowBytes)) };
        const at = offset - window.start;
        into.set(window.bytes.subarray(at, at + into.length));
      } catch (cause) {
        throw new RwkvError('read-failed', `${name}: ${sentence(cause)}`, { cause });
      }
    },
    close() {},
  };
}

async function download(url: string, report: Report): Promise<Uint8Array[]> {
  const response = await get(url);
  const total = contentLength(response);
  const chunks: Uint8Array[] = [];
  let loaded = 0;
  let broken: unknown;
  try {
    const reader = response.body?.getReader();
    report(loaded, total);
    for (let part = await reader?.read(); part && !part.done; part = await reader?.read()) {
      chunks.push(part.value);
      loaded += part.value.length;
      report(loaded, total);
    }
  } catch (error) {
    broken = error;
  }
  if (broken !== undefined || (total !== undefined && loaded !== total)) {
    const cause = broken === undefined ? '' : `: ${sentence(broken)}`;
    throw new RwkvError(
      'read-failed',
      `${url}: the download ended at byte ${loaded} of ${total ?? 'unknown'}${cause}`,
    );
  }
  return chunks;
}

async function get(url: string): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(url);
  } catch (cause) {
    throw new RwkvError('read-failed', `${url}: ${sentence(cause)}`, { cause });
  }
  if (response.ok) return response;
  throw new RwkvError(
    'read-failed',
    `${url}: the server answered ${response.status} ${response.statusText}`.trim(),
  );
}

// The bytes that will come, where that is known: of a compressed answer the header counts something else.
function contentLength(response: Response): number | undefined {
  const length = response.headers.get('content-length');
  return length === null || response.headers.has('content-encoding') ? undefined : Number(length);
}

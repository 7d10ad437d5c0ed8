// Files that lie in memory or in a Blob, as synchronous range readers.
import { RwkvError, sentence } from '../shared/errors.js';
import type { ByteSource, Sink } from './shelf.js';

/** Bytes that lie somewhere. */
export interface Piece {
  readonly length: number;
  /** Fills `into` with the bytes at `offset`. REQUIRES: offset + into.length <= length. */
  read(offset: number, into: Uint8Array): void;
}

export const memoryPiece = (bytes: Uint8Array): Piece => ({
  length: bytes.length,
  read: (offset, into) => into.set(bytes.subarray(offset, offset + into.length)),
});

/** So many bytes of a file from `start` on. */
export const pieceOf = (source: ByteSource, start: number, length: number): Piece => ({
  length,
  read: (offset, into) => source.read(start + offset, into),
});

/** A file that lies in memory, in pieces as they came. */
export function memorySource(name: string, chunks: readonly Uint8Array[]): ByteSource {
  return joinedSource(name, chunks.map(memoryPiece));
}

/** One file of pieces that lie one behind the other; `close` lets go of them. */
export function joinedSource(name: string, pieces: readonly Piece[], close = () => {}): ByteSource {
  const starts: number[] = []; // of each piece
  let size = 0;
  for (const piece of pieces) {
    starts.push(size);
    size += piece.length;
  }
  // The last piece that starts at or before `offset`.
  const find = (offset: number) => {
    let [low, high] = [0, pieces.length - 1];
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
        const piece = pieces[i];
        if (!piece) throw new RwkvError('read-failed', `${name}: read beyond its end`);
        const at = offset + done - (starts[i] ?? 0);
        const part = into.subarray(done, done + piece.length - at);
        piece.read(at, part);
        done += part.length;
      }
    },
    close,
  };
}

/** The pieces as one. */
export function concatenate(pieces: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(pieces.reduce((size, { length }) => size + length, 0));
  let at = 0;
  for (const piece of pieces) {
    all.set(piece, at);
    at += piece.length;
  }
  return all;
}

/** A file that gathers in memory, and its pieces. */
export function memorySink(): Sink & { readonly chunks: readonly Uint8Array[] } {
  const chunks: Uint8Array[] = [];
  let size = 0;
  return {
    chunks,
    get size() {
      return size;
    },
    read() {
      throw new Error('a file in memory starts empty');
    },
    write(bytes) {
      chunks.push(bytes);
      size += bytes.length;
    },
    empty() {
      chunks.length = size = 0;
    },
    close() {},
    async commit() {},
  };
}

// A slice costs a browser 0.6 ms, however short, and 1.5 ms a megabyte. Short reads, of which a model's file has hundreds
// side by side, take more than they ask for: the more, the more of them followed each other.
const leastWindow = 1 << 16;
const mostWindow = 1 << 22;

/** A Blob, read slice by slice, in a worker; `discard` gives a buffer's memory back at once. */
export function blobSource(
  name: string,
  blob: Blob,
  discard: (buffer: ArrayBuffer) => void = () => {},
): ByteSource {
  const reader = new FileReaderSync();
  let window = { start: 0, bytes: new Uint8Array() };
  const move = (start: number, length: number) => {
    const { buffer } = window.bytes;
    window = { start, bytes: new Uint8Array() };
    discard(buffer);
    window.bytes = new Uint8Array(reader.readAsArrayBuffer(blob.slice(start, start + length)));
  };
  return {
    name,
    size: blob.size,
    read(offset, into) {
      try {
        const { start, bytes } = window;
        const end = start + bytes.length;
        if (offset < start || offset + into.length > end) {
          const follows = offset >= start && offset < end + bytes.length;
          const length = follows ? Math.min(2 * bytes.length, mostWindow) : leastWindow;
          move(offset, Math.max(length, into.length));
        }
        const at = offset - window.start;
        into.set(window.bytes.subarray(at, at + into.length));
      } catch (cause) {
        throw new RwkvError('read-failed', `${name}: ${sentence(cause)}`, { cause });
      }
    },
    close() {},
  };
}

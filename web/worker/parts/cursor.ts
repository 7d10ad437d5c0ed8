// Numbers of a file, read from front to back through a small window.
import { RwkvError } from '../../shared/errors.js';
import type { ByteSource } from '../../store/shelf.js';

const windowBytes = 1 << 16;

export class Cursor {
  readonly #source: ByteSource;
  #window = new DataView(new ArrayBuffer(0));
  #start = 0; // of the window
  /** Where the next bytes are. */
  at = 0;

  constructor(source: ByteSource) {
    this.#source = source;
  }

  u16(): number {
    return this.#take(2).getUint16(0, true);
  }
  u32(): number {
    return this.#take(4).getUint32(0, true);
  }
  /** A whole number that a file can hold. */
  u64(): number {
    const value = Number(this.#take(8).getBigUint64(0, true));
    if (!Number.isSafeInteger(value)) throw this.error(`${value} is too large a number`);
    return value;
  }
  /** So many bytes, a copy. */
  bytes(length: number): Uint8Array<ArrayBuffer> {
    const { buffer, byteOffset } = this.#take(length);
    return new Uint8Array(buffer.slice(byteOffset, byteOffset + length));
  }
  skip(length: number): void {
    if (length > this.#source.size - this.at) throw this.error('the file is cut off');
    this.at += length;
  }
  error(what: string): RwkvError {
    return new RwkvError('bad-file', `${this.#source.name}: ${what}`);
  }

  #take(length: number): DataView<ArrayBuffer> {
    const from = this.at;
    this.skip(length);
    if (from < this.#start || from + length > this.#start + this.#window.byteLength) {
      const bytes = new Uint8Array(Math.min(Math.max(length, windowBytes), this.#source.size - from));
      this.#source.read(from, bytes);
      this.#window = new DataView(bytes.buffer);
      this.#start = from;
    }
    return new DataView(this.#window.buffer, from - this.#start, length);
  }
}

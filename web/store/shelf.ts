// What the store is made of: shelves that keep files by their keys, each file with a record of what is known of it.
import type { ShelfPlace } from '../shared/protocol.js';
import type { StoredRecord } from './record.js';

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
  /** May be said again. */
  close(): void;
}

/** A file that is being written. It is not the shelf's file of that key before `commit`. */
export interface Sink {
  /** Bytes that are there. */
  readonly size: number;
  /** Reads of what was there when the sink was opened. REQUIRES: offset + into.length <= that size. */
  read(offset: number, into: Uint8Array): void;
  /** Adds bytes at the end; keeps no hold of them. Throws what the host throws. */
  write(bytes: Uint8Array): void | Promise<void>;
  /** Forgets all bytes. */
  empty(): void | Promise<void>;
  /** Throws what `write` would throw for want of room for so many bytes more, where that can be told. */
  reserve?(bytes: number): void;
  /** Ends the writing; what is there stays for the next time. */
  close(): void | Promise<void>;
  /** Ends the writing: the file is whole and gets its name in one step. */
  commit(): Promise<void>;
}

/** How much of a file is there. */
export interface Found {
  readonly bytes: number;
  readonly complete: boolean;
  /** Of a whole file: another one when it was written to, as far as the host tells. */
  readonly stamp?: string;
}

/** A place that keeps files. Keys are texts of [0-9a-z-]. */
export interface Shelf {
  readonly place: ShelfPlace;
  keys(): Promise<string[]>;
  /** `undefined`: nothing is there. */
  find(key: string): Promise<Found | undefined>;
  /** `undefined`: there is none that can be read. */
  record(key: string): Promise<StoredRecord | undefined>;
  /**
   * Deletes the file, whole or partial, and its record.
   *
   * @throws RwkvError `in-use` while it is read or written
   */
  remove(key: string): Promise<void>;
  /** Bytes that may still be written, where the host tells. */
  room(): Promise<number | undefined>;

  // In browsers these work in workers only.

  writeRecord(key: string, record: StoredRecord): Promise<void>;
  /**
   * Opens the partial file of a key, an empty one where there is none.
   *
   * @throws RwkvError `in-use`, and what the host throws
   */
  append(key: string): Promise<Sink>;
  /** Opens a whole file. @throws RwkvError `read-failed` */
  open(key: string, name: string): Promise<ByteSource>;
}

/** Sums bytes up. */
export interface Hasher {
  update(bytes: Uint8Array): void;
  /** In hexadecimal; the last thing that is asked. */
  digest(): string;
}

/** Starts a SHA-256. */
export type Sha256 = () => Hasher;

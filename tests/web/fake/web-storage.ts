// The storage of a browser, in memory: the origin private file system, the Cache API and locks. Each call may fail.
import { Faults } from './faults.js';

/** A Blob that can be read at once, as browsers do in workers. */
class FakeBlob extends Blob {
  readonly content: Uint8Array<ArrayBuffer>;
  readonly lastModified: number;

  constructor(parts: readonly unknown[] = [], lastModified = 0) {
    const all = parts.map((part) => (part instanceof FakeBlob ? part.content : (part as Uint8Array)));
    const bytes = new Uint8Array(Buffer.concat(all));
    super([bytes]);
    this.content = bytes;
    this.lastModified = lastModified;
  }

  override slice(start?: number, end?: number): FakeBlob {
    return new FakeBlob([this.content.slice(start, end)]);
  }
}

interface Stored {
  bytes: Uint8Array<ArrayBuffer>;
  lastModified: number;
  writers: number;
  readers: number;
}

const named = (name: string) => new DOMException(`the browser says ${name}`, name);

/** Storage as globals, by name. */
export function fakeStorage() {
  let folder: Map<string, Stored> | undefined;
  // Another tab does it, or the reader.
  const faults = new Faults(() => {
    folder = undefined;
  });
  const caches = new Map<string, { readonly bytes: Uint8Array; readonly length: string | null }>();
  let clock = 0;

  class SyncAccessHandle {
    readonly #file: Stored;
    readonly #isReader: boolean;
    #isOpen = true;

    constructor(file: Stored, isReader: boolean) {
      this.#file = file;
      this.#isReader = isReader;
      file[isReader ? 'readers' : 'writers']++;
    }

    getSize() {
      faults.strike('getSize');
      return this.#file.bytes.length;
    }

    read(into: Uint8Array, { at }: { at: number }) {
      const isShort = faults.strike('read');
      const found = this.#file.bytes.subarray(at, at + into.length);
      const read = isShort ? found.subarray(0, Math.max(1, found.length >> 1)) : found;
      into.set(read);
      return read.length;
    }

    write(bytes: Uint8Array, { at }: { at: number }) {
      const isShort = faults.strike('write');
      const written = isShort ? bytes.subarray(0, bytes.length >> 1) : bytes;
      const before = this.#file.bytes;
      const after = new Uint8Array(Math.max(before.length, at + written.length));
      after.set(before);
      after.set(written, at);
      this.#change(after);
      return written.length;
    }

    truncate(size: number) {
      faults.strike('truncate');
      const after = new Uint8Array(size);
      after.set(this.#file.bytes.subarray(0, size));
      this.#change(after);
    }

    flush() {
      faults.strike('flush');
    }

    close() {
      faults.strike('close');
      if (this.#isOpen) this.#file[this.#isReader ? 'readers' : 'writers']--;
      this.#isOpen = false;
    }

    #change(bytes: Uint8Array<ArrayBuffer>) {
      this.#file.bytes = bytes;
      this.#file.lastModified = ++clock;
    }
  }

  const isUsed = (file: Stored | undefined) => file !== undefined && file.writers + file.readers > 0;

  class FileHandle {
    readonly #files: Map<string, Stored>;
    readonly #name: string;

    constructor(files: Map<string, Stored>, name: string) {
      this.#files = files;
      this.#name = name;
    }

    get #file(): Stored {
      const file = folder === this.#files ? this.#files.get(this.#name) : undefined;
      if (!file) throw named('NotFoundError');
      return file;
    }

    async getFile() {
      await faults.wait('getFile');
      const { bytes, lastModified } = this.#file;
      const file = new FakeBlob([bytes], lastModified);
      return Object.assign(file, {
        async text() {
          await faults.wait('text');
          return new TextDecoder().decode(bytes);
        },
      });
    }

    async createSyncAccessHandle({ mode = 'readwrite' } = {}) {
      await faults.wait('createSyncAccessHandle');
      const file = this.#file;
      const isReader = mode === 'read-only';
      if (file.writers > 0 || (!isReader && file.readers > 0)) throw named('NoModificationAllowedError');
      return new SyncAccessHandle(file, isReader);
    }

    async move(name: string) {
      await faults.wait('move');
      const file = this.#file;
      if (isUsed(file) || isUsed(this.#files.get(name))) throw named('NoModificationAllowedError');
      this.#files.delete(this.#name);
      this.#files.set(name, file);
    }
  }

  const directory = (files: Map<string, Stored>) => ({
    async getFileHandle(name: string, { create = false } = {}) {
      await faults.wait('getFileHandle');
      if (folder !== files) throw named('NotFoundError');
      if (create && !files.has(name))
        files.set(name, { bytes: new Uint8Array(), lastModified: ++clock, writers: 0, readers: 0 });
      if (!files.has(name)) throw named('NotFoundError');
      return new FileHandle(files, name);
    },
    async removeEntry(name: string) {
      await faults.wait('removeEntry');
      if (folder !== files || !files.has(name)) throw named('NotFoundError');
      if (isUsed(files.get(name))) throw named('NoModificationAllowedError');
      files.delete(name);
    },
    async *keys() {
      await faults.wait('keys');
      if (folder !== files) throw named('NotFoundError');
      yield* files.keys();
    },
  });

  const cache = {
    async match(url: string) {
      await faults.wait('match');
      const found = caches.get(url);
      return (
        found && {
          headers: new Headers(found.length === null ? {} : { 'content-length': found.length }),
          async text() {
            await faults.wait('text');
            return new TextDecoder().decode(found.bytes);
          },
          async blob() {
            await faults.wait('blob');
            return new FakeBlob([found.bytes]);
          },
        }
      );
    },
    async put(url: string, response: Response) {
      await faults.wait('put');
      const bytes = new Uint8Array(await response.arrayBuffer());
      caches.delete(url); // what is put anew stands at the end
      caches.set(url, { bytes, length: response.headers.get('content-length') });
    },
    async delete(url: string) {
      await faults.wait('delete');
      return caches.delete(url);
    },
    async keys() {
      await faults.wait('keys');
      return [...caches.keys()].map((url) => ({ url }));
    },
  };

  const root = {
    async getDirectoryHandle() {
      await faults.wait('getDirectoryHandle');
      folder ??= new Map();
      return directory(folder);
    },
  };
  return {
    faults,
    files: () => folder ?? new Map<string, Stored>(),
    cached: caches,
    /** What it waits for never comes, and its handles are closed. */
    endWorker() {
      faults.forget();
      for (const file of folder?.values() ?? []) file.writers = file.readers = 0;
    },
    isAnyOpen: () => [...(folder?.values() ?? [])].some(isUsed),
    globals: {
      Blob: FakeBlob,
      FileSystemFileHandle: FileHandle,
      FileReaderSync: class {
        readAsArrayBuffer(blob: FakeBlob) {
          faults.strike('readAsArrayBuffer');
          return blob.content.buffer;
        }
      },
      caches: {
        async open() {
          await faults.wait('open');
          return cache;
        },
      },
      navigator: {
        storage: {
          async getDirectory() {
            await faults.wait('getDirectory');
            return root;
          },
          async estimate() {
            await faults.wait('estimate');
            return { quota: 1e9, usage: 0 };
          },
          async persist() {
            await faults.wait('persist');
            return true;
          },
          async persisted() {
            await faults.wait('persisted');
            return true;
          },
        },
        locks: {
          async request(
            _: string,
            options: { readonly signal?: AbortSignal },
            work: (lock: object) => unknown,
          ) {
            const aborted = new Promise<never>((_, reject) =>
              options.signal?.addEventListener('abort', () => reject(options.signal?.reason)),
            );
            await Promise.race([faults.wait('request'), aborted]);
            options.signal?.throwIfAborted();
            return work({});
          },
        },
      },
    },
  };
}

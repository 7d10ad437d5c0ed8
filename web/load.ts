// RWKV.load: from what the caller names to a model in a worker.
import { Client, type WorkerEvents, type WorkerLike } from './client.js';
import { RwkvError } from './errors.js';
import { Model } from './model.js';
import { checkLoadOptions, type LoadOptions, unexpected } from './options.js';
import type { Place, Request } from './protocol.js';
import { storyteller } from './storyteller.js';

/** What differs between a browser and Node. */
export interface Host {
  /** Starts a worker that serves the protocol. */
  spawn(events: WorkerEvents): WorkerLike;
  /** Where a string or a URL leads. Throws what `new URL` throws. */
  locate(source: string | URL): Place;
}

/** Where a model comes from: a URL (in Node also a path), a file that the user chose, or bytes. */
export type ModelSource = string | URL | Blob | ArrayBuffer | ArrayBufferView;

/** The door of the package. */
export interface RWKV {
  /**
   * Loads a model into a worker of its own.
   *
   * @param source - nothing: the embedded storyteller model, there at once. A string or URL: relative ones start from
   * the page; in Node, paths and `file:` URLs too. A Blob or File is read piece by piece. Bytes are copied once; the
   * caller's buffer stays usable.
   * @throws RwkvError `invalid-argument`, `bad-file`, `bad-model`, `bad-vocabulary`, `unsupported`, `read-failed`,
   * `out-of-memory`, `worker-crashed`; the reason of `signal` when it aborts. Nothing is left of a load that failed.
   */
  load(source?: ModelSource, options?: LoadOptions): Promise<Model>;
}

/** The package's door on a host. */
export function createRWKV(host: Host): RWKV {
  return {
    async load(source, options = {}) {
      const { tokenizer, quantization, build, signal, onProgress } = checkLoadOptions(options);
      signal?.throwIfAborted();
      const request: Request<'load'> = {
        model: source === undefined ? embedded(host, storyteller.model) : place(host, 'source', source),
        vocabulary:
          tokenizer !== undefined
            ? chosenVocabulary(host, tokenizer)
            : source === undefined
              ? embedded(host, storyteller.vocabulary)
              : null,
        quantization,
        build,
      };
      const transfer = [request.model, request.vocabulary].flatMap(buffers);
      const client = new Client((events) => host.spawn(events));
      try {
        return new Model(client, await client.call('load', request, { signal, transfer, onProgress }));
      } catch (error) {
        await client.close();
        throw error;
      }
    },
  };
}

/** The last part of a path or URL: the name that people know a file by. */
export function fileName(path: string): string {
  return (
    path
      .replace(/[?#].*$/, '')
      .split(/[/\\]/)
      .findLast((part) => part !== '') ?? path
  );
}

function embedded(host: Host, url: URL): Place {
  return host.locate(url);
}

function chosenVocabulary(host: Host, tokenizer: string | URL | Blob | ArrayBuffer | Uint8Array | false) {
  if (tokenizer === false) return null;
  return tokenizer === 'bytes' ? tokenizer : place(host, 'option tokenizer', tokenizer);
}

function place(host: Host, name: string, source: ModelSource): Place {
  if (typeof source === 'string' || source instanceof URL) {
    try {
      return host.locate(source);
    } catch (cause) {
      throw new RwkvError('invalid-argument', `${name}: '${source}' is no URL`, { cause });
    }
  }
  if (source instanceof Blob) {
    return { kind: 'blob', name: 'name' in source ? String(source.name) : 'blob', blob: source };
  }
  if (source instanceof ArrayBuffer)
    return { kind: 'bytes', name: 'bytes', bytes: new Uint8Array(source).slice() };
  if (ArrayBuffer.isView(source)) {
    const view = new Uint8Array(source.buffer, source.byteOffset, source.byteLength);
    return { kind: 'bytes', name: 'bytes', bytes: Uint8Array.from(view) };
  }
  throw unexpected(name, 'a URL, a path, a Blob, an ArrayBuffer or a view of one', source);
}

function buffers(place: Place | 'bytes' | null): ArrayBuffer[] {
  return place !== null && place !== 'bytes' && place.kind === 'bytes' ? [place.bytes.buffer] : [];
}

// RWKV.load: from what the caller names to a model in a worker.
import { type CallOptions, Client, type WorkerEvents, type WorkerLike } from './client.js';
import { RwkvError, sentence } from './errors.js';
import { Model } from './model.js';
import {
  type ConvertOptions,
  checkConvertOptions,
  checkInspectOptions,
  checkLoadOptions,
  type FileHandle,
  type InspectOptions,
  type LoadOptions,
  type ModelSource,
  unexpected,
} from './options.js';
import type { ModelFile, Place, VocabularyChoice } from './protocol.js';
import { keep, type StoreHost, type Wish } from './store/keeping.js';
import { expandShorthand } from './store/shorthand.js';
import { storeWorker } from './store-worker.js';
import { storyteller } from './storyteller.js';

/** What differs between a browser and Node. */
export interface Host {
  /** Starts a worker that serves the protocol. */
  spawn(events: WorkerEvents): WorkerLike;
  /** Where a string or a URL leads. Throws what `new URL` throws. */
  locate(source: string | URL): Place;
  /** Node: makes a file of a Blob. Throws RwkvError `read-failed`. */
  spool?(blob: Blob, name: string): Promise<Place>;
  /** Deletes what `spool` made, when it was read or never will be. */
  release?(place: Place): Promise<void>;
  /** Where files of the network are kept. */
  readonly store: StoreHost;
}

/** The door of the package. */
export interface RWKV {
  /**
   * Loads a model into a worker of its own.
   *
   * @param source - nothing: the embedded storyteller model, there at once. A string or URL: relative ones start from
   * the page; in Node, paths and `file:` URLs too. A Blob, File or file handle is read piece by piece. Bytes are copied
   * once; the caller's buffer stays usable. What comes from the network is kept in the store (option `cache`).
   * @throws RwkvError `invalid-argument`, `bad-file`, `bad-model`, `bad-vocabulary`, `unsupported`, `read-failed`,
   * `not-stored`, `hash-mismatch`, `quota-exceeded`, `in-use`, `out-of-memory`, `worker-crashed`; the reason of `signal`
   * when it aborts. Nothing is left of a load that failed but what was downloaded.
   */
  load(source?: ModelSource, options?: LoadOptions): Promise<Model>;
  /**
   * Tells what a model file holds and how much memory it would take, without reading its weights.
   *
   * @throws RwkvError as `load`
   */
  inspect(source: ModelSource, options?: InspectOptions): Promise<ModelFile>;
  /**
   * Makes a packed file of a model file: its weights quantised and laid out as the kernels want them, which loads
   * fastest of all. The bytes of the file come piece by piece; leaving the loop ends the work.
   *
   * @throws RwkvError out of the loop, as `load`; the reason of `signal` when it aborts
   */
  convert(source: ModelSource, options?: ConvertOptions): AsyncGenerator<Uint8Array, void, undefined>;
}

/** The package's door on a host. */
export function createRWKV(host: Host): RWKV {
  const spawn = () => new Client((events) => host.spawn(events));
  // The place of a file that may be of the network, brought into the store by the worker of `client`.
  const keepBy = (
    client: Client,
    { onProgress, ...wish }: Wish & Pick<CallOptions, 'onProgress'>,
    at: Place,
  ) => keep(at, wish, host.store, storeWorker(client, spawn, { signal: wish.signal, onProgress }));
  return {
    async inspect(source, options = {}) {
      const { build, ...wish } = checkInspectOptions(options);
      const { signal, onProgress } = wish;
      signal?.throwIfAborted();
      return withPlace(host, 'source', source, async (place, transfer) => {
        const client = spawn();
        try {
          const model = await keepBy(client, wish, place);
          return await client.call('inspect', { model, build }, { signal, transfer, onProgress });
        } finally {
          await client.close();
        }
      });
    },
    async *convert(source, options = {}) {
      const { quantization, build, ...wish } = checkConvertOptions(options);
      const { signal, onProgress } = wish;
      signal?.throwIfAborted();
      const at = await placeOf(host, 'source', source);
      const client = spawn();
      try {
        const model = await keepBy(client, wish, at);
        const request = { model, quantization, build };
        const transfer = buffers(model);
        const total = await client.call('convert', request, { signal, transfer, onProgress });
        for (let loaded = 0; ; ) {
          const piece = await client.call('nextPiece', {}, { signal });
          if (piece === null) return;
          yield piece;
          loaded += piece.length;
          onProgress?.({ stage: 'load', loaded, total });
        }
      } finally {
        await client.close();
        await host.release?.(at);
      }
    },
    async load(source, options = {}) {
      const { tokenizer, build, threads, kernels, ...wish } = checkLoadOptions(options);
      const { quantization, signal, onProgress, cache, allowNetwork } = wish;
      signal?.throwIfAborted();
      const isEmbedded = source === undefined;
      const load = async (at: Place, choice: VocabularyChoice) => {
        const client = spawn();
        try {
          const isFile = typeof choice === 'object' && choice !== null && tokenizer !== undefined;
          const vocabulary = isFile
            ? await keepBy(client, { cache, allowNetwork, signal, onProgress, sha256: null }, choice)
            : choice;
          const model = await keepBy(client, isEmbedded ? { ...wish, cache: false } : wish, at);
          const request = { model, vocabulary, quantization, build, threads, kernels };
          const transfer = [model, vocabulary].flatMap(buffers);
          const info = await client.call('load', request, { signal, transfer, onProgress });
          return new Model(client, info, (state, use) => withPlace(host, 'option state', state, use));
        } catch (error) {
          await client.close();
          throw error;
        }
      };
      const ownVocabulary = isEmbedded ? host.locate(storyteller.vocabulary) : 'embedded';
      return withPlace(host, 'source', isEmbedded ? storyteller.model : source, (model) => {
        if (tokenizer === undefined) return load(model, ownVocabulary);
        if (tokenizer === false) return load(model, null);
        if (tokenizer === 'bytes') return load(model, tokenizer);
        return withPlace(host, 'option tokenizer', tokenizer, (vocabulary) => load(model, vocabulary));
      });
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

/** What `use` makes of the place that `source` is, with the buffers that may go there. */
async function withPlace<T>(
  host: Host,
  name: string,
  source: ModelSource,
  use: (place: Place, transfer: ArrayBuffer[]) => Promise<T>,
): Promise<T> {
  const at = await placeOf(host, name, source);
  try {
    return await use(at, buffers(at));
  } finally {
    await host.release?.(at);
  }
}

/**
 * Where the bytes of a source are. What a handle stands for is read as the Blob that it gives.
 *
 * @throws RwkvError `invalid-argument`, `read-failed`
 */
export async function placeOf(host: Host, name: string, given: ModelSource): Promise<Place> {
  const source = isFileHandle(given) ? await openHandle(name, given) : given;
  if (typeof source === 'string' || source instanceof URL) {
    const expanded = expandShorthand(name, String(source));
    try {
      return host.locate(expanded ?? source);
    } catch (cause) {
      throw new RwkvError('invalid-argument', `${name}: '${source}' is no URL`, { cause });
    }
  }
  if (source instanceof Blob) {
    const blobName = 'name' in source ? String(source.name) : 'blob';
    return host.spool ? host.spool(source, blobName) : { kind: 'blob', name: blobName, blob: source };
  }
  if (source instanceof ArrayBuffer)
    return { kind: 'bytes', name: 'bytes', bytes: new Uint8Array(source).slice() };
  if (ArrayBuffer.isView(source)) {
    const view = new Uint8Array(source.buffer, source.byteOffset, source.byteLength);
    return { kind: 'bytes', name: 'bytes', bytes: Uint8Array.from(view) };
  }
  throw unexpected(name, 'a URL, a path, a Blob, an ArrayBuffer or a view of one', source);
}

function isFileHandle(source: ModelSource): source is FileHandle {
  return typeof source === 'object' && source !== null && 'getFile' in source;
}

async function openHandle(name: string, handle: FileHandle): Promise<Blob> {
  try {
    return await handle.getFile();
  } catch (cause) {
    throw new RwkvError('read-failed', `${name}: ${handle.name}: ${sentence(cause)}`, { cause });
  }
}

function buffers(place: VocabularyChoice): ArrayBuffer[] {
  return typeof place === 'object' && place?.kind === 'bytes' ? [place.bytes.buffer] : [];
}

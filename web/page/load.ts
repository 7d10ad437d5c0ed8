// RWKV.load: from what the caller names to a model in a worker.
import { type AssetChoice, type AssetHost, locateAssets } from './assets.js';
import { type CallOptions, Client, type WorkerEvents, type WorkerLike } from './client.js';
import { RwkvError, sentence, unexpected } from '../shared/errors.js';
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
} from './options.js';
import type { ModelFile, Place, VocabularyChoice } from '../shared/protocol.js';
import { isRemote, keep, type StoreHost, type Wish } from '../store/keeping.js';
import { expandShorthand } from '../store/shorthand.js';
import { type Spawned, storeWorker } from './store-worker.js';
import { storyteller, storytellerIn } from '../storyteller.js';

/** What differs between a browser and Node. */
export interface Host extends AssetHost {
  /** Starts a worker that serves the protocol, from a script elsewhere or the package's own. */
  spawn(events: WorkerEvents, workerUrl: URL | undefined): WorkerLike;
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
  const locate = (choice: AssetChoice) => locateAssets(choice, host);
  const spawn = (workerUrl: URL | undefined) => new Client((events) => host.spawn(events, workerUrl));
  // The place of a file that may be of the network, brought into the store by the worker of `client`.
  const keepBy = (
    client: Client,
    { signal, onProgress, ...wish }: Wish & Pick<CallOptions, 'onProgress'>,
    at: Place,
    spawned: Spawned,
  ) => keep(at, { ...wish, signal }, host.store, storeWorker(client, spawned, { signal, onProgress }));
  return {
    async inspect(source, options = {}) {
      const { build, assets, ...wish } = checkInspectOptions(options);
      const { signal, onProgress } = wish;
      const { workerUrl, wasmUrl } = locate({ assets, build });
      signal?.throwIfAborted();
      return withPlace(host, 'source', source, async (place, transfer) => {
        const client = spawn(workerUrl);
        try {
          const model = await keepBy(client, wish, place, { spawn: () => spawn(workerUrl), build, wasmUrl });
          return await client.call('inspect', { model, build, wasmUrl }, { signal, transfer, onProgress });
        } finally {
          await client.close();
        }
      });
    },
    async *convert(source, options = {}) {
      const { quantization, build, assets, ...wish } = checkConvertOptions(options);
      const { signal, onProgress } = wish;
      const { workerUrl, wasmUrl } = locate({ assets, build });
      signal?.throwIfAborted();
      const at = await placeOf(host, 'source', source);
      const client = spawn(workerUrl);
      try {
        const model = await keepBy(client, wish, at, { spawn: () => spawn(workerUrl), build, wasmUrl });
        const request = { model, quantization, build, wasmUrl };
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
      const { tokenizer, build, threads, kernels, prefixCache, assets, ...wish } = checkLoadOptions(options);
      const { quantization, signal, onProgress, cache, allowNetwork } = wish;
      const { base, workerUrl, wasmUrl } = locate({ assets, build, threads });
      signal?.throwIfAborted();
      const isEmbedded = source === undefined;
      const load = async (at: Place, choice: VocabularyChoice) => {
        const client = spawn(workerUrl);
        const spawned = { spawn: () => spawn(workerUrl), build, wasmUrl };
        try {
          const isFile = typeof choice === 'object' && choice !== null && tokenizer !== undefined;
          const vocabulary = isFile
            ? await keepBy(client, { cache, allowNetwork, signal, onProgress, sha256: null }, choice, spawned)
            : choice;
          const model = await keepBy(client, isEmbedded ? { ...wish, cache: false } : wish, at, spawned);
          const request = { model, vocabulary, quantization, build, threads, kernels, prefixCache, wasmUrl };
          const transfer = [model, vocabulary].flatMap(buffers);
          const info = await client.call('load', request, { signal, transfer, onProgress });
          const keptState = (state: ModelSource, use: Use<number>) =>
            withPlace(host, 'option state', state, async (place, transfer) => {
              if (!isRemote(place)) return use(place, transfer);
              const downloader = spawn(workerUrl); // a download that fails ends its worker
              try {
                const wish = { cache, allowNetwork, signal: undefined, sha256: null };
                return await use(await keepBy(downloader, wish, place, spawned), transfer);
              } finally {
                await downloader.close();
              }
            });
          return new Model(client, info, keptState);
        } catch (error) {
          await client.close();
          throw error;
        }
      };
      const embedded = base ? storytellerIn(base) : storyteller;
      const ownVocabulary = isEmbedded ? host.locate(embedded.vocabulary) : 'embedded';
      return withPlace(host, 'source', isEmbedded ? embedded.model : source, (model) => {
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

// What is done with a place, and the buffers that may go there.
type Use<T> = (place: Place, transfer: ArrayBuffer[]) => Promise<T>;

/** What `use` makes of the place that `source` is. */
async function withPlace<T>(host: Host, name: string, source: ModelSource, use: Use<T>): Promise<T> {
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

// RWKV.load: from what the caller names to a model in a worker.
import { type AssetChoice, type AssetHost, locateAssets } from './assets.js';
import { Client, type WorkerEvents, type WorkerLike } from './client.js';
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
import { storyteller, storytellerIn } from './storyteller.js';

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
}

/** The door of the package. */
export interface RWKV {
  /**
   * Loads a model into a worker of its own.
   *
   * @param source - nothing: the embedded storyteller model, there at once. A string or URL: relative ones start from
   * the page; in Node, paths and `file:` URLs too. A Blob, File or file handle is read piece by piece. Bytes are copied
   * once; the caller's buffer stays usable.
   * @throws RwkvError `invalid-argument`, `bad-file`, `bad-model`, `bad-vocabulary`, `unsupported`, `read-failed`,
   * `out-of-memory`, `worker-crashed`; the reason of `signal` when it aborts. Nothing is left of a load that failed.
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
  return {
    async inspect(source, options = {}) {
      const checked = checkInspectOptions(options);
      const { signal, build } = checked;
      const { workerUrl, wasmUrl } = locate(checked);
      return withPlace(host, 'source', source, async (model, transfer) => {
        const client = spawn(workerUrl);
        try {
          return await client.call('inspect', { model, build, wasmUrl }, { signal, transfer });
        } finally {
          await client.close();
        }
      });
    },
    async *convert(source, options = {}) {
      const checked = checkConvertOptions(options);
      const { quantization, build, signal, onProgress } = checked;
      const { workerUrl, wasmUrl } = locate(checked);
      const model = await place(host, 'source', source);
      const client = spawn(workerUrl);
      try {
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
        await host.release?.(model);
      }
    },
    async load(source, options = {}) {
      const checked = checkLoadOptions(options);
      const { tokenizer, quantization, build, threads, kernels, prefixCache, signal, onProgress } = checked;
      const { base, workerUrl, wasmUrl } = locate(checked);
      signal?.throwIfAborted();
      const load = async (model: Place, vocabulary: VocabularyChoice) => {
        const request = { model, vocabulary, quantization, build, threads, kernels, prefixCache, wasmUrl };
        const transfer = [model, vocabulary].flatMap(buffers);
        const client = spawn(workerUrl);
        try {
          const info = await client.call('load', request, { signal, transfer, onProgress });
          return new Model(client, info, (state, use) => withPlace(host, 'option state', state, use));
        } catch (error) {
          await client.close();
          throw error;
        }
      };
      const isEmbedded = source === undefined;
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

/** What `use` makes of the place that `source` is, with the buffers that may go there. */
async function withPlace<T>(
  host: Host,
  name: string,
  source: ModelSource,
  use: (place: Place, transfer: ArrayBuffer[]) => Promise<T>,
): Promise<T> {
  const at = await place(host, name, source);
  try {
    return await use(at, buffers(at));
  } finally {
    await host.release?.(at);
  }
}

// What a handle stands for is read as the Blob that it gives.
async function place(host: Host, name: string, given: ModelSource): Promise<Place> {
  const source = isFileHandle(given) ? await openHandle(name, given) : given;
  if (typeof source === 'string' || source instanceof URL) {
    try {
      return host.locate(source);
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

// RWKV.load: from what the caller names to a model in a worker.
import type { Place, VocabularyChoice } from '../shared/protocol.js';
import type { ModelFile } from '../shared/types.js';
import { hubOf } from '../store/hub.js';
import { isRemote, type Kept, keep, type Wish } from '../store/keeping.js';
import { mending } from '../store/mending.js';
import { storyteller, storytellerIn } from '../storyteller.js';
import { type AssetChoice, locateAssets } from './assets.js';
import { type CallOptions, Client } from './client.js';
import type { Host } from './host.js';
import { Model } from './model.js';
import {
  type ConvertOptions,
  checkConvertOptions,
  checkInspectOptions,
  checkLoadOptions,
  type InspectOptions,
  type LoadOptions,
} from './options.js';
import { buffers, type ModelSource, placeOf, type Use, withPlace } from './places.js';
import { readSampling, writeSampling } from './sampling.js';
import { type Spawned, storeWorker } from './store-worker.js';

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
    note: (kept: Kept) => void,
  ) => keep(at, { ...wish, signal }, host.store, storeWorker(client, spawned, { signal, onProgress }), note);
  return {
    async inspect(source, options = {}) {
      const { build, assets, hub: said, ...wish } = checkInspectOptions(options);
      const hub = hubOf(said, host.hub?.());
      const { signal, onProgress } = wish;
      const { workerUrl, wasmUrl } = locate({ assets, build });
      signal?.throwIfAborted();
      const spawned = { spawn: () => spawn(workerUrl), build, wasmUrl };
      return mending(host.store, wish.allowNetwork, (note) =>
        withPlace(host, hub, 'model', source, async (place, transfer) => {
          const client = spawn(workerUrl);
          try {
            const model = await keepBy(client, wish, place, spawned, note);
            const request = { model, build, wasmUrl };
            const file = await client.call('inspect', request, { signal, transfer, onProgress });
            return { ...file, sampling: readSampling(file.sampling) };
          } finally {
            await client.close();
          }
        }),
      );
    },
    async *convert(source, options = {}) {
      const { quantization, sampling, build, assets, hub: said, ...wish } = checkConvertOptions(options);
      const hub = hubOf(said, host.hub?.());
      const { signal, onProgress } = wish;
      const { workerUrl, wasmUrl } = locate({ assets, build });
      signal?.throwIfAborted();
      const spawned = { spawn: () => spawn(workerUrl), build, wasmUrl };
      const { client, total, close } = await mending(host.store, wish.allowNetwork, async (note) => {
        const at = await placeOf(host, hub, 'model', source);
        const client = spawn(workerUrl);
        const close = async () => {
          await client.close();
          await host.release?.(at);
        };
        try {
          const model = await keepBy(client, wish, at, spawned, note);
          const request = { model, quantization, sampling: writeSampling(sampling), build, wasmUrl };
          const transfer = buffers(model);
          return {
            client,
            close,
            total: await client.call('convert', request, { signal, transfer, onProgress }),
          };
        } catch (error) {
          await close();
          throw error;
        }
      });
      try {
        for (let loaded = 0; ; ) {
          const piece = await client.call('nextPiece', {}, { signal });
          if (piece === null) return;
          yield piece;
          loaded += piece.length;
          onProgress?.({ stage: 'load', loaded, total });
        }
      } finally {
        await close();
      }
    },
    async load(source, options = {}) {
      const {
        tokenizer,
        build,
        threads,
        kernels,
        prefixCache,
        assets,
        hub: said,
        ...wish
      } = checkLoadOptions(options);
      const hub = hubOf(said, host.hub?.());
      const { quantization, signal, onProgress, cache, allowNetwork } = wish;
      const { base, workerUrl, wasmUrl } = locate({ assets, build, threads });
      signal?.throwIfAborted();
      const isEmbedded = source === undefined;
      const load = async (note: (kept: Kept) => void, at: Place, choice: VocabularyChoice) => {
        const client = spawn(workerUrl);
        const spawned = { spawn: () => spawn(workerUrl), build, wasmUrl };
        try {
          const isFile = typeof choice === 'object' && choice !== null && tokenizer !== undefined;
          const vocabulary = isFile
            ? await keepBy(
                client,
                { cache, allowNetwork, signal, onProgress, sha256: null },
                choice,
                spawned,
                note,
              )
            : choice;
          const model = await keepBy(
            client,
            isEmbedded ? { ...wish, cache: false } : wish,
            at,
            spawned,
            note,
          );
          const request = { model, vocabulary, quantization, build, threads, kernels, prefixCache, wasmUrl };
          const transfer = [model, vocabulary].flatMap(buffers);
          const told = await client.call('load', request, { signal, transfer, onProgress });
          const info = { ...told, sampling: readSampling(told.sampling) };
          const keptState = (state: ModelSource, use: Use<number>) =>
            mending(host.store, allowNetwork, (note) =>
              withPlace(host, hub, 'state', state, async (place, transfer) => {
                if (!isRemote(place)) return use(place, transfer);
                const downloader = spawn(workerUrl); // a download that fails ends its worker
                try {
                  const wish = { cache, allowNetwork, signal: undefined, sha256: null };
                  return await use(await keepBy(downloader, wish, place, spawned, note), transfer);
                } finally {
                  await downloader.close();
                }
              }),
            );
          return new Model(client, info, keptState);
        } catch (error) {
          await client.close();
          throw error;
        }
      };
      const embedded = base ? storytellerIn(base) : storyteller;
      const ownVocabulary = isEmbedded
        ? await placeOf(host, hub, 'vocabulary', embedded.vocabulary)
        : 'embedded';
      return mending(host.store, allowNetwork, (note) =>
        withPlace(host, hub, 'model', isEmbedded ? embedded.model : source, (model) => {
          if (tokenizer === undefined) return load(note, model, ownVocabulary);
          if (tokenizer === false) return load(note, model, null);
          if (tokenizer === 'bytes') return load(note, model, tokenizer);
          return withPlace(host, hub, 'vocabulary', tokenizer, (vocabulary) => load(note, model, vocabulary));
        }),
      );
    },
  };
}

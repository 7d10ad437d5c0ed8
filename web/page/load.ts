// RWKV.load: from what the caller names to a model in a worker.
import { RwkvError } from '../shared/errors.js';
import type { LoraChoice, Place, Request, VocabularyChoice } from '../shared/protocol.js';
import type { ModelFile, ModelInfo } from '../shared/types.js';
import { world } from '../shared/world.js';
import { isRemote, type Kept } from '../store/keeping.js';
import { storyteller, storytellerIn } from '../storyteller.js';
import { type AssetChoice, locateAssets } from './assets.js';
import { Fetching } from './fetching.js';
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
import {
  buffers,
  type FileSource,
  knownOf,
  knownPlace,
  type ModelSource,
  release,
  type Use,
} from './places.js';
import { readSampling, writeSampling } from './sampling.js';

/** The door of the package. */
export interface RWKV {
  /**
   * Loads a model into a worker of its own.
   *
   * @param source - nothing: the embedded storyteller model, there at once. A string or URL: relative ones start from
   * the page; in Node, paths and `file:` URLs too. A Blob, File or file handle is read piece by piece. Bytes are copied
   * once; the caller's buffer stays usable. What comes from the network is kept in the store (option `cache`). Several
   * files that are one model are given by their index, by one of them where they are numbered, or all in a list.
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
  const fast = new Map<string, string>(); // kernels that turned out to be, by build and number format
  return {
    async inspect(source, options = {}) {
      const { build, assets, sha256, ...wishes } = checkInspectOptions(options);
      const { signal, onProgress } = wishes;
      const located = locate({ assets, build });
      const { wasmUrl } = located;
      const files = new Fetching(host, wishes, build, located);
      signal?.throwIfAborted();
      return files.mending((note) =>
        files.with('model', source, async (place) => {
          const client = files.spawn();
          try {
            const model = await files.keepModel(client, place, note, { sha256 });
            const call = { signal, transfer: buffers(model), onProgress };
            const file = await client.call('inspect', { model, build, wasmUrl }, call);
            return { ...file, sampling: readSampling(file.sampling) };
          } finally {
            await client.close();
          }
        }),
      );
    },
    async *convert(source, options = {}) {
      const { quantization, sampling, build, assets, sha256, ...wishes } = checkConvertOptions(options);
      const { signal, onProgress } = wishes;
      const located = locate({ assets, build });
      const { wasmUrl } = located;
      const files = new Fetching(host, wishes, build, located);
      signal?.throwIfAborted();
      const { client, total, close } = await files.mending(async (note) => {
        const place = await files.placeOf('model', source);
        const client = files.spawn();
        const close = async () => {
          await client.close();
          await release(host, place);
        };
        try {
          const model = await files.keepModel(client, place, note, { sha256 });
          const request = { model, quantization, sampling: writeSampling(sampling), build, wasmUrl };
          const call = { signal, transfer: buffers(model), onProgress };
          return { client, close, total: await client.call('convert', request, call) };
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
      const checked = checkLoadOptions(options);
      const { tokenizer, lora, build, device, kernels, prefixCache, assets, ...rest } = checked;
      const { sha256, keepPacked, quantization, grammar, learning, ...wishes } = rest;
      const { signal, onProgress } = wishes;
      const isEmbedded = source === undefined;
      // The storyteller lies in caches, where one thread is as fast: others are not started for nothing.
      const isSmall = isEmbedded && quantization === null && checked.threads === 'auto';
      const threads = isSmall ? 1 : checked.threads;
      const located = locate({ assets, build, threads, learns: learning !== undefined });
      const { base, wasmUrl, grammarWorkerUrl } = located;
      const files = new Fetching(
        learning ? { ...host, spawn: learning.spawn } : host,
        wishes,
        build,
        located,
      );
      signal?.throwIfAborted();
      const known = knownOf(host, source);

      const load = async (
        note: (kept: Kept) => void,
        place: Place,
        adapters: Place | null,
        choice: VocabularyChoice,
      ) => {
        const client = files.spawn();
        const keep = (place: Place) => files.keep(client, place, note);
        const keepWorld = () =>
          keep(knownPlace(files.hub, 'vocabulary', host.catalogue.world)).catch((error) => {
            throw withoutWorld(error);
          });
        try {
          const isFile = typeof choice === 'object' && choice !== null && tokenizer !== undefined;
          const isWorld = choice === 'embedded' && known?.vocabulary === 'world';
          const vocabulary = isFile ? await keep(choice) : isWorld ? await keepWorld() : choice;
          const own = { sha256, keepPacked, quantization, ...(isEmbedded && { cache: false as const }) };
          const merged: LoraChoice | null = lora &&
            adapters && { place: await keep(adapters), alpha: lora.alpha, scale: lora.scale };
          const from = isEmbedded ? files.arriving(client, place) : place;
          const model = await files.keepModel(client, from, note, own);
          const call = (of: Pick<Request<'load'>, 'model' | 'lora' | 'vocabulary'>) => {
            const fastKernels = [...fast]
              .filter(([key]) => key.startsWith(`${build} `))
              .map(([, name]) => name);
            const how = { quantization, build, threads, device, kernels, fastKernels, prefixCache, wasmUrl };
            const request = { ...of, ...how };
            const transfer = [of.model, of.lora?.place ?? null, of.vocabulary].flatMap(buffers);
            return client.call('load', request, { signal, transfer, onProgress });
          };
          const told =
            (await call({ model, lora: merged, vocabulary })) ??
            (await call({ model: null, lora: null, vocabulary: await keepWorld() }));
          if (told === null) throw new Error('the worker asked twice for a vocabulary');
          const isWhole = told.quantization === 'f32' && told.lora === null;
          if (learning && isWhole) files.keepUntil(client.end, place); // method 'full' reads it again
          const sampling = readSampling(told.sampling) ?? known?.sampling ?? null;
          const ruling = grammar && { engine: grammar, workerUrl: grammarWorkerUrl };
          const loaded = new Model(client, { ...told, sampling } satisfies ModelInfo, keptState, ruling);
          client.hearKernels = (name) => {
            const [format] = name.split(' ', 1);
            fast.set(`${build} ${format}`, name);
            if (told.kernels.startsWith(`${format} `)) loaded.hearKernels(name); // else of smaller matrices
          };
          return loaded;
        } catch (error) {
          await client.close();
          throw error;
        }
      };
      const keptState = (state: FileSource, use: Use<number>) =>
        files.mending((note) =>
          files.with('state', state, async (place) => {
            if (!isRemote(place)) return use(place);
            const downloader = files.spawn(); // a download that fails ends its worker
            try {
              return await use(await files.keep(downloader, place, note, { signal: undefined }));
            } finally {
              await downloader.close();
            }
          }),
        );
      const embedded = base ? storytellerIn(base) : storyteller;
      return files.mending((note) =>
        files.with('model', isEmbedded ? embedded.model : source, async (model) => {
          const given = tokenizer ?? (isEmbedded ? embedded.vocabulary : undefined);
          const withLora = (use: (adapters: Place | null) => Promise<Model>) =>
            lora ? files.with('lora', lora.source, use) : use(null);
          return withLora((adapters) => {
            if (given === undefined) return load(note, model, adapters, 'embedded');
            if (given === false) return load(note, model, adapters, null);
            if (given === 'bytes') return load(note, model, adapters, given);
            return files.with('vocabulary', given, (vocabulary) => load(note, model, adapters, vocabulary));
          });
        }),
      );
    },
  };
}

// What to do where the vocabulary that nobody named cannot be had.
function withoutWorld(error: unknown): unknown {
  if (!(error instanceof RwkvError)) return error;
  const why = `the model's ${world.tokens} tokens are those of RWKV World, and its file brings no vocabulary`;
  const [, url] = world.sources;
  const advice = `name a copy of ${world.file} by the option tokenizer (--tokenizer), or let store.download('${url}') or rwkv-wasm models download ${url} bring it into the store; 'tokenizer: false' loads for token ids alone`;
  return new RwkvError(error.code, `${error.message}; ${why}: ${advice}`, { cause: error });
}

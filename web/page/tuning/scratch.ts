// From scratch: a vocabulary of texts, and a model of random weights, each made in a worker of its own.
import { unexpected } from '../../shared/errors.js';
import { type AssetHost, type AssetOptions, locateAssets } from '../assets.js';
import { Client } from '../client.js';
import type { LearningEngine } from '../learning-engine.js';
import { assetOptions } from '../options.js';
import { abortSignal, check, type Get, integer, oneOf, type Rule } from '../rules.js';
import { isTexts, type TuneFormat, type TuneTexts } from './options.js';
import { writtenIn } from './said.js';

/** What a model from scratch is to be. */
export interface NewModelOptions extends AssetOptions {
  /** How many layers it has. 1 to 256. */
  layers: number;
  /** How wide they are: a multiple of 32, up to 16,384. */
  channels: number;
  /** Its token ids, as many as its vocabulary has. 2 to 1,048,576. */
  vocabulary: number;
  /** Its RWKV version. Default `'7'`. */
  version?: '4' | '5.2' | '6' | '7' | undefined;
  /** Of versions 5.2 to 7: channels of a head, a multiple of 4 that divides `channels`. Default 64, or 32 where that does not divide them. */
  headSize?: number | undefined;
  /** The inner width of the channel mix, a multiple of 32, up to 131,072. Default: as the authors have it, 3.5 or 4 times `channels`. */
  hidden?: number | undefined;
  /** Where chance begins. 0 to 2^53 - 1, default 0: the same seed gives the same model. */
  seed?: number | undefined;
  /** The form of the file. Default `'safetensors'`. */
  format?: TuneFormat | undefined;
  /** Ends the making. */
  signal?: AbortSignal | undefined;
}

/** What a vocabulary is to be. */
export interface VocabularyOptions extends AssetOptions {
  /** Its token ids: 0, which ends a text, 256 bytes and the most useful pieces of words. 257 to 65,536. */
  size: number;
  /** Ends the making. */
  signal?: AbortSignal | undefined;
}

/** Where workers come from that make these. */
export interface ScratchHost extends AssetHost, LearningEngine {}

/** What `newModel` of `rwkv-wasm/learning` does. */
export async function newModel(
  host: ScratchHost,
  options: NewModelOptions,
): Promise<Uint8Array<ArrayBuffer>> {
  const { signal, assets, ...wanted } = checkNewModelOptions(options);
  return inWorker(host, assets, signal, (client, wasmUrl) =>
    client.call('newModel', { ...wanted, wasmUrl }, { signal }),
  );
}

/** What `trainVocabulary` of `rwkv-wasm/learning` does. */
export async function trainVocabulary(
  host: ScratchHost,
  texts: TuneTexts,
  options: VocabularyOptions,
): Promise<string> {
  const { size, signal, assets } = checkVocabularyOptions(options);
  if (!isTexts(texts)) throw unexpected('texts', 'a text, or texts in a list or another iterable', texts);
  return inWorker(host, assets, signal, async (client) => {
    for await (const text of writtenIn(texts)) await client.call('addVocabularyText', { text }, { signal });
    return client.call('makeVocabulary', { size }, { signal });
  });
}

async function inWorker<T>(
  host: ScratchHost,
  assets: AssetOptions,
  signal: AbortSignal | undefined,
  work: (client: Client, wasmUrl: string | null) => Promise<T>,
): Promise<T> {
  const { workerUrl, wasmUrl } = locateAssets({ assets, build: 'baseline', learns: true }, host);
  signal?.throwIfAborted();
  const client = new Client((events) => host.spawn(events, workerUrl));
  try {
    return await work(client, wasmUrl);
  } finally {
    await client.close();
  }
}

const multipleOf = (step: number, most: number): Rule<number> => ({
  expected: `a multiple of ${step} from ${step} to ${most}`,
  accepts: (value): value is number => integer(step, most).accepts(value) && value % step === 0,
});

/** @throws RwkvError `invalid-argument` */
export function checkNewModelOptions(options: NewModelOptions) {
  return check(options, (get) => {
    const channels = required(get, 'channels', multipleOf(32, 2 ** 14));
    const version =
      get('version', oneOf<NonNullable<NewModelOptions['version']>>('4', '5.2', '6', '7')) ?? '7';
    return {
      version,
      layers: required(get, 'layers', integer(1, 256)),
      channels,
      headSize: get('headSize', dividing(channels)) ?? (channels % 64 === 0 ? 64 : 32),
      hidden: get('hidden', multipleOf(32, 2 ** 17)) ?? 0,
      vocabulary: required(get, 'vocabulary', integer(2, 2 ** 20)),
      seed: get('seed', integer(0, Number.MAX_SAFE_INTEGER)) ?? 0,
      format: get('format', oneOf<TuneFormat>('safetensors', 'pth')) ?? 'safetensors',
      signal: get('signal', abortSignal),
      assets: assetOptions(get),
    };
  });
}

/** @throws RwkvError `invalid-argument` */
export function checkVocabularyOptions(options: VocabularyOptions) {
  return check(options, (get) => ({
    size: required(get, 'size', integer(257, 2 ** 16)),
    signal: get('signal', abortSignal),
    assets: assetOptions(get),
  }));
}

const dividing = (channels: number): Rule<number> => ({
  expected: `a multiple of 4 that divides the ${channels} channels`,
  accepts: (value): value is number => multipleOf(4, channels).accepts(value) && channels % value === 0,
});

function required<T>(get: Get, name: string, rule: Rule<T>): T {
  const value = get(name, rule);
  if (value === undefined) throw unexpected(`option ${name}`, rule.expected, value);
  return value;
}

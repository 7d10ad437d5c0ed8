// Every option that a caller may pass: its type, its range, its default. Checked here, by name, before anything is
// computed; nothing after this file checks an option again.

import { unexpected } from '../shared/errors.js';
import { quantizations } from '../shared/number-formats.js';
import type { Drawing } from '../shared/protocol.js';
import type {
  Build,
  ComputeDevice,
  LoadProgress,
  Quantization,
  ReadProgress,
  RecommendedSampling,
} from '../shared/types.js';
import { wellFormed } from '../shared/well-formed.js';
import type { HubOptions } from '../store/hub.js';
import type { AssetOptions, GrammarAssetOptions } from './assets.js';
import type { GrammarEngine } from './grammar-engine.js';
import type { LearningEngine } from './learning-engine.js';
import type { FileSource } from './places.js';
import {
  abortSignal,
  above,
  address,
  anything,
  biases,
  boolean,
  check,
  either,
  entriesOf,
  file,
  type Get,
  grammarEngine,
  hearsLoad,
  hearsReading,
  integer,
  isArrayLike,
  learningEngine,
  list,
  never,
  number,
  oneOf,
  record,
  schema,
  secret,
  sha256,
  stops,
  text,
  vocabulary,
} from './rules.js';
import { takeSampling } from './sampling.js';
import { structureOf } from './structure.js';

/** What is asked of the store where a file comes from the network. */
export interface StoreOptions {
  /**
   * Whether the file is kept, so that it is downloaded once: `true`, error `unsupported` where nothing can be kept;
   * `false`: it is held in memory while it is loaded. A stored file is used without asking the network. Default `'auto'`:
   * kept where that is possible. Files that are not of http or https are never kept.
   */
  cache?: 'auto' | boolean | undefined;
  /** The SHA-256 of the model's file in hexadecimal, if it is one file: error `hash-mismatch` for other bytes, wherever they come from. */
  sha256?: string | undefined;
  /** Where files named `hf:` come from, and who asks for them. */
  hub?: HubOptions | undefined;
  /** `false`: from the store alone; error `not-stored` for a file that it does not hold. Default true. */
  allowNetwork?: boolean | undefined;
}

/** A LoRA whose scale is said, for `RWKV.load`. */
export interface LoraOptions {
  /** Its file. */
  source: FileSource;
  /** W becomes W + alpha / rank B A. Default: what the file says, as those of `model.tune` do. */
  alpha?: number | undefined;
  /** In place of alpha / rank: 0 leaves the model as it is. Not beside `alpha`. */
  scale?: number | undefined;
}

/** Options of `RWKV.load`. */
export interface LoadOptions extends StoreOptions, AssetOptions, GrammarAssetOptions {
  /**
   * The store keeps the model packed, as `RWKV.convert` makes it for this quantization, instead of the file that was
   * downloaded: later loads are faster, and need this quantization. Default false. Models of several files are kept as they
   * are.
   */
  keepPacked?: boolean | undefined;
  /** How weights are kept in memory. Default: what a packed file was made for, else `'q8'`. */
  quantization?: Quantization | undefined;
  /**
   * Adapters that were trained for this model, wherever `RWKV.load` takes a file from, kept in the store as the model is: merged into
   * its weights while they are read, before these are quantised (those of a packed file are unpacked for it). `.pth` of
   * RWKV-PEFT and RWKV-LM-LoRA (`lora_A`, `lora_B`, and what was trained whole beside them) and `.safetensors` of peft, whose alpha
   * must be said, and what `model.tune` gives. PiSSA, DoRA, Bone, MiSS and the like are no LoRA: error `bad-model`, but for PiSSA,
   * which looks like one. Default: none.
   */
  lora?: FileSource | LoraOptions | undefined;
  /**
   * The vocabulary: the URL, path or bytes of a trie file, such as rwkv_vocab_v20230424.txt of the World models, also as the
   * JSON that web-rwkv has of it, or of a tokenizer.json of Hugging Face (BPE, WordLevel or Unigram, in so far as they can be
   * read exactly), such as 20B_tokenizer.json of the Pile models; `'bytes'` for
   * models whose tokens are bytes; `false` for token ids only. Default: the storyteller's own for the embedded model,
   * the vocabulary inside a GGUF file, that of RWKV World for other models with its 65,536 tokens (of the network, once), else none.
   */
  tokenizer?: string | URL | Blob | ArrayBuffer | Uint8Array | false | undefined;
  /** Aborts the load; nothing is left of it but what was downloaded, which the next load does not download again. */
  signal?: AbortSignal | undefined;
  /** Hears how the load is getting on. What it throws ends the load. */
  onProgress?: ((progress: LoadProgress) => void) | undefined;
  /**
   * Threads to compute with, 1 to 16; `model.info.threads` tells how many do. More than one need shared memory, which Node
   * has and pages that are cross-origin isolated: error `unsupported` elsewhere. Results do not depend on it. Default
   * `'auto'`: as many as there are cores, at most 4; one for a small model, and where there is no more.
   */
  threads?: 'auto' | number | undefined;
  /**
   * What computes: `'gpu'`, the graphics processor through WebGPU, in Node through the package `webgpu` where that is installed; `'auto'`,
   * the faster one for this model. Where the graphics processor cannot, this processor does, and `model.info.warnings` says why if it was
   * asked for; `model.info.device` tells which it is. Sessions that were saved go on on either. Default `'cpu'`.
   */
  device?: 'auto' | ComputeDevice | undefined;
  /**
   * Which kernels multiply, as `model.info.kernels` names them, for measurements: they give the same results. Default: the
   * fastest, which is found out while the first tokens are computed.
   */
  kernels?: string | undefined;
  /**
   * Bytes that states of prompts that were read before may take: a fresh session whose prompt begins like one of them does
   * not read that part again, with the same result. `false`: none. Default: 64 MiB.
   */
  prefixCache?: number | false | undefined;
  /** Which build of the core to use. Default `'auto'`: the fastest that runs here. */
  build?: 'auto' | Build | undefined;
  /**
   * What rules texts by the options `grammar` and `jsonSchema` of `session.complete`, and calls of tools: `grammar` of
   * `rwkv-wasm/grammar`. Default: nothing does, and such calls are `unsupported`.
   */
  grammar?: GrammarEngine | undefined;
  /** What teaches the model by `model.tune`: `learning` of `rwkv-wasm/learning`. Default: nothing does, and `tune` is `unsupported`. */
  learning?: LearningEngine | undefined;
}

/** Options of `RWKV.inspect`. */
export type InspectOptions = Pick<
  LoadOptions,
  'signal' | 'build' | 'onProgress' | keyof StoreOptions | keyof AssetOptions
>;

/** Options of `RWKV.convert`. */
export interface ConvertOptions
  extends Pick<
    LoadOptions,
    'quantization' | 'signal' | 'onProgress' | 'build' | keyof StoreOptions | keyof AssetOptions
  > {
  /** How the model is best sampled, which the packed file then says (`model.info.sampling`). Default: what the file says itself. */
  sampling?: RecommendedSampling | undefined;
}

/** Options of `store.download`. */
export type DownloadOptions = Pick<
  LoadOptions,
  'signal' | 'onProgress' | 'sha256' | 'hub' | keyof AssetOptions
>;

/** Options of `model.createSession`. */
export interface SessionOptions {
  /** Where chance begins: the same seed gives the same text. 0 to 2^53 - 1; default: a random one, or a saved session's. */
  seed?: number | undefined;
  /**
   * What the session starts from: a file that state tuning made for this model (`.pth` or `.safetensors` with
   * `blocks.N.att.time_state`) or what `session.save` gave, wherever `RWKV.load` takes a file from, kept in the
   * store as the model is. Default: the state that is merged into the model's file, else zeros.
   */
  state?: FileSource | undefined;
}

/** Options of `session.append`, `session.logits`, `session.score` and `model.embed`. */
export interface ReadOptions {
  /** Stops the reading. What is not read yet is read by the next call on the session. */
  signal?: AbortSignal | undefined;
  /** Hears how the reading of the text is getting on, after every few tokens and at its end. What it throws ends the call. */
  onProgress?: ((progress: ReadProgress) => void) | undefined;
}

/** Options of `session.score`. */
export interface ScoreOptions extends ReadOptions {
  /** What the text comes after: a text or token ids, at least one token. Default: an end of text, `[0]`. */
  after?: string | ArrayLike<number> | undefined;
  /** Tells so many of the likeliest tokens in each place too. 0 to 20. */
  topLogprobs?: number | undefined;
}

/** Options of `session.complete`, `session.generate` and `session.stream`. */
export interface GenerateOptions extends ReadOptions {
  /** At most so many tokens. 0 only reads the prompt. Default 256. */
  maxTokens?: number | undefined;
  /** Flattens (above 1) or sharpens (below 1) the choice; 0 always takes the likeliest token. 0 to 100, default 1. */
  temperature?: number | undefined;
  /** Chooses among the likeliest tokens that together have this probability. 0 to 1, default 0.7. */
  topP?: number | undefined;
  /** Chooses among so many of the likeliest tokens; 0: no such limit. Default 0. */
  topK?: number | undefined;
  /** Leaves out tokens that are less likely than this share of the likeliest's probability. 0 to 1, default 0. */
  minP?: number | undefined;
  /**
   * Chooses among the tokens whose surprise is nearest to what is to be expected, of this probability together; 1: no such
   * limit. Above 0, up to 1, default 1.
   */
  typicalP?: number | undefined;
  /** Taken off the logit of each token that this session has generated. -100 to 100, default 0. */
  presencePenalty?: number | undefined;
  /** The same, once for each time that it was generated. -100 to 100, default 0. */
  frequencyPenalty?: number | undefined;
  /** What those counts are multiplied by at each token: old ones fade. 0 to 1, default 0.996. */
  penaltyDecay?: number | undefined;
  /** The same said in tokens: after so many a count is half of what it was. Above 0; 200 is a decay of 0.9965. */
  penaltyHalfLife?: number | undefined;
  /** What is added to the logits of tokens, by their ids. -100 to 100. */
  logitBias?: Readonly<Record<number, number>> | ReadonlyMap<number, number> | undefined;
  /** Tokens that are never generated. Token 0 among them: the text does not end by itself. */
  ban?: ArrayLike<number> | undefined;
  /** The text ends before any of these texts, which may come in several tokens and are never delivered. */
  stop?: string | readonly string[] | undefined;
  /** Delivers the prompt before the text. Default false. */
  echo?: boolean | undefined;
  /** Tells the log probability of each token. Default false. */
  logprobs?: boolean | undefined;
  /** Tells so many of the likeliest tokens in each place too. 0 to 20. */
  topLogprobs?: number | undefined;
  /** `false`: a call that is aborted or left leaves the session as it was before. Default true. */
  keepPartial?: boolean | undefined;
  /**
   * The text obeys this grammar, in xgrammar's EBNF with the rule `root`: `'root ::= "yes" | "no"'`. It ends where the grammar
   * does, or earlier by `maxTokens`, a `stop` text or an abort. At most 524,288 characters, and brackets 256 deep. Needs a model that was loaded with
   * the option `grammar`: error `unsupported` without; `grammar-failed` where compiling takes longer than 60 seconds or too much memory.
   */
  grammar?: string | undefined;
  /**
   * The text is JSON, on one line, that obeys this JSON schema; `true` or `{}`: any JSON. Objects have the properties that it
   * names, in its order, and no others, unless it allows them. What xgrammar does not know does not bind, such as `not` and
   * `multipleOf`; patterns that it cannot keep are refused: error `unsupported`. At most 524,288 characters, nested 256 deep.
   * Needs what `grammar` needs.
   */
  jsonSchema?: object | true | undefined;
  /**
   * Whether tokens are read before they are drawn where something foretells them: several at once, as a prompt is. A grammar tells what must come;
   * what has followed the same words in this session's text before is guessed, as long as that pays. The result is the same without,
   * but for the time. Default true.
   */
  readAhead?: boolean | undefined;
  /** Starts chance anew from this seed. Default: it goes on where the session's last call left it. */
  seed?: number | undefined;
}

/** Where files of the package are, as options say it. */
export const assetOptions = (get: Get): AssetOptions => ({
  assetBase: get('assetBase', address),
  workerUrl: get('workerUrl', address),
  wasmUrl: get('wasmUrl', address),
});
const seed = integer(0, Number.MAX_SAFE_INTEGER);
const mostTold = integer(0, 20);
const usualPrefixCache = 64 * 2 ** 20;

const quantization = oneOf(...quantizations);
const build = oneOf('auto', 'baseline', 'relaxed');

/** @throws RwkvError `invalid-argument` */
export function checkLoadOptions(options: LoadOptions) {
  return check(options, (get) => ({
    quantization: get('quantization', quantization) ?? null,
    lora: takeLora(get),
    tokenizer: get('tokenizer', vocabulary),
    signal: get('signal', abortSignal),
    onProgress: get('onProgress', hearsLoad),
    threads: get('threads', either(oneOf('auto'), integer(1, 16))) ?? 'auto',
    device: get('device', oneOf('auto', 'cpu', 'gpu')) ?? 'cpu',
    kernels: get('kernels', text) ?? null,
    prefixCache: (get('prefixCache', either(integer(0, 2 ** 32), never)) ?? usualPrefixCache) || 0,
    build: get('build', build) ?? 'auto',
    grammar: get('grammar', grammarEngine),
    learning: get('learning', learningEngine),
    ...takeStoreOptions(get),
    keepPacked: takeKeepPacked(get),
    assets: { ...assetOptions(get), grammarWorkerUrl: get('grammarWorkerUrl', address) },
  }));
}

function takeLora(get: Get) {
  const lora = get('lora', either(file, record));
  if (lora === undefined) return null;
  if (file.accepts(lora)) return { source: lora, alpha: null, scale: null };
  return check(
    lora,
    (get) => {
      const source = get('source', file);
      if (source === undefined) throw unexpected('option lora.source', file.expected, source);
      const alpha = get('alpha', above(0, 1e6)) ?? null;
      const scale = get('scale', number(-1e6, 1e6)) ?? null;
      if (alpha !== null && scale !== null)
        throw unexpected('option lora.scale', 'not to come with alpha', scale);
      return { source, alpha, scale };
    },
    'option lora',
  );
}

function takeStoreOptions(get: Get) {
  const cache = get('cache', either(boolean, oneOf('auto'))) ?? 'auto';
  const allowNetwork = get('allowNetwork', boolean) ?? true;
  if (cache === false && !allowNetwork)
    throw unexpected('option allowNetwork', "not to be false with 'cache: false'", allowNetwork);
  return { cache, allowNetwork, sha256: get('sha256', sha256)?.toLowerCase() ?? null, hub: takeHub(get) };
}

function takeHub(get: Get): HubOptions {
  return check(
    get('hub', record) ?? {},
    (get) => ({ endpoint: get('endpoint', address), token: get('token', secret) }),
    'option hub',
  );
}

function takeKeepPacked(get: Get): boolean {
  const keepPacked = get('keepPacked', boolean) ?? false;
  if (keepPacked && get('cache', either(boolean, oneOf('auto'))) === false)
    throw unexpected('option keepPacked', "not to come with 'cache: false'", keepPacked);
  return keepPacked;
}

/** @throws RwkvError `invalid-argument` */
export function checkInspectOptions(options: InspectOptions) {
  return check(options, (get) => ({
    signal: get('signal', abortSignal),
    onProgress: get('onProgress', hearsLoad),
    build: get('build', build) ?? 'auto',
    ...takeStoreOptions(get),
    assets: assetOptions(get),
  }));
}

/** @throws RwkvError `invalid-argument` */
export function checkConvertOptions(options: ConvertOptions) {
  return check(options, (get) => ({
    quantization: get('quantization', quantization) ?? null,
    sampling: takeRecommended(get('sampling', record)),
    signal: get('signal', abortSignal),
    onProgress: get('onProgress', hearsLoad),
    build: get('build', build) ?? 'auto',
    ...takeStoreOptions(get),
    assets: assetOptions(get),
  }));
}

function takeRecommended(sampling: object | undefined): RecommendedSampling | undefined {
  return sampling && check(sampling, takeSampling);
}

/** @throws RwkvError `invalid-argument` */
export function checkDownloadOptions(options: DownloadOptions) {
  return check(options, (get) => ({
    signal: get('signal', abortSignal),
    onProgress: get('onProgress', hearsLoad),
    sha256: get('sha256', sha256)?.toLowerCase() ?? null,
    hub: takeHub(get),
    assets: assetOptions(get),
  }));
}

/** @throws RwkvError `invalid-argument` */
export function checkEvictOptions(options: { readonly bytes: number }): number {
  return check(options, (get) => {
    const bytes = get('bytes', integer(0, Number.MAX_SAFE_INTEGER));
    if (bytes === undefined) throw unexpected('option bytes', 'an integer', bytes);
    return bytes;
  });
}

/** @throws RwkvError `invalid-argument` */
export function checkSessionOptions(options: SessionOptions) {
  return check(options, (get) => ({
    seed: get('seed', seed),
    state: get('state', file),
  }));
}

/** @throws RwkvError `invalid-argument` */
export function checkReadOptions(options: ReadOptions) {
  return check(options, (get) => ({
    signal: get('signal', abortSignal),
    onRead: get('onProgress', hearsReading),
  }));
}

/** @throws RwkvError `invalid-argument` */
export function checkScoreOptions(options: ScoreOptions) {
  return check(options, (get) => ({
    signal: get('signal', abortSignal),
    onRead: get('onProgress', hearsReading),
    after: get('after', either(text, list)) ?? [0],
    topLogprobs: get('topLogprobs', mostTold),
  }));
}

/**
 * @param others - names of options that are checked elsewhere
 * @throws RwkvError `invalid-argument`
 */
export function checkGenerateOptions(
  options: GenerateOptions,
  vocabulary: number = 2 ** 31,
  others: readonly string[] = [],
) {
  return check(options, (get) => {
    for (const name of others) get(name, anything);
    const maxTokens = get('maxTokens', integer(0, Number.MAX_SAFE_INTEGER)) ?? 256;
    const stop = get('stop', stops) ?? [];
    const halfLife = get('penaltyHalfLife', above(0, Infinity));
    const said = takeSampling(get);
    if (halfLife !== undefined && said.penaltyDecay !== undefined)
      throw unexpected('option penaltyHalfLife', 'not to come with penaltyDecay', halfLife);
    const bias = new Map<number, number>();
    for (const [id, value] of entriesOf(get('logitBias', biases) ?? {}))
      bias.set(checkToken('option logitBias', id, vocabulary), value);
    for (const id of checkTokens('option ban', get('ban', list) ?? [], vocabulary)) bias.set(id, -Infinity);
    const logprobs = get('logprobs', boolean) ?? false;
    const seedGiven = get('seed', seed);
    return {
      maxTokens,
      signal: get('signal', abortSignal),
      onRead: get('onProgress', hearsReading),
      stop: (typeof stop === 'string' ? [stop] : stop).map(wellFormed),
      echo: get('echo', boolean) ?? false,
      keepPartial: get('keepPartial', boolean) ?? true,
      structure: structureOf(get('grammar', text), get('jsonSchema', schema)),
      drawing: {
        sampling: {
          temperature: said.temperature ?? 1,
          topP: said.topP ?? 0.7,
          topK: said.topK ?? 0,
          minP: said.minP ?? 0,
          typicalP: said.typicalP ?? 1,
          presencePenalty: said.presencePenalty ?? 0,
          frequencyPenalty: said.frequencyPenalty ?? 0,
          penaltyDecay: halfLife === undefined ? (said.penaltyDecay ?? 0.996) : 0.5 ** (1 / halfLife),
        },
        biasedTokens: Int32Array.from(bias.keys()),
        biases: Float32Array.from(bias.values()),
        topLogprobs: get('topLogprobs', mostTold) ?? (logprobs ? 0 : -1),
        readAhead: get('readAhead', boolean) ?? true,
        ...(seedGiven !== undefined && { seed: seedGiven }),
      } satisfies Drawing,
    };
  });
}

/** Options of `session.save`. */
export interface SaveOptions {
  /** Keeps the state in 16-bit floats: half the size, and the text goes on a little differently. Default false. */
  half?: boolean | undefined;
}

/** @throws RwkvError `invalid-argument` */
export function checkSaveOptions(options: SaveOptions) {
  return check(options, (get) => ({ asHalves: get('half', boolean) ?? false }));
}

/**
 * Token ids as the worker wants them: checked, copied.
 *
 * @throws RwkvError `invalid-argument` naming the place, the range and what was found.
 */
export function checkTokens(name: string, tokens: unknown, vocabulary: number): Int32Array<ArrayBuffer> {
  if (!isArrayLike(tokens)) throw unexpected(name, 'text or token ids', tokens);
  const id = integer(0, vocabulary - 1);
  return Int32Array.from({ length: tokens.length }, (_, i) => {
    const token = tokens[i];
    if (!id.accepts(token)) throw unexpected(`${name}[${i}]`, `a token id, ${id.expected}`, token);
    return token;
  });
}

function checkToken(name: string, token: number, vocabulary: number): number {
  const id = integer(0, vocabulary - 1);
  if (id.accepts(token)) return token;
  throw unexpected(name, `token ids, ${id.expected}`, token);
}

/** A seed for those who do not choose one: short enough to be read out. */
export function randomSeed(): number {
  return crypto.getRandomValues(new Uint32Array(1))[0] ?? 0;
}

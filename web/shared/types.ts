// What both halves tell the user in: the types of the public API that cross the line between them.
import type { Quantization } from './number-formats.js';

export type { Quantization };

/** A build of the core: `'baseline'` runs wherever SIMD128 does, `'relaxed'` needs relaxed SIMD and is faster. */
export type Build = 'baseline' | 'relaxed';

/** How a load is getting on. */
export interface LoadProgress {
  /** `'download'`: bytes arrive from the network. `'load'`: tensors are read, checked and packed. */
  readonly stage: 'download' | 'load';
  /** Bytes done; of each file by itself where a model is downloaded in several. */
  readonly loaded: number;
  /** Bytes in all; absent where the server does not say. */
  readonly total?: number;
  /** Of a download: its rate over the last seconds. */
  readonly bytesPerSecond?: number;
  /** Of a download: how long the rest will take at that rate. */
  readonly secondsLeft?: number;
}

/** How the reading of a text is getting on. */
export interface ReadProgress {
  /** Tokens that are read. */
  readonly tokens: number;
  /** Tokens in all. */
  readonly total: number;
}

/** What kind of model a file holds. */
export interface ModelShape {
  /** The name of the file. */
  readonly name: string;
  /** Its format: `'pth'`, `'safetensors'`, `'GGUF'`, `'rwkv.cpp'`, or `'rwkv-wasm'` of a packed file. */
  readonly format: string;
  /** The RWKV version, such as `'7'` or `'5.2'`. */
  readonly version: string;
  /** Layers, each with a time mix and a channel mix. */
  readonly layers: number;
  /** The width of the model (C). */
  readonly channels: number;
  /** Heads of the time mix (H). */
  readonly heads: number;
  /** Channels of a head (N); C = H N. */
  readonly headSize: number;
  /** The hidden width of the channel mix (F). */
  readonly hidden: number;
  /** Token ids run from 0 to `vocabulary - 1` (V). */
  readonly vocabulary: number;
  /** The number of weights. */
  readonly parameters: number;
}

/**
 * Which vocabulary a model was loaded with:
 *
 * - `'world'`: the file of RWKV's World models, rwkv_vocab_v20230424.txt, known by its SHA-256 (in pages without a secure
 *   context, which cannot compute one, it is a `'trie'`)
 * - `'trie'`: another file of that form, or such a vocabulary as JSON
 * - `'embedded'`: the World vocabulary inside a GGUF file
 * - `'huggingface'`: a tokenizer.json
 * - `'bytes'`: every byte is a token
 */
export type TokenizerKind = 'world' | 'trie' | 'embedded' | 'huggingface' | 'bytes';

/** How a model is best sampled, as options of `session.complete`. What is absent stays at its default. */
export interface RecommendedSampling {
  /** Above 1 wilder, below 1 tamer; 0 always takes the likeliest token. */
  readonly temperature?: number;
  /** Of the likeliest tokens those of this probability together. */
  readonly topP?: number;
  /** So many of the likeliest tokens; 0: all. */
  readonly topK?: number;
  /** Of tokens those of at least this share of the likeliest's probability. */
  readonly minP?: number;
  /** Of the most typical tokens those of this probability together. */
  readonly typicalP?: number;
  /** Taken off the logit of each token that came before. */
  readonly presencePenalty?: number;
  /** Taken off for each time it came. */
  readonly frequencyPenalty?: number;
  /** What remains of a count of both at each token. */
  readonly penaltyDecay?: number;
}

/** What can compute a model: this processor, or the graphics processor. */
export type ComputeDevice = 'cpu' | 'gpu';

/** What a loaded model is. */
export interface ModelInfo extends ModelShape {
  /** How the weights are kept. */
  readonly quantization: Quantization;
  /** Memory that the weights take. */
  readonly bytes: number;
  /** Memory that one session's recurrent state takes. */
  readonly stateBytes: number;
  /** The build in use. */
  readonly build: Build;
  /** Threads in use. */
  readonly threads: number;
  /** What computes: this processor, or the graphics processor. */
  readonly device: ComputeDevice;
  /**
   * The kernels in use for the largest matrix, such as `'q8 split x2, rows fused'`: the fastest of equals, which is found out
   * while the first tokens are computed, so that it may change then. Later models of the process start with them.
   */
  readonly kernels: string;
  /** `null`: loaded without a tokenizer; token ids only. */
  readonly tokenizer: TokenizerKind | null;
  /**
   * How those who made the file sample it: `session.complete(prompt, { ...model.info.sampling })`. The commands do so by
   * themselves. `null`: the file does not say; packed files alone can.
   */
  readonly sampling: RecommendedSampling | null;
  /** The file of the LoRA that was merged into the model (`RWKV.load`, option `lora`); `null`: none was. */
  readonly lora: string | null;
  /** What to know of the file: weights that are not finite, say, or a vocabulary that cannot be used. */
  readonly warnings: readonly string[];
}

/** What a model file holds, told without reading its weights. */
export interface ModelFile extends ModelShape {
  /** The size of the file. */
  readonly fileBytes: number;
  /** Tensors in it. */
  readonly tensors: number;
  /** Bytes of tensors by their type, such as `{ BF16: 382000000 }`. */
  readonly dtypes: Readonly<Record<string, number>>;
  /** The quantization that a packed file was made for; `null`: not a packed file. */
  readonly quantization: Quantization | null;
  /** The kind of the vocabulary inside the file; `null`: there is none. */
  readonly tokenizer: string | null;
  /** How those who made the file sample it; `null`: it does not say. */
  readonly sampling: RecommendedSampling | null;
  /** Memory that the weights would take, in bytes, for each quantization. */
  readonly memory: Readonly<Record<Quantization, number>>;
}

/** A token with the logarithm of its probability; `text` is the token's by itself. */
export interface TokenLogprob {
  /** Its id. */
  readonly token: number;
  /** What it is by itself. */
  readonly text: string;
  /** The natural logarithm of its probability. */
  readonly logprob: number;
}

/** One generated token; `text` is what it adds to the text: whole characters, maybe none. */
export interface Step {
  /** Its id. */
  readonly token: number;
  /** What it adds to the text. */
  readonly text: string;
  /** The logarithm of its probability, as the model gives it: before penalties, bias and temperature. */
  readonly logprob?: number;
  /** The likeliest tokens in its place, likeliest first. */
  readonly topLogprobs?: readonly TokenLogprob[];
}

/** What a tuning is going to do, and the memory that it takes. */
export interface TuningPlan {
  /** Of the whole run. */
  readonly steps: number;
  /** How many of them an earlier run has made, as its checkpoint says. */
  readonly step: number;
  /** Tokens of the texts that are learned. */
  readonly learnedTokens: number;
  /** Tokens of those that are held out. */
  readonly validationTokens: number;
  /** Pieces of at most `contextLength` tokens that the texts are read in. */
  readonly excerpts: number;
  /** The memory that it takes besides the model's. */
  readonly bytes: number;
  /** The loss of what is held out before the first step. */
  readonly validationLoss?: number;
}

/** A step of learning. Losses are the mean cross-entropy of a token, in nats. */
export interface TuneStep {
  /** Its number, from 1. */
  readonly step: number;
  /** Of the whole run. */
  readonly steps: number;
  /** The loss of what it read, before the model was changed. */
  readonly loss: number;
  /** The loss of what is held out, after that, where it was measured. */
  readonly validationLoss?: number;
  /** Tokens that were learned in it. */
  readonly tokens: number;
  /** The rate of this step. */
  readonly learningRate: number;
  /** How fast it learned. */
  readonly tokensPerSecond: number;
}

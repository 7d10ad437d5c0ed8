// What a build's WebAssembly module exports (wasm/bindings.cpp, files.cpp, threads.cpp), and the few words to speak with it.
import { errorCode, RwkvError, sentence } from '../shared/errors.js';
import type { Learning, NewModel, Sampling, Told, TuneStep, TuningPlan } from '../shared/protocol.js';
import type { ModelFile, ModelInfo, Quantization, Step, TokenizerKind } from '../shared/types.js';
import type { ByteSource } from '../store/shelf.js';

/** What the core answers where something can go wrong. */
export type Result<T> =
  | { readonly value: T }
  | { readonly error: { readonly code: string; readonly message: string } };

/** A file that the core reads piece by piece. */
export interface WasmSource {
  readonly name: string;
  readonly size: number;
  /** Fills `into` with the bytes at `offset`; `''`, or what went wrong. Never throws. Keeps no hold of `into`. */
  read(offset: number, into: Uint8Array): string;
}

/** A file of adapters. NaN: not said. */
export interface WasmLora extends WasmSource {
  readonly alpha: number;
  readonly scale: number;
}

/** What a tokenizer is made of: `'embedded'` is what the model's own file holds, if it does. */
export type WasmVocabulary =
  | null
  | 'bytes'
  | 'embedded'
  | {
      readonly kind: TokenizerKind;
      readonly name: string;
      readonly bytes: Uint8Array;
      /** The bytes are a list of so many strings, each a u64 length and so many bytes: it decodes, but does not encode. */
      readonly count?: number;
    };

/** One recurrent state with the tokens that it has still to read. */
export interface WasmSession {
  /** Queues tokens. None on a fresh session: token 0. */
  prompt(tokens: Int32Array): Result<null>;
  pending(): number;
  reseed(low: number, high: number): void;
  /** Back to before the first token; chance goes on. */
  reset(): void;
  /** Where chance stands: after `reset` and `goOnAt` that, a session that had read nothing is as it was. */
  chance(): bigint;
  goOnAt(chance: bigint): void;
  /** Stands where `other` does, behind all that it read; chance and penalties stay its own. */
  adopt(other: WasmSession): void;
  /** A copy. */
  fork(): Result<WasmSession>;
  /** As bytes (src/session/saved_session.md). */
  save(asHalves: boolean): Result<Uint8Array<ArrayBuffer>>;
  /** How `sample` draws from now on. Steps tell so many of the likeliest tokens; -1: no log probabilities. */
  configure(
    sampling: Sampling,
    biasedTokens: Int32Array,
    biases: Float32Array,
    topLogprobs: number,
  ): Result<null>;
  /** Whether nothing was read or waits to be. */
  isFresh(): boolean;
  /** An error `bad-model` where the logits are not finite. */
  check(): Result<null>;
  /** A copy; `null` before anything was read. */
  logits(): Result<Float32Array | null>;
  /**
   * Draws a token and, unless it is token 0, queues it: of those whose bits are set in `allowed`, or of all. Token 0 where
   * none is left. REQUIRES: nothing pending, logits. A number is the only token that may come, not 0: it is taken without chance, and where no
   * log probabilities are told without logits.
   */
  sample(allowed: Int32Array | number | null): Result<Step>;
  /** Guesses what will be drawn behind the pending tokens: it is read with them, and as long as it proves right nothing is pending. */
  guess(tokens: Int32Array): Result<null>;
  /** What was read of guesses is pending again, as far as it was right. */
  forgetGuesses(): void;
  /** Queues tokens as if they had been drawn, with chance where it stands in `other`. REQUIRES: a tokenizer. */
  repeat(tokens: Int32Array, other: WasmSession): Result<null>;
  delete(): void;
}

/** The weights. */
export interface WasmModel {
  info(): Omit<Told<ModelInfo>, 'name' | 'lora' | 'build' | 'threads' | 'device'>;
  tokenize(text: string): Result<Int32Array>;
  detokenize(tokens: Int32Array): Result<string>;
  /** The bytes of all tokens, one after the other, and where each ends. REQUIRES: a tokenizer. */
  tokenBytes(): Result<{ readonly bytes: Uint8Array; readonly ends: Int32Array }>;
  /**
   * From the initial state of a file or a saved session, which are read during the call only; `null`: from the model's own.
   * A saved session goes on with its own chance unless `isSeeded`.
   */
  createSession(
    seedLow: number,
    seedHigh: number,
    isSeeded: boolean,
    state: WasmSource | null,
  ): Result<WasmSession>;
  /**
   * A text (T) read chunk by chunk, from what the session started from, for the log probabilities (T - 1, 1 + 2 K) of its tokens but the
   * first: of the token, then id and log probability of the `top` likeliest, or of all.
   */
  score(session: WasmSession, tokens: Int32Array, top: number): Result<WasmReading>;
  /** A text read chunk by chunk for the mean of its hidden states (C). At least one token. */
  pool(tokens: Int32Array): Result<WasmReading>;
  delete(): void;
}

/** A text that is being read for what it tells. */
export interface WasmReading {
  /** Reads the next chunk; the numbers behind the last, `null` before. */
  next(): Result<Float32Array<ArrayBuffer> | null>;
  delete(): void;
}

/** A model in the making. */
export interface WasmLoading {
  /** The memory that the weights will take; `null`: as a packed file has them, else in q8. */
  bytes(quantization: Quantization | null): Result<number>;
  /** Reads the next part of the file; the model after the last, `null` before. */
  next(): Result<WasmModel | null>;
  delete(): void;
}

/** A file in the making. */
export interface WasmPieces {
  /** Of the whole file. */
  bytes(): number;
  /** The next piece; `null` behind the last. */
  next(): Result<Uint8Array<ArrayBuffer> | null>;
  delete(): void;
}

/** All pieces as one; the file is done with then. */
export function joined(file: WasmPieces): Uint8Array<ArrayBuffer> {
  try {
    const whole = new Uint8Array(file.bytes());
    let at = 0;
    for (let piece = unwrap(file.next()); piece !== null; piece = unwrap(file.next())) {
      whole.set(piece, at);
      at += piece.length;
    }
    return whole;
  } finally {
    file.delete();
  }
}

/** More layers than any model has. */
export const allLayers = 2 ** 20;

/** What a build's module exports (wasm/bindings.cpp). */
export interface WasmModule {
  /** Keeps hold of `source` until it is deleted. */
  startLoading(
    source: WasmSource,
    /** Is merged into the model while it is read. */
    lora: WasmLora | null,
    vocabulary: WasmVocabulary,
    quantization: Quantization | null,
    kernels: string | null,
    fastKernels: readonly string[],
    onProgress: (loaded: number, total: number) => void,
    /** Those above are not read. */
    mostLayers: number,
  ): Result<WasmLoading>;
  /** Whether there is memory for so many bytes more. It grows by them at once. */
  hasRoom(bytes: number): boolean;
  inspect(source: WasmSource): Result<Told<ModelFile>>;
  /** Keeps hold of `source` until it is deleted. */
  startConversion(
    source: WasmSource,
    quantization: Quantization | null,
    sampling: string | null,
  ): Result<WasmPieces>;
  /**
   * One batched pass: each session reads so many of the tokens that it has pending, at most a chunk; none where it fails. The
   * name of the kernels that turned out to be faster, or `null`.
   */
  advance(sessions: readonly WasmSession[], most: Int32Array): Result<string | null>;
  /**
   * Of builds that learn alone (wasm/learning.cpp). `file`: that of the model, which is read during the call only; `null` unless all weights are
   * learned. Keeps hold of the model until it is deleted.
   */
  startTuning?(model: WasmModel, learning: Learning, file: WasmSource | null): Result<WasmTuning>;
  /** Of builds that learn alone: a model of random weights, each made when its piece is asked for. */
  startNewModel?(model: NewModel, format: 'safetensors' | 'pth'): Result<WasmPieces>;
}

/** A model that is being taught. */
export interface WasmTuning {
  /** Takes a document and which of its tokens are learned, to learn from or to foretell only. */
  add(tokens: Int32Array, isLearned: Uint8Array, isValidation: boolean): Result<null>;
  /** Takes all memory, and goes on from a checkpoint, which is read during the call only. Once, behind the last document. */
  plan(checkpoint: WasmSource | null): Result<Omit<TuningPlan, 'validationLoss'>>;
  /** Makes a pass of the next step; the step behind its last, `null` before. REQUIRES: steps are left. */
  next(): Result<Omit<TuneStep, 'validationLoss'> | null>;
  /** Makes a pass over what is not learned from; its loss behind the last, `null` before. REQUIRES: there is some. */
  validate(): Result<number | null>;
  /** What was learned so far, as a file to be taken before the next pass. `model`: the model's file where all weights are learned, as long as it is taken. */
  startFile(format: 'safetensors' | 'pth', model: WasmSource | null): Result<WasmPieces>;
  /** A checkpoint, of the last step that was made whole. REQUIRES: a plan. */
  save(): Result<Uint8Array<ArrayBuffer>>;
  delete(): void;
}

/** What builds with threads export besides (wasm/threads.cpp). */
export interface ThreadedModule extends WasmModule {
  /** How many threads there are, the first one too. */
  expectThreads(count: number): void;
  /** Memory for one of the others; addresses 0: there is none. */
  threadMemory(): { readonly locals: number; readonly stack: number };
}

/** How the glue of a build makes its module. */
export type Factory<Module> = (options: {
  instantiateWasm(
    imports: WebAssembly.Imports,
    receive: (instance: WebAssembly.Instance, module: WebAssembly.Module) => void,
  ): object;
}) => Promise<Module>;

/** The files of a module. */
export interface BuildFiles<Module> {
  readonly file: string;
  wasm(): URL;
  glue(): Promise<{ readonly default: Factory<Module> }>;
}

/** `source` as the core reads it. */
export function reader(source: ByteSource): WasmSource {
  return {
    name: source.name,
    size: source.size,
    read(offset, into) {
      try {
        source.read(offset, into);
        return '';
      } catch (error) {
        return sentence(error) || 'unknown error';
      }
    },
  };
}

/** The value of a result. @throws RwkvError as the core says it */
export function unwrap<T>(result: Result<T>): T {
  if ('error' in result) throw new RwkvError(errorCode(result.error.code), result.error.message);
  return result.value;
}

/** A seed (0 to 2^53 - 1) as the core takes it: two unsigned 32-bit words, low and high. */
export function seedWords(seed: number): [low: number, high: number] {
  return [seed % 2 ** 32, Math.floor(seed / 2 ** 32)];
}

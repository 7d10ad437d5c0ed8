// The wasm module: which build, how it starts, what it can do.
import { errorCode, RwkvError, sentence } from './errors.js';
import { hasRelaxedSimd, hasSimd } from './features.js';
import type { ByteSource, Io } from './model-store.js';
import type { Build, ModelFile, ModelInfo, Quantization, Sampling, Step, TokenizerKind } from './protocol.js';

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
  /** A copy. */
  fork(): WasmSession;
  /** As bytes (src/saved_session.md). */
  save(asHalves: boolean): Uint8Array<ArrayBuffer>;
  /** How `sample` draws from now on. Steps tell so many of the likeliest tokens; -1: no log probabilities. */
  configure(sampling: Sampling, biasedTokens: Int32Array, biases: Float32Array, topLogprobs: number): void;
  /** A copy; `null` before anything was read. */
  logits(): Float32Array | null;
  /** Draws a token and, unless it is token 0, queues it. REQUIRES: nothing pending, logits. */
  sample(): Step;
  delete(): void;
}

/** The weights. */
export interface WasmModel {
  info(): Omit<ModelInfo, 'name' | 'build' | 'threads'>;
  tokenize(text: string): Result<Int32Array>;
  detokenize(tokens: Int32Array): string;
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
  /** A text read chunk by chunk for the log probability of each of its tokens. */
  score(tokens: Int32Array): WasmReading;
  /** The same for the mean of its hidden states (C). At least one token. */
  pool(tokens: Int32Array): WasmReading;
  delete(): void;
}

/** A text that is being read for what it tells. */
export interface WasmReading {
  /** Reads the next chunk; the numbers behind the last, `null` before. */
  next(): Float32Array<ArrayBuffer> | null;
  delete(): void;
}

/** A model in the making. */
export interface WasmLoading {
  /** Reads the next part of the file; the model after the last, `null` before. */
  next(): Result<WasmModel | null>;
  delete(): void;
}

/** A packed file in the making. */
export interface WasmConversion {
  /** Of the whole file. */
  bytes(): number;
  /** The next piece; `null` behind the last. */
  next(): Result<Uint8Array<ArrayBuffer> | null>;
  delete(): void;
}

/** What a build's module exports (wasm/bindings.cpp). */
export interface WasmModule {
  /** Keeps hold of `source` until it is deleted. */
  startLoading(
    source: WasmSource,
    vocabulary: WasmVocabulary,
    quantization: Quantization | null,
    onProgress: (loaded: number, total: number) => void,
  ): Result<WasmLoading>;
  inspect(source: WasmSource): Result<ModelFile>;
  /** Keeps hold of `source` until it is deleted. */
  startConversion(source: WasmSource, quantization: Quantization | null): Result<WasmConversion>;
  /** One batched pass: each session reads up to a chunk of what it has pending. */
  advance(sessions: WasmSession[]): void;
}

/** How the glue of a build makes its module. */
export type Factory = (options: {
  instantiateWasm(
    imports: WebAssembly.Imports,
    receive: (instance: WebAssembly.Instance, module: WebAssembly.Module) => void,
  ): object;
}) => Promise<WasmModule>;

/** A started build. */
export interface Engine {
  readonly build: Build;
  readonly module: WasmModule;
}

/** The file of each build and its glue; literal, so that bundlers see them. */
const builds = {
  baseline: {
    wasm: () => new URL('./wasm/rwkv-baseline.wasm', import.meta.url),
    glue: () => import('./wasm/rwkv-baseline.mjs'),
  },
  relaxed: {
    wasm: () => new URL('./wasm/rwkv-relaxed.wasm', import.meta.url),
    glue: () => import('./wasm/rwkv-relaxed.mjs'),
  },
} as const;

/**
 * Starts a build; `'auto'` takes the fastest that runs here.
 *
 * @throws RwkvError `unsupported`, `read-failed`, `out-of-memory`
 */
export async function startEngine(choice: Build | 'auto', io: Io): Promise<Engine> {
  const build = chooseBuild(choice, hasSimd(), hasRelaxedSimd());
  const { wasm, glue } = builds[build];
  try {
    const [compiled, { default: create }] = await Promise.all([io.fetchWasm(wasm()).then(compile), glue()]);
    const module = await create({
      instantiateWasm(imports, receive) {
        receive(new WebAssembly.Instance(compiled, imports), compiled);
        return {};
      },
    });
    return { build, module };
  } catch (cause) {
    if (cause instanceof RwkvError) throw cause;
    const code = cause instanceof RangeError ? 'out-of-memory' : 'unsupported';
    throw new RwkvError(code, `the WebAssembly module could not start: ${sentence(cause)}`, { cause });
  }
}

// Compiles while the bytes arrive, where the server names their type.
async function compile(response: Response): Promise<WebAssembly.Module> {
  const streams = response.headers.get('content-type')?.startsWith('application/wasm') ?? false;
  return streams ? WebAssembly.compileStreaming(response) : WebAssembly.compile(await response.arrayBuffer());
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

/** @throws RwkvError `unsupported` */
export function chooseBuild(choice: Build | 'auto', simd: boolean, relaxedSimd: boolean): Build {
  if (!simd) {
    throw new RwkvError(
      'unsupported',
      'this JavaScript engine has no WebAssembly SIMD; it is in Chrome since 91, Firefox 89, Safari 16.4 and Node 16.4',
    );
  }
  if (choice === 'relaxed' && !relaxedSimd) {
    throw new RwkvError(
      'unsupported',
      "build 'relaxed' needs WebAssembly relaxed SIMD, which this JavaScript engine has not; 'auto' chooses a build that runs",
    );
  }
  return choice === 'auto' ? (relaxedSimd ? 'relaxed' : 'baseline') : choice;
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

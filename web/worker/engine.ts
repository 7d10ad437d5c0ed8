// The wasm module: which build, how it starts, what it can do.
import { errorCode, RwkvError, sentence } from '../shared/errors.js';
import { hasRelaxedSimd, hasSharedMemory, hasSimd } from './features.js';
import type { ByteSource, Io } from './host.js';
import type {
  Build,
  ModelFile,
  ModelInfo,
  Quantization,
  Sampling,
  Step,
  TokenizerKind,
  WasmUrl,
} from '../shared/protocol.js';
import type { ThreadHost } from './thread.js';

/** Threads that `'auto'` takes at most: so many cores ask for all that the memory has. */
const mostByThemselves = 4;

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
  /** Stands where `other` does, behind all that it read; chance and penalties stay its own. */
  adopt(other: WasmSession): void;
  /** A copy. */
  fork(): WasmSession;
  /** As bytes (src/saved_session.md). */
  save(asHalves: boolean): Uint8Array<ArrayBuffer>;
  /** How `sample` draws from now on. Steps tell so many of the likeliest tokens; -1: no log probabilities. */
  configure(sampling: Sampling, biasedTokens: Int32Array, biases: Float32Array, topLogprobs: number): void;
  /** A copy; `null` before anything was read. */
  logits(): Float32Array | null;
  /**
   * Draws a token and, unless it is token 0, queues it: of those whose bits are set in `allowed`, or of all. Token 0 where
   * none is left. REQUIRES: nothing pending, logits.
   */
  sample(allowed: Int32Array | null): Step;
  /** Queues tokens as if they had been drawn, with chance where it stands in `other`. REQUIRES: a tokenizer. */
  repeat(tokens: Int32Array, other: WasmSession): void;
  delete(): void;
}

/** The weights. */
export interface WasmModel {
  info(): Omit<ModelInfo, 'name' | 'build' | 'threads'>;
  tokenize(text: string): Result<Int32Array>;
  detokenize(tokens: Int32Array): string;
  /** The bytes of all tokens, one after the other, and where each ends. REQUIRES: a tokenizer. */
  tokenBytes(): { readonly bytes: Uint8Array; readonly ends: Int32Array };
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
    kernels: string | null,
    onProgress: (loaded: number, total: number) => void,
  ): Result<WasmLoading>;
  inspect(source: WasmSource): Result<ModelFile>;
  /** Keeps hold of `source` until it is deleted. */
  startConversion(source: WasmSource, quantization: Quantization | null): Result<WasmConversion>;
  /** One batched pass: each session reads so many of the tokens that it has pending, at most a chunk. */
  advance(sessions: readonly WasmSession[], most: Int32Array): void;
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

/** A started build. */
export interface Engine {
  readonly build: Build;
  readonly module: WasmModule;
  /** Threads that can compute, and do unless fewer are asked for. */
  readonly threads: number;
  useThreads(count: number): void;
  /** Why there are fewer than there could be. */
  readonly warnings: readonly string[];
}

/** The file of each build and its glue; literal, so that bundlers see them. */
const builds = {
  baseline: {
    file: 'rwkv-baseline.wasm',
    wasm: () => new URL('../wasm/rwkv-baseline.wasm', import.meta.url),
    glue: () => import('../wasm/rwkv-baseline.mjs'),
  },
  relaxed: {
    file: 'rwkv-relaxed.wasm',
    wasm: () => new URL('../wasm/rwkv-relaxed.wasm', import.meta.url),
    glue: () => import('../wasm/rwkv-relaxed.mjs'),
  },
} as const;
const threadedBuilds = {
  baseline: {
    file: 'rwkv-baseline-threads.wasm',
    wasm: () => new URL('../wasm/rwkv-baseline-threads.wasm', import.meta.url),
    glue: () => import('../wasm/rwkv-baseline-threads.mjs'),
  },
  relaxed: {
    file: 'rwkv-relaxed-threads.wasm',
    wasm: () => new URL('../wasm/rwkv-relaxed-threads.wasm', import.meta.url),
    glue: () => import('../wasm/rwkv-relaxed-threads.mjs'),
  },
} as const;

/**
 * Starts a build on so many threads; `'auto'` takes the fastest that runs here, and as many threads as pay.
 *
 * @throws RwkvError `unsupported`, `read-failed`, `out-of-memory`
 */
export async function startEngine(
  choice: Build | 'auto',
  io: Io,
  threads: number | 'auto' = 1,
  wasmUrl: WasmUrl = null,
): Promise<Engine> {
  const build = chooseBuild(choice, hasSimd(), hasRelaxedSimd());
  const host = hasSharedMemory() ? io.threads : undefined;
  const count = chooseThreads(threads, host?.cores);
  const warnings: string[] = [];
  if (host && count > 1) {
    try {
      const module = await startThreaded(build, count, host, io, wasmUrl);
      return { build, module, threads: count, useThreads: (used) => module.expectThreads(used), warnings };
    } catch (cause) {
      const error = startError(cause);
      if (threads !== 'auto') throw error;
      warnings.push(`threads: one computes, for ${count} could not be started: ${error.message}`);
    }
  }
  try {
    const { made: module } = await instantiate(builds[build], io, wasmUrl);
    return { build, module, threads: 1, useThreads() {}, warnings };
  } catch (cause) {
    throw startError(cause);
  }
}

async function startThreaded(
  build: Build,
  count: number,
  host: ThreadHost,
  io: Io,
  wasmUrl: WasmUrl,
): Promise<ThreadedModule> {
  const { made, module, memory } = await instantiate(threadedBuilds[build], io, wasmUrl);
  if (!memory) throw new Error('the module brings memory of its own');
  const starts = Array.from({ length: count - 1 }, (_, i) => {
    const { locals, stack } = made.threadMemory();
    if (locals === 0) throw new RangeError('no memory for the stack of a thread');
    return host.start({ module, memory, index: i + 1, locals, stack });
  });
  await Promise.all(starts);
  made.expectThreads(count);
  return made;
}

interface BuildFiles<Module> {
  readonly file: string;
  wasm(): URL;
  glue(): Promise<{ readonly default: Factory<Module> }>;
}

// What the glue made, of what, and the memory that it lent to it, where that comes from outside.
async function instantiate<Made>({ file, wasm, glue }: BuildFiles<Made>, io: Io, wasmUrl: WasmUrl) {
  const url = wasmUrl === null ? wasm() : inFolder(new URL(wasmUrl), file);
  const [module, { default: create }] = await Promise.all([fetchModule(url, io), glue()]);
  let memory: WebAssembly.Memory | undefined;
  const made = await create({
    instantiateWasm(imports, receive) {
      const lent = Object.values(imports).flatMap((names) => Object.values(names));
      memory = lent.find((value) => value instanceof WebAssembly.Memory);
      receive(new WebAssembly.Instance(module, imports), module);
      return {};
    },
  });
  return { made, module, memory };
}

function startError(cause: unknown): RwkvError {
  if (cause instanceof RwkvError) return cause;
  const code = cause instanceof RangeError ? 'out-of-memory' : 'unsupported';
  return new RwkvError(code, `the WebAssembly module could not start: ${sentence(cause)}`, { cause });
}

// A URL that ends in `/` is a folder's; any other is the file's already.
function inFolder(url: URL, file: string): URL {
  return url.pathname.endsWith('/') ? new URL(file, url) : url;
}

async function fetchModule(url: URL, io: Io): Promise<WebAssembly.Module> {
  const response = await io.fetchWasm(url);
  try {
    return await compile(response);
  } catch (cause) {
    throw new Error(`${url.href}: ${sentence(cause)}`, { cause });
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

/**
 * How many threads compute, where `cores` run at the same time; `undefined`: threads cannot share memory here.
 *
 * @throws RwkvError `unsupported`
 */
export function chooseThreads(choice: number | 'auto', cores: number | undefined): number {
  if (choice === 'auto') return Math.min(cores ?? 1, mostByThemselves);
  if (choice > 1 && cores === undefined) {
    throw new RwkvError(
      'unsupported',
      `threads: ${choice} need shared memory, which a page has only when it is cross-origin isolated: it and its scripts must come with the headers Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp (or credentialless); 'auto' takes one thread elsewhere`,
    );
  }
  return choice;
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

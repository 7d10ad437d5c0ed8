// How a build of the core starts: which one, on how many threads.

import { RwkvError, sentence } from '../shared/errors.js';
import type { WasmUrl } from '../shared/protocol.js';
import { isError, isMemory } from '../shared/realms.js';
import type { Build } from '../shared/types.js';
import { hasRelaxedSimd, hasSharedMemory, hasSimd } from './features.js';
import type { WorkerHost } from './host.js';
import type { BuildFiles, ThreadedModule, WasmModule } from './module.js';
import type { ThreadHost } from './thread.js';

/** Threads that `'auto'` takes at most: so many cores ask for all that the memory has. */
const mostByThemselves = 4;

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

/**
 * Starts a build on so many threads; `'auto'` takes the fastest that runs here, and as many threads as pay.
 *
 * @throws RwkvError `unsupported`, `read-failed`, `out-of-memory`
 */
export async function startEngine(
  choice: Build | 'auto',
  host: WorkerHost,
  threads: number | 'auto' = 1,
  wasmUrl: WasmUrl = null,
): Promise<Engine> {
  const build = chooseBuild(choice, hasSimd(), hasRelaxedSimd());
  const threadHost = hasSharedMemory() ? host.threads : undefined;
  const count = chooseThreads(threads, threadHost?.cores);
  const warnings: string[] = [];
  if (threadHost && count > 1) {
    try {
      const module = await startThreaded(build, count, threadHost, host, wasmUrl);
      return { build, module, threads: count, useThreads: (used) => module.expectThreads(used), warnings };
    } catch (cause) {
      const error = startError(cause);
      if (threads !== 'auto') throw error;
      warnings.push(`threads: one computes, for ${count} could not be started: ${error.message}`);
    }
  }
  const module = await startModule(host.modules.builds[build], host, wasmUrl);
  return { build, module, threads: 1, useThreads() {}, warnings };
}

async function startThreaded(
  build: Build,
  count: number,
  threadHost: ThreadHost,
  host: WorkerHost,
  wasmUrl: WasmUrl,
): Promise<ThreadedModule> {
  const files = host.modules.threadedBuilds[build];
  const { made, module, memory } = await instantiate(files, host, wasmUrl);
  if (!memory) throw new Error('the module brings memory of its own');
  const starts = Array.from({ length: count - 1 }, (_, i) => {
    const { locals, stack } = made.threadMemory();
    if (locals === 0) throw new RangeError('no memory for the stack of a thread');
    return threadHost.start({ module, memory, index: i + 1, locals, stack });
  });
  await Promise.all(starts);
  made.expectThreads(count);
  return made;
}

/** Starts a module by itself. @throws RwkvError `unsupported`, `read-failed`, `out-of-memory` */
export async function startModule<Made>(
  files: BuildFiles<Made>,
  host: WorkerHost,
  wasmUrl: WasmUrl,
): Promise<Made> {
  try {
    return (await instantiate(files, host, wasmUrl)).made;
  } catch (cause) {
    throw startError(cause);
  }
}

// What the glue made, of what, and the memory that it lent to it, where that comes from outside.
async function instantiate<Made>({ file, wasm, glue }: BuildFiles<Made>, host: WorkerHost, wasmUrl: WasmUrl) {
  const url = wasmUrl === null ? wasm() : inFolder(new URL(wasmUrl), file);
  const [module, { default: create }] = await Promise.all([fetchModule(url, host), glue()]);
  let memory: WebAssembly.Memory | undefined;
  const made = await create({
    instantiateWasm(imports, receive) {
      const lent = Object.values(imports).flatMap((names) => Object.values(names));
      memory = lent.find(isMemory);
      receive(new WebAssembly.Instance(module, imports), module);
      return {};
    },
  });
  return { made, module, memory };
}

function startError(cause: unknown): RwkvError {
  if (cause instanceof RwkvError) return cause;
  const code = isError(cause) && cause.name === 'RangeError' ? 'out-of-memory' : 'unsupported';
  return new RwkvError(code, `the WebAssembly module could not start: ${sentence(cause)}`, { cause });
}

// A URL that ends in `/` is a folder's; any other is the file's already.
function inFolder(url: URL, file: string): URL {
  return url.pathname.endsWith('/') ? new URL(file, url) : url;
}

async function fetchModule(url: URL, host: WorkerHost): Promise<WebAssembly.Module> {
  const response = await host.fetchWasm(url);
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

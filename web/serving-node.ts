// Serves models in workers of Node.
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { setImmediate } from 'node:timers/promises';
import { parentPort, Worker } from 'node:worker_threads';
import { endingLast } from './node-device.js';
import { RwkvError, sentence } from './shared/errors.js';
import type { ModelOp } from './shared/protocol.js';
import { serve } from './shared/serve.js';
import { openPath } from './store/node/files.js';
import { openFolder } from './store/node/shelf.js';
import { createHandlers } from './worker/handlers.js';
import type { Modules, WorkerHost } from './worker/host.js';
import type { Teaching } from './worker/teaching.js';
import type { ThreadHost } from './worker/thread.js';

const threads: ThreadHost = {
  cores: availableParallelism(),
  start: (thread) =>
    new Promise((resolve, reject) => {
      const options = { workerData: thread, execArgv: [] };
      const worker = new Worker(new URL('./thread-node.js', import.meta.url), options);
      worker.unref();
      worker.on('message', () => resolve());
      worker.on('error', reject);
    }),
};

type Gpu = Awaited<ReturnType<NonNullable<WorkerHost['gpu']>>>;
let dawn: Gpu | undefined; // held, or the process ends with what it made

async function gpu(): Promise<Gpu> {
  const name: string = 'webgpu'; // optional: bundlers do not look for it
  try {
    if (!dawn) {
      const { create, globals }: Dawn = await import(/* webpackIgnore: true */ /* @vite-ignore */ name);
      Object.assign(globalThis, globals);
      dawn = create([]);
    }
    return dawn;
  } catch (cause) {
    const why = 'Node has WebGPU by the package webgpu, which could not be loaded (npm install webgpu)';
    throw new RwkvError('unsupported', `${why}: ${sentence(cause)}`, { cause });
  }
}

interface Dawn {
  readonly create: (flags: readonly string[]) => Gpu;
  readonly globals: object;
}

/** Serves models by these modules, all from disk. */
export function serveModels(modules: Modules, teaching?: Teaching): void {
  if (!parentPort) throw new Error('this script runs as a worker only');
  const port = parentPort;
  const host: WorkerHost = {
    modules,
    ...(teaching && { teaching }),
    openPath,
    async fetchWasm(url) {
      try {
        return new Response(await readFile(url), { headers: { 'content-type': 'application/wasm' } });
      } catch (cause) {
        throw new RwkvError('read-failed', `${url.href}: ${sentence(cause)}`, { cause });
      }
    },
    gpu,
    atEnd: endingLast(port),
    openShelf: async (place) => (place.kind === 'folder' ? openFolder(place.path) : undefined),
    sha256() {
      const sum = createHash('sha256');
      return { update: (bytes) => void sum.update(bytes), digest: () => sum.digest('hex') };
    },
    threads,
  };
  serve<ModelOp>(
    {
      postMessage: (message, transfer = []) => port.postMessage(message, transfer),
      listen: (handle) => port.on('message', handle),
    },
    // `setImmediate` breathes: a MessageChannel of Node delivers up to 1000 messages before the event loop goes on.
    (crash, tellKernels) => createHandlers(host, setImmediate, crash, tellKernels),
  );
}

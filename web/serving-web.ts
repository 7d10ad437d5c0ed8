// Serves models in workers of browsers.
import { RwkvError } from './shared/errors.js';
import { startFromElsewhere } from './shared/module-worker.js';
import type { ModelOp } from './shared/protocol.js';
import { serve } from './shared/serve.js';
import { withTrustedUrl } from './shared/trusted.js';
import { openCache } from './store/cache-shelf.js';
import { getFile } from './store/http.js';
import { canWriteOpfs, openOpfs } from './store/opfs.js';
import { createHandlers } from './worker/handlers.js';
import type { Modules, WorkerHost } from './worker/host.js';
import type { Teaching } from './worker/teaching.js';
import type { ThreadHost } from './worker/thread.js';

declare const self: DedicatedWorkerGlobalScope;

const { port1, port2 } = new MessageChannel();
const { port1: nowhere } = new MessageChannel();
nowhere.close();

const breathing: (() => void)[] = [];
port1.onmessage = () => breathing.shift()?.();
// Resolves when the event loop has delivered what had arrived. No timer: they come late.
const breathe = () =>
  new Promise<void>((resolve) => {
    breathing.push(resolve);
    port2.postMessage(null);
  });

const running: Worker[] = []; // held, so that no thread is collected
const threads: ThreadHost = {
  cores: navigator.hardwareConcurrency,
  start(thread) {
    const worker =
      startFromElsewhere('thread-web.js', import.meta.url) ??
      withTrustedUrl(() => new Worker(new URL('./thread-web.js', import.meta.url), { type: 'module' }));
    running.push(worker);
    return new Promise((resolve, reject) => {
      worker.onmessage = () => resolve();
      worker.onerror = (event) => {
        event.preventDefault();
        reject(new Error(event.message || 'its script could not be loaded'));
      };
      worker.postMessage(thread);
    });
  },
};

const serves = Symbol.for('rwkv-wasm serves');

/** Serves models by these modules, all by fetch and from the storage of the origin. */
export function serveModels(modules: Modules, teaching?: Teaching): void {
  if (Reflect.has(self, serves)) return; // WebKit begins this script once more where a chunk of a bundler imports from it
  Reflect.set(self, serves, true);
  const host: WorkerHost = {
    modules,
    ...(teaching && { teaching }),
    fetchWasm: (url) => getFile(url.href),
    async gpu() {
      if (navigator.gpu) return navigator.gpu;
      const why = isSecureContext
        ? 'this browser has no WebGPU'
        : 'WebGPU needs a secure context: https or localhost';
      throw new RwkvError('unsupported', why);
    },
    async openShelf(place, discard) {
      if (place.kind === 'opfs') return canWriteOpfs() ? openOpfs(discard) : undefined;
      return place.kind === 'cache' ? openCache(discard) : undefined;
    },
    threads,
    // A buffer that is sent to a closed port is gone. (126 MB of slices at most become 99; `transfer(0)` makes 370 of them.)
    discard: (buffer) => nowhere.postMessage(null, [buffer]),
  };
  serve<ModelOp>(
    {
      postMessage: (message, transfer = []) => self.postMessage(message, transfer),
      listen(handle) {
        self.onmessage = ({ data }) => handle(data);
      },
    },
    (crash, tellKernels) => createHandlers(host, breathe, crash, tellKernels),
  );
}

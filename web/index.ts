/**
 * RWKV language models in the browser: on the CPU, in a worker, text as a stream.
 *
 * @packageDocumentation
 */

import { catalogue } from './page/catalogue.js';
import type { Host } from './page/host.js';
import { createRWKV } from './page/load.js';
import { fileName } from './page/places.js';
import { createStore } from './page/store.js';
import { RwkvError, sentence } from './shared/errors.js';
import { startFromElsewhere, startModuleWorker } from './shared/module-worker.js';
import { withTrustedUrl } from './shared/trusted.js';
import { webStore } from './store/web-host.js';

export * from './api.js';

// Worklets and edge runtimes have neither.
const { document, location }: { readonly document?: Document; readonly location?: Location } = globalThis;
const resolve = (source: string | URL) => new URL(source, document?.baseURI ?? location?.href);

const help = 'options assetBase and workerUrl say where it is';

const host: Host = {
  workerFile: 'worker-web.js',
  resolve,
  spawn(events, workerUrl) {
    const worker = startWorker(workerUrl);
    worker.onmessage = ({ data }) => events.message(data);
    worker.onmessageerror = () => events.crash('a message could not be read');
    worker.onerror = (event) => {
      event.preventDefault();
      const where = workerUrl ? ` from ${workerUrl.href}` : `; ${help}`;
      events.crash(event.message || `its script could not be loaded${where}`);
    };
    return worker;
  },
  locate(source) {
    const url = resolve(source).href;
    return { kind: 'url', name: url.startsWith('data:') ? 'data' : fileName(url), url };
  },
  catalogue,
  store: webStore,
};

/**
 * The door: `RWKV.load()`.
 *
 * @namespace
 */
export const RWKV = createRWKV(host);

/** The files that loads have kept. */
export const store = createStore(host);

function startWorker(workerUrl: URL | undefined): Worker {
  if (!('Worker' in globalThis)) throw new RwkvError('unsupported', withoutWorker());
  try {
    if (workerUrl) return startModuleWorker(workerUrl.href);
    return (
      startFromElsewhere(host.workerFile, import.meta.url) ??
      withTrustedUrl(() => new Worker(new URL('./worker-web.js', import.meta.url), { type: 'module' }))
    );
  } catch (cause) {
    const why = sentence(cause);
    throw new RwkvError('unsupported', `the worker could not be started: ${why}; ${help}`, { cause });
  }
}

// Interfaces are known by name in the scopes that they are of, and nowhere else.
function withoutWorker(): string {
  const what = 'models run in a Worker, which';
  const isIn = (scope: string) => scope in globalThis;
  if (isIn('ServiceWorkerGlobalScope')) {
    return `${what} service workers cannot start: load the model in a page, or for an extension's background in an offscreen document (chrome.offscreen), and send it messages`;
  }
  if (isIn('WorkletGlobalScope'))
    return `${what} worklets cannot start: load the model in the page and send it messages`;
  return `${what} this runtime does not have: browsers do in pages and in dedicated and shared workers, and Node, Deno and Bun do`;
}

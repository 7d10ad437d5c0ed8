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
import { resolveWeb, spawnWeb } from './page/web-worker.js';
import { startFromElsewhere } from './shared/module-worker.js';
import { webStore } from './store/web-host.js';

export * from './api.js';

const help = 'options assetBase and workerUrl say where it is';

const host: Host = {
  workerFile: 'worker-web.js',
  resolve: resolveWeb,
  // Bundlers want to see the URL of a worker in its place.
  spawn: (events, workerUrl) =>
    spawnWeb(
      events,
      workerUrl,
      () =>
        startFromElsewhere('worker-web.js', import.meta.url) ??
        new Worker(new URL('./worker-web.js', import.meta.url), { type: 'module' }),
      help,
    ),
  locate(source) {
    const url = resolveWeb(source).href;
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

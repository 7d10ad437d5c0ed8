// `rwkv-wasm/grammar` in Node.
import { Worker } from 'node:worker_threads';
import { spawnNode } from './node-worker.js';
import { Engine } from './page/grammar/engine.js';
import type { GrammarEngine } from './page/grammar-engine.js';

export const grammar: GrammarEngine = new Engine((events, workerUrl) =>
  spawnNode(
    events,
    (options) =>
      workerUrl
        ? new Worker(workerUrl, options)
        : new Worker(new URL('./grammar-worker-node.js', import.meta.url), options),
    'options assetBase and grammarWorkerUrl say where it is',
  ),
);

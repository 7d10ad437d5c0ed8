// `rwkv-wasm/grammar` in Node.
import { Worker } from 'node:worker_threads';
import { spawnNode } from './node-worker.js';
import { Engine } from './page/grammar/engine.js';
import type { GrammarEngine } from './page/grammar-engine.js';

export const grammar: GrammarEngine = new Engine((events, base) =>
  spawnNode(
    events,
    (options) =>
      base
        ? new Worker(new URL('grammar-worker-node.js', base), options)
        : new Worker(new URL('./grammar-worker-node.js', import.meta.url), options),
    'option assetBase says where it is',
  ),
);

// `rwkv-wasm/learning` in Node.
import { Worker } from 'node:worker_threads';
import { spawnNode } from './node-worker.js';
import type { LearningEngine } from './page/learning-engine.js';

export const learning: LearningEngine = {
  spawn: (events, workerUrl) =>
    spawnNode(
      events,
      (options) =>
        workerUrl
          ? new Worker(workerUrl, options)
          : new Worker(new URL('./learning-worker-node.js', import.meta.url), options),
      'options assetBase and workerUrl say where it is',
    ),
};

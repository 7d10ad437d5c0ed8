// `rwkv-wasm/learning` in Node.
import { Worker } from 'node:worker_threads';
import { resolveNode, spawnNode } from './node-worker.js';
import type { LearningEngine } from './page/learning-engine.js';
import type { TuneTexts } from './page/tuning/options.js';
import type { NewModelOptions, ScratchHost, VocabularyOptions } from './page/tuning/scratch.js';
import * as scratch from './page/tuning/scratch.js';

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

const host: ScratchHost = { ...learning, workerFile: 'worker-node.js', resolve: resolveNode };

export function trainVocabulary(texts: TuneTexts, options: VocabularyOptions): Promise<string> {
  return scratch.trainVocabulary(host, texts, options);
}

export function newModel(options: NewModelOptions): Promise<Uint8Array<ArrayBuffer>> {
  return scratch.newModel(host, options);
}

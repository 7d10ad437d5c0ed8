/**
 * What teaches models: a worker whose WebAssembly modules learn, which apps carry that import it.
 *
 * @packageDocumentation
 */
import type { LearningEngine } from './page/learning-engine.js';
import { spawnWeb } from './page/web-worker.js';
import { startFromElsewhere } from './shared/module-worker.js';

export type { LearningEngine } from './page/learning-engine.js';

const file = 'learning-worker-web.js';

/**
 * Loads models that `model.tune` can teach:
 *
 * ```ts
 * const model = await RWKV.load(source, { learning });
 * for await (const { step, loss } of model.tune(texts, { method: 'state', steps: 100 })) console.log(step, loss);
 * ```
 *
 * Such a model does all that others do, with modules that are half as large again. Its worker's script lies where `assetBase` or
 * `workerUrl` of the load says, `learning-worker-web.js`, in Node `learning-worker-node.js`.
 */
export const learning: LearningEngine = {
  spawn: (events, workerUrl) =>
    spawnWeb(
      events,
      workerUrl,
      () =>
        startFromElsewhere(file, import.meta.url) ??
        new Worker(new URL('./learning-worker-web.js', import.meta.url), { type: 'module' }),
      'options assetBase and workerUrl say where it is',
    ),
};

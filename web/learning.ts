/**
 * What teaches models: a worker whose WebAssembly modules learn, which apps carry that import it.
 *
 * @packageDocumentation
 */
import type { LearningEngine } from './page/learning-engine.js';
import type { TuneTexts } from './page/tuning/options.js';
import type { NewModelOptions, ScratchHost, VocabularyOptions } from './page/tuning/scratch.js';
import * as scratch from './page/tuning/scratch.js';
import { resolveWeb, spawnWeb } from './page/web-worker.js';
import { startFromElsewhere } from './shared/module-worker.js';

export type { LearningEngine } from './page/learning-engine.js';
export type { NewModelOptions, VocabularyOptions } from './page/tuning/scratch.js';

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

const host: ScratchHost = { ...learning, workerFile: 'worker-web.js', resolve: resolveWeb };

/**
 * Makes a vocabulary of texts, for a model from scratch: a file of the RWKV World form, whose tokens are all bytes and the pieces of words
 * that spare most tokens. The same texts give the same file. It takes the memory of their words, not that of the texts.
 *
 * ```ts
 * const vocabulary = await trainVocabulary(texts, { size: 1024 });
 * const bytes = await newModel({ layers: 6, channels: 128, vocabulary: 1024 });
 * const tokenizer = new TextEncoder().encode(vocabulary);
 * const model = await RWKV.load(bytes, { tokenizer, quantization: 'f32', learning });
 * for await (const { loss } of model.tune(texts, { method: 'full', learningRate: 0.004 })) console.log(loss);
 * ```
 *
 * @throws RwkvError `invalid-argument` naming the text or option, also where the texts have too few pieces that come twice; `unsupported`,
 * `worker-crashed`; the reason of `signal` when it aborts
 */
export function trainVocabulary(texts: TuneTexts, options: VocabularyOptions): Promise<string> {
  return scratch.trainVocabulary(host, texts, options);
}

/**
 * Makes a model file of random weights, as the authors' trainers begin with, for `method: 'full'` of `model.tune`. Most of its time goes into
 * making matrices orthogonal: a moment for some million weights, minutes for hundreds.
 *
 * @throws RwkvError `invalid-argument` naming the option, `out-of-memory`, `unsupported`, `worker-crashed`; the reason of `signal` when it aborts
 */
export function newModel(options: NewModelOptions): Promise<Uint8Array<ArrayBuffer>> {
  return scratch.newModel(host, options);
}

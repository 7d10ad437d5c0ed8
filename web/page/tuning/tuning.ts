// model.tune: a loop whose steps are a run of learning.
import type { ModelInfo, TuneStep } from '../../shared/types.js';
import type { Client } from '../client.js';
import { Loop } from '../loop.js';
import { stepsWithResult } from '../steps.js';
import type { TuneOptions, TuneTexts } from './options.js';
import type { TuneResult } from './result.js';

/** A model that is being taught, step by step. */
export class Tuning extends Loop<TuneStep, TuneResult> {}

/** What `model.tune` does. */
export function tune(client: Client, info: ModelInfo, texts: TuneTexts, options: TuneOptions): Tuning {
  const { steps, result } = stepsWithResult<TuneStep, TuneResult>(
    async function* ({ resolve, reject }) {
      try {
        const { teach } = await import('./teaching.js');
        yield* teach(client, info, texts, options, resolve);
      } catch (error) {
        reject(error);
        throw error;
      }
    },
    () => Promise.reject(new DOMException('tune: left before its first step', 'AbortError')),
  );
  return new Tuning(steps, result);
}

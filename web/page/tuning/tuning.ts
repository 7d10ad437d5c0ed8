// model.tune: a loop whose steps are a run of learning.
import type { ModelInfo, TuneStep } from '../../shared/types.js';
import type { Client } from '../client.js';
import { Loop } from '../loop.js';
import { stepsWithResult } from '../steps.js';
import type { TuneFormat, TuneMethod, TuneOptions, TuneTexts } from './options.js';

/** What a run came to. */
export interface TuneResult {
  /** What was learned, as a file. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** The form of the file. */
  readonly format: TuneFormat;
  /** What it holds. */
  readonly method: TuneMethod;
  /** `'finished'`: all steps were made; `'aborted'`: by its signal, or because the loop was left. */
  readonly finishReason: 'finished' | 'aborted';
  /** Steps that were made, those of the checkpoint too. */
  readonly steps: number;
  /** Of the last step of this run; `null`: it made none. */
  readonly loss: number | null;
  /** Of what is held out, when it was measured last; `null`: it was not. */
  readonly validationLoss: number | null;
  /** Tokens that this run learned; one that is learned again counts again. */
  readonly tokens: number;
  /** That this run took, from its first text. */
  readonly seconds: number;
  /** Where chance began. */
  readonly seed: number;
}

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

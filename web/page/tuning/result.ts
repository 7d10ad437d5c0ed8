import type { TuneFormat, TuneMethod } from './options.js';

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

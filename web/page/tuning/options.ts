// Options of `model.tune`, and what stands for those that are absent.
import { unexpected } from '../../shared/errors.js';
import type { Learning } from '../../shared/protocol.js';
import { isArrayBuffer } from '../../shared/realms.js';
import type { TuningPlan } from '../../shared/types.js';
import type { ChatMessage } from '../chat/messages.js';
import { type ChatTemplate, chatTemplates } from '../chat/template.js';
import { abortSignal, above, check, type Get, integer, number, oneOf, type Rule, record } from '../rules.js';

/**
 * What is learned:
 *
 * - `'state'`: the state that sessions start from, for `createSession({ state })`
 * - `'lora'`: low-rank adapters of the large matrices, for `RWKV.load(source, { lora })`
 * - `'full'`: every weight, of a model that was loaded in `'f32'`; the result is a model file
 */
export type TuneMethod = 'state' | 'lora' | 'full';

/**
 * A text to learn from:
 *
 * - a string, or an object with a `text`: it begins behind token 0 and ends with token 0, which is learned with it
 * - a prompt and its completion, of which the completion is learned, and token 0 behind it
 * - messages in the model's template: what the assistant says is learned
 * - token ids, learned as given, but the first, which nothing foretells
 */
export type TuneText =
  | string
  | ArrayLike<number>
  | {
      /** The same as a string. */
      readonly text: string;
    }
  | {
      /** What is read before the completion. */
      readonly prompt: string;
      /** What is learned, from its first letter on: no blank is put before it. */
      readonly completion: string;
    }
  | {
      /** A conversation, with at least one message of the assistant. */
      readonly messages: readonly ChatMessage[];
    };

/** Texts to learn from, each a document of its own: one, a list, or what tells them one by one. */
export type TuneTexts = string | Iterable<TuneText> | AsyncIterable<TuneText>;

/** A matrix of each layer that an adapter may belong to. */
export type TuneTarget = 'att.receptance' | 'att.key' | 'att.value' | 'att.output' | 'ffn.key' | 'ffn.value';

/** The form of a result file. */
export type TuneFormat = 'safetensors' | 'pth';

/** Options of `model.tune`. */
export interface TuneOptions {
  /** What is learned. Default `'state'`. */
  method?: TuneMethod | undefined;
  /** Steps to make. Default: so many as `epochs` takes. */
  steps?: number | undefined;
  /** How often the texts are read, in another order each time; instead of `steps`. Default 3. */
  epochs?: number | undefined;
  /** Longer texts are read in pieces of so many tokens, each from the initial state. 1 to 65,536, default 512. */
  contextLength?: number | undefined;
  /** Pieces of text a step. 1 to 4096, default 2. */
  batch?: number | undefined;
  /** How fast it learns, at its fastest. Up to 10; default 0.5 for `'state'`, 0.0025 for `'lora'`, 0.0001 for `'full'`. */
  learningRate?: number | undefined;
  /** How the rate falls to 0 at the end: not, evenly, or along a cosine. Default `'cosine'`. */
  schedule?: 'constant' | 'linear' | 'cosine' | undefined;
  /** Steps at the start in which the rate rises. Default 5. */
  warmup?: number | undefined;
  /** How long AdamW remembers gradients and their squares. 0 to below 1, default `[0.9, 0.99]`. */
  betas?: readonly [number, number] | undefined;
  /** What AdamW adds to the root of the squares. Default 1e-8. */
  epsilon?: number | undefined;
  /** What AdamW takes off matrices, a step and times the rate. 0 to 10; default 0, for `'full'` 0.01. */
  weightDecay?: number | undefined;
  /** Longer gradients are shortened to this length; 0: none is. Default 1. */
  gradientClip?: number | undefined;
  /** Of `'lora'`: the inner dimension of an adapter. 1 to 1024, default 8. */
  rank?: number | undefined;
  /** Of `'lora'`: an adapter counts alpha / rank times. Default twice the rank. */
  alpha?: number | undefined;
  /** Of `'lora'`: the matrices that have adapters. Default: all six. */
  targets?: readonly TuneTarget[] | undefined;
  /**
   * What is held out, and its loss told before the first step, on the way and after the last: texts of their own, or a share of those that are
   * learned from, 0 to 0.9: every so-many-th of them, the end of a single one. Default: nothing.
   */
  validation?: number | TuneTexts | undefined;
  /** Steps between two measurements of that; 0: none on the way. Default 50. */
  validationEvery?: number | undefined;
  /** Where chance begins, which orders the texts and starts adapters. 0 to 2^53 - 1, default 0: the same run gives the same result. */
  seed?: number | undefined;
  /** How messages are written, as for `session.chat`. Default: by the model's name. */
  template?: ChatTemplate | undefined;
  /** The form of the result's file. `'pth'` is what programs read that have PyTorch. Default `'safetensors'`. */
  format?: TuneFormat | undefined;
  /** Keeps the run, so that another goes on from it and ends with the same bits. */
  checkpoint?: CheckpointOptions | undefined;
  /** Hears what is going to be done, and what memory that takes, before the first step, which waits for it. What it throws ends the call. */
  onPlan?: ((plan: TuningPlan) => void | Promise<void>) | undefined;
  /** Ends the run behind the step that is being made. `result` then has what was learned so far; the loop rejects with the signal's reason. */
  signal?: AbortSignal | undefined;
}

/** How a run is kept. */
export interface CheckpointOptions {
  /** A checkpoint to go on from: of this model, these texts and these options. */
  resume?: ArrayBuffer | ArrayBufferView | undefined;
  /** Hears a new checkpoint now and then, and where the run ends before its last step; the next step waits for it. What it throws ends the call. */
  save?: ((checkpoint: Uint8Array<ArrayBuffer>) => void | Promise<void>) | undefined;
  /** Seconds between two. Default 10. */
  seconds?: number | undefined;
}

const targets: readonly TuneTarget[] = [
  'att.receptance',
  'att.key',
  'att.value',
  'att.output',
  'ffn.key',
  'ffn.value',
];
// Of a state what its authors advise is 1; on a page of text 0.5 and 1 learn as much in ten steps, 0.1 two thirds of it. Of adapters they
// advise 1e-4 and less for thousands of steps; a page of text has tens. The storyteller learns most at 0.0025 or 0.005 (tests/bench), and
// what such steps add to a matrix grows with the root of its width: 0.0025 is to the 768 channels of 0.1B what 0.0043 is to its 256.
const learningRates: Readonly<Record<TuneMethod, number>> = { state: 0.5, lora: 2.5e-3, full: 1e-4 };
const most = 2 ** 30; // the core's

const betas: Rule<readonly [number, number]> = {
  expected: 'two numbers from 0 to below 1',
  accepts: (value): value is readonly [number, number] =>
    Array.isArray(value) &&
    value.length === 2 &&
    [...value].every((beta) => number(0, 1).accepts(beta) && Math.fround(beta) < 1),
};
const target = oneOf(...targets);
const someTargets: Rule<readonly TuneTarget[]> = {
  expected: `a list of any of ${targets.map((name) => `'${name}'`).join(', ')}, each once`,
  accepts: (value): value is readonly TuneTarget[] =>
    Array.isArray(value) &&
    value.length > 0 &&
    new Set(value).size === value.length &&
    [...value].every((name) => target.accepts(name)),
};
const texts: Rule<TuneTexts> = {
  expected: 'a share from 0 to 0.9, a text, or texts in a list or another iterable',
  accepts: isTexts,
};
const share = number(0, 0.9);
const validation: Rule<number | TuneTexts> = {
  expected: texts.expected,
  accepts: (value): value is number | TuneTexts => share.accepts(value) || texts.accepts(value),
};
const bytes: Rule<ArrayBuffer | ArrayBufferView> = {
  expected: 'an ArrayBuffer or a view of one',
  accepts: (value): value is ArrayBuffer | ArrayBufferView =>
    isArrayBuffer(value) || ArrayBuffer.isView(value),
};
const callback = <T>(): Rule<(told: T) => void | Promise<void>> => ({
  expected: 'a function',
  accepts: (value): value is (told: T) => void | Promise<void> => typeof value === 'function',
});
const hearsPlan = callback<TuningPlan>();
const hearsCheckpoint = callback<Uint8Array<ArrayBuffer>>();

/** Whether it is what `model.tune` takes texts from; what they are is seen as they come. */
export function isTexts(value: unknown): value is TuneTexts {
  if (typeof value === 'string') return true;
  return (
    typeof value === 'object' && value !== null && (Symbol.iterator in value || Symbol.asyncIterator in value)
  );
}

/** @throws RwkvError `invalid-argument` */
export function checkTuneOptions(options: TuneOptions) {
  return check(options, (get) => {
    const checkpoint = check(get('checkpoint', record) ?? {}, takeCheckpoint, 'option checkpoint');
    return {
      learning: takeLearning(get),
      validation: get('validation', validation) ?? 0,
      template: get('template', chatTemplates),
      format: get('format', oneOf<TuneFormat>('safetensors', 'pth')) ?? 'safetensors',
      checkpoint,
      onPlan: get('onPlan', hearsPlan),
      signal: get('signal', abortSignal),
    };
  });
}

function takeLearning(get: Get): Learning {
  const method = get('method', oneOf<TuneMethod>('state', 'lora', 'full')) ?? 'state';
  const steps = get('steps', integer(1, most)) ?? null;
  const epochs = get('epochs', integer(1, most));
  if (steps !== null && epochs !== undefined)
    throw unexpected('option epochs', 'not to come with steps', epochs);
  const adapters = {
    rank: get('rank', integer(1, 1024)),
    alpha: get('alpha', above(0, 65536)),
    targets: get('targets', someTargets),
  };
  for (const [name, value] of Object.entries(adapters)) {
    if (value !== undefined && method !== 'lora')
      throw unexpected(`option ${name}`, `to come with method 'lora'`, method);
  }
  const { rank = 8, alpha = 2 * rank } = adapters;
  return {
    method,
    steps,
    epochs: steps === null ? (epochs ?? 3) : null,
    contextLength: get('contextLength', integer(1, 65536)) ?? 512,
    batch: get('batch', integer(1, 4096)) ?? 2,
    learningRate: get('learningRate', number(1e-9, 10)) ?? learningRates[method],
    schedule: get('schedule', oneOf<Learning['schedule']>('constant', 'linear', 'cosine')) ?? 'cosine',
    warmup: get('warmup', integer(0, most)) ?? 5,
    betas: get('betas', betas) ?? [0.9, 0.99],
    epsilon: get('epsilon', number(1e-30, 1)) ?? 1e-8,
    weightDecay: get('weightDecay', number(0, 10)) ?? (method === 'full' ? 0.01 : 0),
    gradientClip: get('gradientClip', number(0, 1e6)) ?? 1,
    rank,
    alpha,
    targets: adapters.targets ?? targets,
    seed: get('seed', integer(0, Number.MAX_SAFE_INTEGER)) ?? 0,
    validationEvery: get('validationEvery', integer(0, most)) ?? 50,
  };
}

function takeCheckpoint(get: Get) {
  return {
    resume: get('resume', bytes),
    save: get('save', hearsCheckpoint),
    seconds: get('seconds', number(0, 86400)) ?? 10,
  };
}

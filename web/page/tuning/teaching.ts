// A run of learning: texts go to the worker, steps come back, and what was learned is a file. Pages load it when they call `model.tune`.
import { RwkvError, unexpected } from '../../shared/errors.js';
import type { DocumentPart } from '../../shared/protocol.js';
import type { ModelInfo, TuneStep } from '../../shared/types.js';
import type { Client } from '../client.js';
import { buffers } from '../places.js';
import { Keeper, placeOf, secondsSince } from './checkpoints.js';
import { checkTuneOptions, isTexts, type TuneOptions, type TuneTexts } from './options.js';
import type { TuneResult } from './result.js';
import { type Document, TextReader } from './texts.js';

type Checked = ReturnType<typeof checkTuneOptions>;
type Steps = AsyncGenerator<TuneStep, void, undefined>;

/** The steps of a run. `tell` hears what it came to, when the model is free again. */
export async function* teach(
  client: Client,
  info: ModelInfo,
  texts: TuneTexts,
  options: TuneOptions,
  tell: (result: TuneResult) => void,
): Steps {
  const checked = checkTuneOptions(options);
  if (!isTexts(texts)) throw unexpected('texts', 'a text, or texts in a list or another iterable', texts);
  checked.signal?.throwIfAborted();
  await client.call('beginTuning', { learning: checked.learning });
  let result: TuneResult | undefined;
  try {
    yield* taught(client, info, texts, checked, (told) => {
      result = told;
    });
  } finally {
    if (!client.end.aborted) await client.call('endTuning', {});
    if (result) tell(result);
  }
}

// No call is cut short by the signal: a run ends behind a whole step.
async function* taught(
  client: Client,
  info: ModelInfo,
  texts: TuneTexts,
  { learning, validation, template, format, checkpoint, onPlan, signal }: Checked,
  tell: (result: TuneResult) => void,
): Steps {
  const start = performance.now();
  for await (const document of new TextReader(info, template).documents(texts, validation)) {
    signal?.throwIfAborted();
    await add(client, document);
  }
  const resumed = placeOf(checkpoint.resume);
  const plan = await client.call('planTuning', { checkpoint: resumed }, { transfer: buffers(resumed) });
  await onPlan?.(plan);

  const keeper = new Keeper(client, checkpoint, plan.step);
  let last: TuneStep | undefined;
  let { validationLoss } = plan;
  let tokens = 0;
  let end: TuneResult['finishReason'] | 'failed' = 'aborted';
  try {
    for (;;) {
      signal?.throwIfAborted();
      const begun = performance.now();
      const made = await client.call('nextStep', {});
      if (made === null) break;
      last = { ...made, tokensPerSecond: made.tokens / secondsSince(begun) };
      tokens += made.tokens;
      validationLoss = made.validationLoss ?? validationLoss;
      if (keeper.isDue) await keeper.keep(made.step);
      yield last;
    }
    end = 'finished';
  } catch (error) {
    if (!signal?.aborted) end = 'failed';
    throw error;
  } finally {
    const steps = last?.step ?? plan.step;
    if (!client.end.aborted && steps > 0) {
      if (end !== 'finished') await keeper.keep(steps); // also where it failed: what was learned before
      if (end !== 'failed') {
        const facts = {
          method: learning.method,
          format,
          finishReason: end,
          steps,
          tokens,
          seed: learning.seed,
        };
        const losses = { loss: last?.loss ?? null, validationLoss: validationLoss ?? null };
        const bytes = await client.call('tuned', { format });
        tell({ bytes, ...facts, ...losses, seconds: secondsSince(start) });
      }
    }
  }
}

/** Says of which text it is that a part of it has no token. */
async function add(client: Client, { name, parts, isValidation }: Document): Promise<void> {
  try {
    await client.call('addDocument', { parts, isValidation }, { transfer: buffersOf(parts) });
  } catch (error) {
    if (!(error instanceof RwkvError) || error.code !== 'bad-vocabulary') throw error;
    throw new RwkvError(error.code, `${name}: ${error.message}`, { cause: error });
  }
}

const buffersOf = (parts: readonly DocumentPart[]) =>
  parts.flatMap(({ text }) => (typeof text === 'string' ? [] : [text.buffer]));

// The same beginning, continued before and after the lesson.
import { batch, signal } from '@preact/signals';
import { fail, model } from '../models/loaded.js';
import { sampling } from '../settings/settings.js';

export const beginning = signal('Once upon a time');
export const before = signal('');
export const after = signal('');
export const isComparing = signal(false);

const maxTokens = 80;
let round = 0;

/** Writes both, from the same chance. */
export async function compare(state: Uint8Array<ArrayBuffer>): Promise<void> {
  const writer = model.value;
  if (!writer) return;
  round += 1;
  const own = round;
  const seed = crypto.getRandomValues(new Uint32Array(1))[0];
  batch(() => {
    [before.value, after.value, isComparing.value] = ['', '', true];
  });
  const write = async (options: { state?: Uint8Array }, told: typeof before) => {
    const session = await writer.createSession(options);
    try {
      for await (const piece of session.complete(beginning.value, { ...sampling(), seed, maxTokens })) {
        if (round !== own) break;
        told.value += piece;
      }
    } finally {
      void session.dispose();
    }
  };
  try {
    await Promise.all([write({}, before), write({ state }, after)]);
  } catch (error) {
    fail(error);
  } finally {
    if (round === own) isComparing.value = false;
  }
}

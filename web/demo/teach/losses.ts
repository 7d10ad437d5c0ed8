// How the loss goes, step by step.
import { signal } from '@preact/signals';

/** In nats a token; `null`: not measured at that step. */
export interface Losses {
  readonly steps: readonly number[];
  readonly losses: readonly (number | null)[];
  /** Of what is held out. */
  readonly validations: readonly (number | null)[];
}

export const noLosses: Losses = { steps: [], losses: [], validations: [] };
export const curve = signal(noLosses);

/** What it was at first and last. */
export function ends(values: readonly (number | null)[]): [first: number, last: number] | undefined {
  const known = values.filter((value) => value !== null);
  const [first, last] = [known[0], known.at(-1)];
  return first === undefined || last === undefined ? undefined : [first, last];
}

// Where values lie in scratch memory: from the dispatch that makes one to the last that uses it, apart from all others.
import type { Dispatch } from './schedule.js';
import type { Value } from './steps.js';

const alignment = 16; // floats

export interface Places {
  /** The first float of each value. */
  readonly addresses: ReadonlyMap<Value, number>;
  readonly floats: number;
}

/** `kept`: values that are wanted after the last dispatch. */
export function placesOf(dispatches: readonly Dispatch[], kept: readonly Value[]): Places {
  const last = new Map<Value, number>();
  dispatches.forEach(({ steps }, i) => {
    for (const step of steps) for (const value of step.values.values()) last.set(value, i);
  });
  for (const value of kept) last.set(value, dispatches.length);

  const addresses = new Map<Value, number>();
  let living: { first: number; end: number; value: Value }[] = []; // by place
  let floats = 0;
  dispatches.forEach(({ steps }, i) => {
    living = living.filter(({ value }) => (last.get(value) ?? 0) >= i);
    for (const value of steps.flatMap((step) => [...step.values.values()])) {
      if (addresses.has(value)) continue;
      const size = Math.ceil(value.floats / alignment) * alignment;
      let first = 0;
      let at = 0;
      for (; at < living.length; at++) {
        const next = living[at];
        if (!next || next.first - first >= size) break;
        first = next.end;
      }
      living.splice(at, 0, { first, end: first + size, value });
      addresses.set(value, first);
      floats = Math.max(floats, first + size);
    }
  });
  return { addresses, floats };
}

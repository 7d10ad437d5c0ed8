// Milliseconds per token against the place in the text: they do not grow with it.
import { signal } from '@preact/signals';

/** One point is the mean over so many tokens: messages come in bursts. */
const perPoint = 16;
const mostPoints = 2000;

/** Positions in tokens, ascending, and milliseconds per token there; the same length. */
export const positions: number[] = [];
export const milliseconds: number[] = [];
/** Counts the points that came. */
export const beats = signal(0);

let since: { readonly position: number; readonly at: number } | undefined;

/** The model paused: the next token's time is not told. */
export function rest(): void {
  since = undefined;
}

/** The token at `position` came just now. */
export function beat(position: number): void {
  const at = performance.now();
  if (!since || position < since.position) since = { position, at };
  const tokens = position - since.position;
  if (tokens < perPoint) return;
  const place = positions.findLastIndex((before) => before <= position) + 1;
  positions.splice(place, 0, position);
  milliseconds.splice(place, 0, (at - since.at) / tokens);
  positions.length = Math.min(positions.length, mostPoints);
  milliseconds.length = positions.length;
  since = { position, at };
  beats.value += 1;
}

/** The middle of all points; 0 of none. */
export function median(): number {
  return [...milliseconds].sort((a, b) => a - b)[milliseconds.length >> 1] ?? 0;
}

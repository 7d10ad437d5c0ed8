// Numbers as people read them.
import { isError } from '../shared/realms.js';

/** Bytes, such as `5.3 MB`; a thousand to a step, as file managers count. */
export function bytes(count: number): string {
  const units = ['B', 'KB', 'MB', 'GB'];
  const step = Math.min(Math.floor(Math.log10(Math.max(count, 1)) / 3), units.length - 1);
  return `${short(count / 1000 ** step)} ${units[step]}`;
}

/** A count, such as `4.6 M`. */
export function count(value: number): string {
  if (value < 1e6) return value.toLocaleString('en');
  return value < 1e9 ? `${short(value / 1e6)} M` : `${short(value / 1e9)} B`;
}

/** Seconds to wait, such as `2 min 5 s`. */
export function duration(seconds: number): string {
  const whole = Math.ceil(seconds);
  return whole < 60 ? `${whole} s` : `${Math.floor(whole / 60)} min ${whole % 60} s`;
}

/** The probability of a log probability, such as `12 %` or `0.4 %`. */
export function percent(logprob: number): string {
  const share = 100 * Math.exp(logprob);
  if (share < 0.1) return '< 0.1 %';
  return `${share < 10 ? share.toFixed(1) : Math.round(share)} %`;
}

/** A token made visible: spaces and ends of lines are signs. */
export function visible(text: string): string {
  return text.replace(/\n/g, '↵').replace(/\t/g, '⇥').replace(/^ | $/g, '␣');
}

/** What went wrong, as a sentence. */
export function sentence(error: unknown): string {
  if (isFull(error)) return 'The storage of the browser is full.';
  return isError(error) ? error.message || error.name : String(error);
}

/** Whether there was no room for something. */
export function isFull(error: unknown): boolean {
  return isError(error) && error.name === 'QuotaExceededError';
}

function short(value: number): string {
  return value < 10 && !Number.isInteger(value) ? value.toFixed(1) : Math.round(value).toLocaleString('en');
}

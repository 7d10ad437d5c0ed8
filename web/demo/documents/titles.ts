// What a text is called.
import { cut } from '../cut.js';

/** The first line of a text. */
export function titleOf(text: string): string {
  return cut(text.trim().split('\n', 1)[0] ?? '', 200, 'back') || 'Untitled';
}

/** The same in a sentence. */
export function named(text: string): string {
  return `“${cut(titleOf(text), 48, 'back')}”`;
}

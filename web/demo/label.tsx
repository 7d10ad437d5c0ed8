// A label that may be too long for its place: what is cut off has an ellipsis there, and the whole is its title.
import { cut } from './cut.js';

interface Props {
  readonly text: string;
  /** In characters. */
  readonly most: number;
  readonly at: 'front' | 'back';
}

/** Titles of so many characters are read and shown; a text may be a book. */
const longestTitle = 2000;

export function Label({ text, most, at }: Props) {
  const shown = cut(text, most, at);
  return <span title={shown === text ? undefined : cut(text, longestTitle, at)}>{shown}</span>;
}

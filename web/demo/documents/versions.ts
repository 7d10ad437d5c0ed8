// Versions of a text: which of them are kept.
import type { GenerateOptions } from 'rwkv-wasm';

/** What was about to happen to the text. */
export type Occasion = 'typing' | 'continuing' | 'leaving' | 'saving' | 'deleting';

export interface Version {
  readonly text: string;
  /** ms since 1970. */
  readonly at: number;
  readonly before: Occasion;
  /** What the sliders said. */
  readonly sampling: GenerateOptions;
}

/** So many are kept of a document, and so many bytes; the newest is, whatever its size. */
const [most, mostBytes] = [20, 4e6];
/** While someone types there is one in so many ms. */
const typingEvery = 120_000;

/** The versions with another one, oldest first. The same text twice is one version. */
export function withVersion(versions: readonly Version[], next: Version): readonly Version[] {
  const [earlier, newest] = [versions.at(-2), versions.at(-1)];
  if (newest?.text === next.text) return versions;
  const isBurst = next.before === 'typing' && newest?.before === 'typing';
  const isReplaced = isBurst && earlier !== undefined && newest.at - earlier.at < typingEvery;
  return bounded([...(isReplaced ? versions.slice(0, -1) : versions), next]);
}

/** Bytes of a text in memory. */
function bytesOf({ text }: Version): number {
  return 2 * text.length;
}

function bounded(versions: readonly Version[]): readonly Version[] {
  let bytes = 0;
  const kept = versions.slice(-most).reverse();
  const end = kept.findIndex((version, i) => {
    bytes += bytesOf(version);
    return i > 0 && bytes > mostBytes;
  });
  return (end < 0 ? kept : kept.slice(0, end)).reverse();
}

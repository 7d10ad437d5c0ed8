// Tokens as log probabilities tell them: by their bytes, and where each begins in the text.
import type { Vocabulary } from '../../page/vocabulary.js';
import type { TokenLogprob } from '../../shared/types.js';

/** A token and how likely it was. */
export interface Likely {
  readonly bytes: Uint8Array;
  readonly logprob: number;
}

/** A token of a text. `logprob` and `top` are `null` for the first of a prompt, which comes after nothing. */
export interface Token {
  readonly bytes: Uint8Array;
  readonly logprob: number | null;
  readonly top: readonly Likely[] | null;
  /** The characters (code points) of the text before the one that it begins in. */
  readonly offset: number;
}

/** Makes the tokens of one text, in their order. */
export class TokenTeller {
  readonly #vocabulary: Vocabulary;
  readonly #decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  #offset: number;

  /** @param offset - where the text begins */
  constructor(vocabulary: Vocabulary, offset = 0) {
    this.#vocabulary = vocabulary;
    this.#offset = offset;
  }

  next(token: number, logprob: number | null, top: readonly TokenLogprob[] | null): Token {
    const bytes = this.#vocabulary.bytes(token);
    const offset = this.#offset;
    this.#offset += lengthOf(this.#decoder.decode(bytes, { stream: true }));
    return { bytes, logprob, top: top?.map((other) => this.#likely(other)) ?? null, offset };
  }

  #likely({ token, logprob }: TokenLogprob): Likely {
    return { bytes: this.#vocabulary.bytes(token), logprob };
  }
}

/** In characters, as Python counts them. */
export function lengthOf(text: string): number {
  let length = 0;
  for (const _ of text) length++;
  return length;
}

let whole: TextDecoder | undefined; // made late: jsdom has none

/** The text of a token; as OpenAI's API spells it, `\xe2\x80`, where it is no whole characters. */
export function nameOf(bytes: Uint8Array, prefix = ''): string {
  try {
    whole ??= new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
    return whole.decode(bytes);
  } catch {
    return prefix + Array.from(bytes, (byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join('');
  }
}

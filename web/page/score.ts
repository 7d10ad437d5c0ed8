import type { Reply } from '../shared/protocol.js';
import type { TokenLogprob } from '../shared/types.js';
import type { Vocabulary } from './vocabulary.js';

/** How likely a text is to a model. */
export interface Score {
  /** The tokens of the text, in order. */
  readonly tokens: readonly ScoredToken[];
  /** The bits that a perfect compressor would need, for each byte of the text in UTF-8. */
  readonly bitsPerByte: number;
  /** The same for each of its tokens. */
  readonly bitsPerToken: number;
  /** e to the mean of -logprob: 2 to the power of bitsPerToken. */
  readonly perplexity: number;
  /** Bytes of the text. */
  readonly bytes: number;
}

/** A token of a text and the logarithm of its probability after all that comes before it. */
export interface ScoredToken {
  /** Its id. */
  readonly id: number;
  /** What it is by itself. */
  readonly text: string;
  /** The natural logarithm of its probability. */
  readonly logprob: number;
  /** The likeliest tokens in its place, likeliest first, where the option `topLogprobs` asked for them. */
  readonly topLogprobs?: readonly TokenLogprob[];
}

/** The score from what the worker answers. `bytes` of the text; without them, of its tokens. */
export function scoreOf(
  { tokens, scores }: Reply<'score'>,
  vocabulary: Vocabulary,
  tellsTop: boolean,
  bytes = tokens.reduce((sum, token) => sum + vocabulary.bytes(token).length, 0),
): Score {
  const width = scores.length / Math.max(tokens.length, 1);
  const scored = Array.from(tokens, (id, i): ScoredToken => {
    const [logprob = 0, ...top] = scores.subarray(i * width, (i + 1) * width);
    const token = { id, text: vocabulary.text(id), logprob };
    return tellsTop ? { ...token, topLogprobs: likeliest(top, vocabulary) } : token;
  });
  const nats = -scored.reduce((sum, { logprob }) => sum + logprob, 0);
  const per = (count: number) => (count === 0 ? 0 : nats / Math.LN2 / count);
  return {
    tokens: scored,
    bitsPerByte: per(bytes),
    bitsPerToken: per(tokens.length),
    perplexity: 2 ** per(tokens.length),
    bytes,
  };
}

// From ids and log probabilities by turns.
function likeliest(pairs: readonly number[], vocabulary: Vocabulary): TokenLogprob[] {
  return Array.from({ length: pairs.length / 2 }, (_, i) => {
    const token = pairs[2 * i] ?? 0;
    return { token, text: vocabulary.text(token), logprob: pairs[2 * i + 1] ?? 0 };
  });
}

import type { Reply } from '../shared/protocol.js';

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
}

/** The score from what the worker answers; `bytes` of the text. */
export function scoreOf({ tokens, texts, logprobs }: Reply<'score'>, bytes: number): Score {
  const nats = -logprobs.reduce((sum, logprob) => sum + logprob, 0);
  const per = (count: number) => (count === 0 ? 0 : nats / Math.LN2 / count);
  return {
    tokens: Array.from(tokens, (id, i) => ({ id, text: texts[i] ?? '', logprob: logprobs[i] ?? 0 })),
    bitsPerByte: per(bytes),
    bitsPerToken: per(tokens.length),
    perplexity: 2 ** per(tokens.length),
    bytes,
  };
}

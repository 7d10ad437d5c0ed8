import type { Reply } from './protocol.js';

/** How likely a text is to a model. */
export interface Score {
  readonly tokens: readonly ScoredToken[];
  /** The bits that the text costs, by its bytes in UTF-8, by its tokens: what a perfect compressor would need. */
  readonly bitsPerByte: number;
  readonly bitsPerToken: number;
  /** e to the mean of -logprob: 2 to the power of bitsPerToken. */
  readonly perplexity: number;
  /** Bytes of the text. */
  readonly bytes: number;
}

/** A token of a text and the logarithm of its probability after all that comes before it. */
export interface ScoredToken {
  readonly id: number;
  readonly text: string;
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

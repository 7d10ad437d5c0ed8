import type { Step } from '../shared/types.js';
import { Loop } from './loop.js';

/**
 * Why a text ended: `'stop'` at a stop text, `'length'` after `maxTokens`, `'end-of-text'` where the model or its grammar ended it,
 * `'aborted'` by its signal or because the loop was left.
 */
export type FinishReason = 'stop' | 'length' | 'end-of-text' | 'aborted';

/** What reading a prompt took. */
export interface PromptUsage {
  /** Tokens of the prompt that were read. */
  readonly promptTokens: number;
  /** How many of them had been read before, by another session. */
  readonly cachedTokens: number;
}

/** What a completion came to. */
export interface CompletionResult {
  /** What was delivered, whole. */
  readonly text: string;
  /** The generated token ids, those of a stop text too. */
  readonly tokens: readonly number[];
  /** Why it ended. */
  readonly finishReason: FinishReason;
  /** The stop text that ended it. */
  readonly stop?: string;
  /** The generated tokens with their log probabilities, where the option `logprobs` or `topLogprobs` asked for them. */
  readonly logprobs?: readonly Step[];
  /** Tokens that were read and generated. */
  readonly usage: PromptUsage & {
    /** Tokens that were generated. */
    readonly completionTokens: number;
    /** Of the prompt and generated. */
    readonly totalTokens: number;
  };
  /** Milliseconds and tokens a second of reading the prompt and of generating; 0 where nothing was. */
  readonly timings: {
    /** Reading the prompt, in milliseconds. */
    readonly prefillMs: number;
    /** Of the prompt. */
    readonly prefillTokensPerSecond: number;
    /** Generating, in milliseconds. */
    readonly decodeMs: number;
    /** Of the generated text. */
    readonly decodeTokensPerSecond: number;
  };
}

/** A text as it is generated, in pieces that are never empty and hold whole characters. */
export class Completion extends Loop<string, CompletionResult> {}

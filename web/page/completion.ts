/// <reference lib="esnext.disposable" preserve="true" />
import { bindMembers } from '../shared/bind.js';
import type { Step } from '../shared/types.js';

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

/**
 * A text as it is generated: loop over it for its pieces, which are never empty and hold whole characters, or take `result`.
 *
 * Leaving the loop stops generating. Nothing happens before the first piece or `result` is asked for.
 */
export class Completion implements AsyncGenerator<string, void, undefined> {
  /** `await using` ends the text; where the engine has no `Symbol.asyncDispose`, leave the loop or call `return`. */
  declare [Symbol.asyncDispose]: () => Promise<void>;

  readonly #pieces: AsyncGenerator<string, void, undefined>;
  readonly #result: Promise<CompletionResult>;
  /** What was generated for `result` and not looped over yet. */
  readonly #waiting: string[] = [];
  #isAsked = false;
  #rest: Promise<void> | undefined;

  /** @internal Made by `session.complete`. `result` settles when `pieces` end. */
  constructor(pieces: AsyncGenerator<string, void, undefined>, result: Promise<CompletionResult>) {
    this.#pieces = pieces;
    this.#result = result;
    result.catch(() => {}); // who does not ask for it hears of errors in the loop
    bindMembers(this);
  }

  /**
   * What it came to, when it has ended. Without a loop, generates the text first; a loop may still follow.
   *
   * @throws RwkvError as `session.complete`, but for an abort: the result tells it.
   */
  get result(): Promise<CompletionResult> {
    if (!this.#isAsked) this.#rest ??= this.#generateAll();
    return this.#result;
  }

  /** The next piece. */
  async next(): Promise<IteratorResult<string, void>> {
    this.#isAsked = true;
    if (this.#rest) {
      await this.#rest;
      const piece = this.#waiting.shift();
      if (piece !== undefined) return { done: false, value: piece };
    }
    return this.#pieces.next();
  }

  /** Stops generating. */
  return(): Promise<IteratorResult<string, void>> {
    this.#isAsked = true;
    return this.#pieces.return();
  }

  /** Stops generating and rejects with `error`. */
  throw(error: unknown): Promise<IteratorResult<string, void>> {
    return this.#pieces.throw(error);
  }

  /** Itself: `for await` loops over the pieces. */
  [Symbol.asyncIterator](): this {
    return this;
  }

  async #generateAll(): Promise<void> {
    try {
      for await (const piece of this.#pieces) this.#waiting.push(piece);
    } catch {
      // `result` tells it
    }
  }

  static {
    if (Symbol.asyncDispose) {
      Completion.prototype[Symbol.asyncDispose] = async function (this: Completion) {
        await this.return();
      };
    }
  }
}

// The loop behind `complete`, `generate` and `stream`: draws tokens, ends at stop texts, keeps the books for the result.

import { RwkvError } from '../shared/errors.js';
import type { Allowed, Drawing, Forced, Prompt, ReadCounts } from '../shared/protocol.js';
import type { Step } from '../shared/types.js';
import type { ReplyView } from './chat/reply.js';
import type { CompletionResult, FinishReason } from './completion.js';
import type { Matcher } from './grammar-engine.js';
import { type StepsWithResult, stepsWithResult } from './steps.js';
import { StopTexts } from './stop-texts.js';

/** A checked call and the session that it runs on. */
export interface Call {
  readonly prompt: Prompt;
  readonly maxTokens: number;
  readonly stop: readonly string[];
  readonly echo: boolean;
  readonly keepPartial: boolean;
  readonly drawing: Drawing;
  readonly signal: AbortSignal | undefined;
  /** Waits for the session's turn; gives what ends it. */
  enter(): Promise<() => void>;
  /** Reads the prompt; gives how many tokens that were. */
  begin(prompt: Prompt, drawing: Drawing): Promise<ReadCounts>;
  /** Follows the text through its grammar, if it has one. */
  match(): Promise<Matcher | undefined>;
  /** Draws a token, as the worker's operation of this name does. */
  next(allowed: Allowed | Forced | null, isDelivered: boolean | null): Promise<Step>;
  /** Of a chat: the session ends exactly behind what was delivered. */
  readonly reply: ReplyView | undefined;
  /** Hears that the text is as it was before `begin`. */
  takenBack(): void;
  /** Hears what was shown of it in the end. */
  replied(text: string): void;
  /** Back to where the text was this beginning of it. */
  goBack(text: string): Promise<unknown>;
  /** Back to before `begin`, if it did anything. */
  rewind(): Promise<unknown>;
  textOf(tokens: Int32Array<ArrayBuffer>): Promise<string>;
}

/** `prepare` runs when the first step is asked for; what it throws comes out of `steps`. */
export function generating(prepare: () => Call): StepsWithResult<Step, CompletionResult> {
  const books = new Books();
  return stepsWithResult(
    async function* ({ resolve, reject }) {
      let signal: AbortSignal | undefined;
      try {
        const call = prepare();
        signal = call.signal;
        yield* draw(call, books);
      } catch (error) {
        if (!signal?.aborted) reject(error);
        throw error;
      } finally {
        resolve(books.result());
      }
    },
    () => books.result(),
  );
}

/** What a call came to that was left before it began. */
export function nothingGenerated(): CompletionResult {
  return new Books().result();
}

async function* draw(call: Call, books: Books): AsyncGenerator<Step, void, undefined> {
  const { signal, drawing, maxTokens, reply } = call;
  const stops = new StopTexts(call.stop);
  const leave = await call.enter();
  let hasAsked = false;
  let hasBegun = false;
  let isTakenBack = false; // by the worker: the model's numbers are not finite
  let matcher: Matcher | undefined;
  let said = '';
  const deliver = (step: Step, text: string) => {
    said += text;
    return books.deliver({ ...step, text });
  };
  try {
    matcher = await call.match();
    signal?.throwIfAborted();
    hasAsked = true;
    books.promptIsRead(await call.begin(call.prompt, drawing));
    hasBegun = true;
    if (call.echo && call.prompt.length > 0) {
      const { prompt } = call;
      const text = typeof prompt === 'string' ? prompt : await call.textOf(prompt);
      yield books.deliver({ token: -1, text });
    }
    for (let count = 0; count < maxTokens; count++) {
      signal?.throwIfAborted();
      if (matcher?.isComplete) break; // of the empty text
      const step = await call.next(matcher?.next ?? null, reply ? !stops.isHolding : null);
      if (step.token === 0) {
        if (matcher?.allows(0) === false) throw nothingLeft();
        books.end('end-of-text');
        const text = stops.rest();
        if (text !== '') yield deliver(step, text);
        return;
      }
      books.drawn(step, drawing.topLogprobs >= 0);
      await matcher?.accept(step.token);
      const { text, stop } = stops.push(reply ? reply.shown(step.text) : step.text);
      const isWhole = matcher?.isComplete === true;
      const isLast = stop !== undefined || isWhole || count + 1 === maxTokens;
      if (stop !== undefined) books.end('stop', stop);
      else if (isLast) books.end(isWhole ? 'end-of-text' : 'length');
      yield deliver(step, isLast ? text + stops.rest() : text);
      if (isLast) return;
    }
    books.end(matcher?.isComplete ? 'end-of-text' : 'length');
  } catch (error) {
    isTakenBack = hasBegun && error instanceof RwkvError && error.code === 'bad-model';
    throw error;
  } finally {
    matcher?.dispose();
    try {
      // A prompt that was refused has changed nothing, and `rewind` does nothing then.
      if (isTakenBack) call.takenBack();
      else if (hasAsked && !books.hasEnded && !call.keepPartial) await call.rewind();
      else if (hasBegun && reply) {
        call.replied(said);
        await call.goBack(reply.generated(said));
      }
    } finally {
      leave();
    }
  }
}

function nothingLeft(): RwkvError {
  return new RwkvError(
    'invalid-argument',
    'option ban: every token that the grammar allows here is banned, or the model gives none of them a chance',
  );
}

// The bookkeeping of one call (text, tokens, finish reason, usage, timings): what the result is made of.
class Books {
  readonly #start = performance.now();
  readonly #tokens: number[] = [];
  readonly #logprobs: Step[] = [];
  #text = '';
  #promptTokens = 0;
  #cachedTokens = 0;
  #begun = 0;
  #last = 0;
  #tellsLogprobs = false;
  #reason: FinishReason = 'aborted';
  #stop: string | undefined;

  get hasEnded(): boolean {
    return this.#reason !== 'aborted';
  }
  promptIsRead({ tokens, cached }: ReadCounts): void {
    this.#promptTokens = tokens;
    this.#cachedTokens = cached;
    this.#begun = this.#last = performance.now();
  }
  drawn(step: Step, tellsLogprobs: boolean): void {
    this.#last = performance.now();
    this.#tokens.push(step.token);
    this.#tellsLogprobs = tellsLogprobs;
    if (tellsLogprobs) this.#logprobs.push(step);
  }
  deliver(step: Step): Step {
    this.#text += step.text;
    return step;
  }
  end(reason: FinishReason, stop?: string): void {
    this.#reason = reason;
    this.#stop = stop;
  }
  result(): CompletionResult {
    const [promptTokens, completionTokens] = [this.#promptTokens, this.#tokens.length];
    const prefillMs = this.#begun === 0 ? 0 : this.#begun - this.#start;
    const decodeMs = this.#last - this.#begun;
    const pace = (tokens: number, ms: number) => (tokens > 0 && ms > 0 ? (tokens * 1000) / ms : 0);
    return {
      text: this.#text,
      tokens: this.#tokens,
      finishReason: this.#reason,
      ...(this.#stop !== undefined && { stop: this.#stop }),
      ...(this.#tellsLogprobs && { logprobs: this.#logprobs }),
      usage: {
        promptTokens,
        cachedTokens: this.#cachedTokens,
        completionTokens,
        totalTokens: promptTokens + completionTokens,
      },
      timings: {
        prefillMs,
        prefillTokensPerSecond: pace(promptTokens - this.#cachedTokens, prefillMs),
        decodeMs,
        decodeTokensPerSecond: pace(completionTokens, decodeMs),
      },
    };
  }
}

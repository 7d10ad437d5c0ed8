// The loop behind `complete`, `generate` and `stream`: draws tokens, ends at stop texts, keeps the books for the result.
import type { CompletionResult, FinishReason } from './completion.js';
import type { Drawing, Prompt, Reply, Step } from './protocol.js';
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
  begin(prompt: Prompt, drawing: Drawing): Promise<Reply<'begin'>>;
  next(): Promise<Step>;
  /** Back to before `begin`. */
  rewind(): Promise<unknown>;
  textOf(tokens: Int32Array<ArrayBuffer>): Promise<string>;
}

/** A text in the making. `result` settles when `steps` end, however they do. */
export interface Generating {
  readonly steps: AsyncGenerator<Step, void, undefined>;
  readonly result: Promise<CompletionResult>;
}

/** `prepare` runs when the first step is asked for; what it throws comes out of `steps`. */
export function generating(prepare: () => Call): Generating {
  const books = new Books();
  let resolve: (result: CompletionResult) => void = () => {};
  let reject: (reason: unknown) => void = () => {};
  const promise = new Promise<CompletionResult>((...settle) => {
    [resolve, reject] = settle;
  });
  promise.catch(() => {}); // it is told in the loop too
  async function* run(): AsyncGenerator<Step, void, undefined> {
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
  }
  return { steps: run(), result: promise };
}

async function* draw(call: Call, books: Books): AsyncGenerator<Step, void, undefined> {
  const { signal, drawing, maxTokens } = call;
  const stops = new StopTexts(call.stop);
  const leave = await call.enter();
  let hasBegun = false;
  try {
    books.promptIsRead(await call.begin(call.prompt, drawing));
    hasBegun = true;
    if (call.echo && call.prompt.length > 0) {
      const { prompt } = call;
      const text = typeof prompt === 'string' ? prompt : await call.textOf(prompt);
      yield books.deliver({ token: -1, text });
    }
    for (let count = 0; count < maxTokens; count++) {
      signal?.throwIfAborted();
      const step = await call.next();
      if (step.token === 0) {
        books.end('end-of-text');
        const text = stops.rest();
        if (text !== '') yield books.deliver({ ...step, text });
        return;
      }
      books.drawn(step, drawing.topLogprobs >= 0);
      const { text, stop } = stops.push(step.text);
      const isLast = stop !== undefined || count + 1 === maxTokens;
      if (isLast) books.end(stop === undefined ? 'length' : 'stop', stop);
      yield books.deliver({ ...step, text: isLast ? text + stops.rest() : text });
      if (isLast) return;
    }
    books.end('length');
  } finally {
    try {
      // A prompt that was refused has changed nothing; one that was cut short by the signal has.
      const hasChanged = hasBegun || signal?.aborted;
      if (hasChanged && !books.hasEnded && !call.keepPartial) await call.rewind();
    } finally {
      leave();
    }
  }
}

// What the result is made of.
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
  promptIsRead({ tokens, cached }: Reply<'begin'>): void {
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

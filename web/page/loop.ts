/// <reference lib="esnext.disposable" preserve="true" />
import { bindMembers } from '../shared/bind.js';

/**
 * Work that goes on step by step: loop over it for its steps, or take `result`.
 *
 * Leaving the loop ends the work. Nothing happens before the first step or `result` is asked for.
 */
export class Loop<T, R> implements AsyncGenerator<T, void, undefined> {
  /** `await using` ends the work; where the engine has no `Symbol.asyncDispose`, leave the loop or call `return`. */
  declare [Symbol.asyncDispose]: () => Promise<void>;

  readonly #steps: AsyncGenerator<T, void, undefined>;
  readonly #result: Promise<R>;
  /** What was done for `result` and not looped over yet. */
  readonly #waiting: T[] = [];
  #isAsked = false;
  #rest: Promise<void> | undefined;

  /** @internal Made by calls of sessions and models. `result` settles when `steps` end. */
  constructor(steps: AsyncGenerator<T, void, undefined>, result: Promise<R>) {
    this.#steps = steps;
    this.#result = result;
    result.catch(() => {}); // who does not ask for it hears of errors in the loop
    bindMembers(this);
  }

  /**
   * What it came to, when it has ended. Without a loop, all steps are made first; a loop may still follow.
   *
   * @throws RwkvError as the call that made it; of an abort the result tells.
   */
  get result(): Promise<R> {
    if (!this.#isAsked) this.#rest ??= this.#finish();
    return this.#result;
  }

  /** The next step. */
  async next(): Promise<IteratorResult<T, void>> {
    this.#isAsked = true;
    if (this.#rest) {
      await this.#rest;
      const step = this.#waiting.shift();
      if (step !== undefined) return { done: false, value: step };
    }
    return this.#steps.next();
  }

  /** Ends the work. */
  return(): Promise<IteratorResult<T, void>> {
    this.#isAsked = true;
    return this.#steps.return();
  }

  /** Ends the work and rejects with `error`. */
  throw(error: unknown): Promise<IteratorResult<T, void>> {
    return this.#steps.throw(error);
  }

  /** Itself: `for await` loops over the steps. */
  [Symbol.asyncIterator](): this {
    return this;
  }

  async #finish(): Promise<void> {
    try {
      for await (const step of this.#steps) this.#waiting.push(step);
    } catch {
      // `result` tells it
    }
  }

  static {
    if (Symbol.asyncDispose) {
      Loop.prototype[Symbol.asyncDispose] = async function (this: Loop<unknown, unknown>) {
        await this.return();
      };
    }
  }
}

/// <reference lib="esnext.disposable" preserve="true" />
import type { Client } from './client.js';
import { RwkvError } from './errors.js';
import {
  checkGenerateOptions,
  checkReadOptions,
  checkTokens,
  type GenerateOptions,
  type ReadOptions,
} from './options.js';
import type { ModelInfo, Prompt, Reply, Request, Step } from './protocol.js';
import { Queue } from './queue.js';

type SessionOp = 'append' | 'begin' | 'next' | 'logits';

/**
 * One text: a recurrent state in the worker that stands after all that it has read and generated so far.
 *
 * Every call goes on from there. Calls on one session run one after another in the order in which they start; a
 * generating loop holds its turn until it ends or is left. Sessions of one model that generate at the same time share
 * each pass over the weights.
 */
export class Session implements AsyncDisposable {
  /** `await using` gives the session back; where the engine has no `Symbol.asyncDispose`, call `dispose`. */
  declare [Symbol.asyncDispose]: () => Promise<void>;

  readonly #client: Client;
  readonly #id: number;
  readonly #info: ModelInfo;
  readonly #queue = new Queue();
  #disposed = false;

  /** @internal Made by `model.createSession`. */
  constructor(client: Client, id: number, info: ModelInfo) {
    this.#client = client;
    this.#id = id;
    this.#info = info;
  }

  /**
   * Reads `prompt`, then generates text, piece by piece as it comes. Pieces are never empty and hold whole characters.
   * The text ends after `maxTokens` or where the model ends it. Leaving the loop stops generating: nothing is generated
   * that was not delivered.
   *
   * An empty prompt goes on where the session stands; on a fresh session it starts a text.
   *
   * @param prompt - text or token ids (0 to V - 1)
   * @throws RwkvError out of the loop: `invalid-argument`, `no-tokenizer`, `disposed`, `worker-crashed`; the reason of
   * `signal` when it aborts: what was delivered then counts, and of the prompt all of it.
   */
  async *complete(
    prompt: string | ArrayLike<number>,
    options: GenerateOptions = {},
  ): AsyncGenerator<string, void, undefined> {
    requireTokenizer(this.#info, 'text');
    for await (const { text } of this.generate(prompt, options)) {
      if (text !== '') yield text;
    }
  }

  /**
   * As `complete`, token by token and also without a tokenizer. `text` is what the token adds to the text: whole
   * characters, empty while one is unfinished or where there is no tokenizer. Token 0 ends the text and is not
   * delivered.
   */
  async *generate(
    prompt: string | ArrayLike<number>,
    options: GenerateOptions = {},
  ): AsyncGenerator<Step, void, undefined> {
    const { maxTokens, seed, signal, sampling } = checkGenerateOptions(options);
    const checked = this.#checkPrompt(prompt);
    const leave = await this.#queue.enter(signal);
    try {
      const session = this.#id;
      await this.#call('begin', { session, prompt: checked, ...(seed !== undefined && { seed }) }, signal);
      for (let count = 0; count < maxTokens; count++) {
        signal?.throwIfAborted();
        // Not cut short by the signal: a token that was drawn is in the session's text, so it is delivered.
        const step = await this.#call('next', { session, sampling }, undefined);
        if (step.token === 0) return;
        yield step;
      }
    } finally {
      leave();
    }
  }

  /**
   * Reads text or token ids (0 to V - 1) without generating. Reading a text in pieces that end where tokens end is
   * the same as reading it whole.
   *
   * @throws RwkvError `invalid-argument`, `no-tokenizer`, `disposed`, `worker-crashed`; the reason of `signal` when it
   * aborts: what is not read yet is read by the next call.
   */
  async append(textOrTokens: string | ArrayLike<number>, options: ReadOptions = {}): Promise<void> {
    const { signal } = checkReadOptions(options);
    const prompt = this.#checkPrompt(textOrTokens);
    await this.#inTurn(signal, () => this.#call('append', { session: this.#id, prompt }, signal));
  }

  /**
   * The logits of the next token: V numbers, a copy.
   *
   * @throws RwkvError `invalid-argument` when the session has not read anything yet; `disposed`, `worker-crashed`.
   */
  async logits(options: ReadOptions = {}): Promise<Float32Array> {
    const { signal } = checkReadOptions(options);
    return this.#inTurn(signal, () => this.#call('logits', { session: this.#id }, signal));
  }

  /** Gives the state back. Calls under way reject with `disposed`. Disposing twice does nothing. */
  async dispose(): Promise<void> {
    if (this.#disposed || this.#client.ended) return;
    this.#disposed = true;
    await this.#client.call('disposeSession', { session: this.#id });
  }

  // Calls and, when aborted, stops the worker's reading before anything else of this session can follow.
  async #call<K extends SessionOp>(
    op: K,
    body: Request<K>,
    signal: AbortSignal | undefined,
  ): Promise<Reply<K>> {
    try {
      return await this.#client.call(op, body, { signal });
    } catch (error) {
      if (signal?.aborted && !this.#disposed)
        this.#client.call('pause', { session: this.#id }).catch(() => {});
      throw error;
    }
  }

  async #inTurn<T>(signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
    const leave = await this.#queue.enter(signal);
    try {
      return await work();
    } finally {
      leave();
    }
  }

  #checkPrompt(prompt: string | ArrayLike<number>): Prompt {
    if (this.#disposed) throw new RwkvError('disposed', 'the session was disposed');
    if (typeof prompt !== 'string') return checkTokens('prompt', prompt, this.#info.vocabulary);
    if (prompt !== '') requireTokenizer(this.#info, 'a text prompt');
    return prompt;
  }

  static {
    if (Symbol.asyncDispose) Session.prototype[Symbol.asyncDispose] = Session.prototype.dispose;
  }
}

/** @throws RwkvError `no-tokenizer` */
export function requireTokenizer(info: ModelInfo, what: string): void {
  if (info.tokenizer !== null) return;
  throw new RwkvError(
    'no-tokenizer',
    `${what} needs a tokenizer, and ${info.name} was loaded without one: use token ids, or load it with the option ` +
      "tokenizer (a vocabulary's URL, path or bytes, or 'bytes')",
  );
}

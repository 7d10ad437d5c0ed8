/// <reference lib="esnext.disposable" preserve="true" />

import { bindMembers } from '../shared/bind.js';
import { unexpected } from '../shared/errors.js';
import type { Place } from '../shared/protocol.js';
import type { ModelInfo } from '../shared/types.js';
import type { ChatMessage } from './chat/messages.js';
import type { ChatOptions } from './chat/template.js';
import type { Client } from './client.js';
import type { Completion } from './completion.js';
import type { Ruling } from './grammar-engine.js';
import { onItsOwn } from './one-call.js';
import {
  checkReadOptions,
  checkSessionOptions,
  checkTokens,
  type ReadOptions,
  randomSeed,
  type SessionOptions,
} from './options.js';
import { buffers, type FileSource, type Use } from './places.js';
import { requireTokenizer, Session } from './session.js';
import type { TuneOptions, TuneTexts } from './tuning/options.js';
import { type Tuning, tune } from './tuning/tuning.js';
import { type Vocabulary, vocabularyOf } from './vocabulary.js';

type WithPlace = (state: FileSource, use: Use<number>) => Promise<number>;

/**
 * A model, loaded into a worker of its own. Nothing here computes on the calling thread. It belongs to the thread that loaded it: what
 * `structuredClone` and `postMessage` make of it is its `info` alone.
 */
export class Model implements AsyncDisposable {
  /** `await using` gives the model back; where the engine has no `Symbol.asyncDispose`, call `dispose`. */
  declare [Symbol.asyncDispose]: () => Promise<void>;

  readonly #client: Client;
  #info: ModelInfo;
  readonly #withPlace: WithPlace;
  readonly #ruling: Ruling | undefined;

  /** @internal Made by `RWKV.load`. `withPlace` tells where a state's file is. */
  constructor(client: Client, info: ModelInfo, withPlace: WithPlace, ruling: Ruling | undefined) {
    this.#client = client;
    this.#withPlace = withPlace;
    this.#ruling = ruling;
    this.#info = info;
    bindMembers(this);
  }

  /** What was loaded, and how. Which kernels are in use may change during the first tokens, all else stays. */
  get info(): ModelInfo {
    return this.#info;
  }

  /** @internal These turned out to be faster. */
  hearKernels(kernels: string): void {
    this.#info = { ...this.#info, kernels };
  }

  /**
   * Starts a text of its own. A session holds a few hundred kilobytes to some megabytes, however long its text grows.
   *
   * @throws RwkvError `invalid-argument`, `disposed`, `out-of-memory`, `worker-crashed`, `device-failed`; of the option `state` also
   * `bad-file`, `bad-model` where it is no state or none for this model, `unsupported`,
   * `read-failed`, `not-stored`, `quota-exceeded`, `in-use`. The model stays usable.
   */
  async createSession(options: SessionOptions = {}): Promise<Session> {
    const { seed = randomSeed(), state: source } = checkSessionOptions(options);
    const isSeeded = options.seed !== undefined;
    const create = (state: Place | null) =>
      this.#client.call('createSession', { seed, isSeeded, state }, { transfer: buffers(state) });
    const id = await (source === undefined ? create(null) : this.#withPlace(source, create));
    return new Session(this.#client, id, this.info, this.#ruling);
  }

  /**
   * The assistant's reply to a whole conversation, on a session of its own: as `session.chat` on a fresh one. What an earlier call
   * has read of the same conversation is not read again (option `prefixCache`).
   *
   * @throws RwkvError out of the loop, as `createSession` and `session.chat`
   */
  chat(messages: readonly ChatMessage[], options: ChatOptions = {}): Completion {
    return onItsOwn(
      () => this.createSession(),
      (session) => session.chat(messages, options),
    );
  }

  /**
   * The token ids of a text.
   *
   * @throws RwkvError `no-tokenizer`, `invalid-argument`, `bad-vocabulary` where the vocabulary has no token for a
   * part of the text, `disposed`, `worker-crashed`
   */
  async tokenize(text: string): Promise<number[]> {
    if (typeof text !== 'string') throw unexpected('text', 'a string', text);
    requireTokenizer(this.info, 'tokenize');
    return [...(await this.#client.call('tokenize', { text }))];
  }

  /**
   * The text of token ids (0 to V - 1). Bytes that make no character become U+FFFD.
   *
   * @throws RwkvError `no-tokenizer`, `invalid-argument`, `disposed`, `worker-crashed`
   */
  async detokenize(tokens: ArrayLike<number>): Promise<string> {
    requireTokenizer(this.info, 'detokenize');
    return this.#client.call('detokenize', { tokens: checkTokens('tokens', tokens, this.info.vocabulary) });
  }

  /**
   * What each token is: its bytes, which are not always whole characters, and its text.
   *
   * @throws RwkvError `no-tokenizer`, `disposed`, `worker-crashed`
   */
  async vocabulary(): Promise<Vocabulary> {
    requireTokenizer(this.info, 'vocabulary');
    return vocabularyOf(this.#client);
  }

  /**
   * A vector of C numbers for a text: the mean over its tokens of what the model's head gets, from a fresh state. Texts on
   * the same matter tend to have a high cosine similarity, good enough to sort or group notes on the spot; models that
   * were trained for embeddings are better at it.
   *
   * @param text - text or token ids (0 to V - 1), at least one token
   * @throws RwkvError `invalid-argument`, `no-tokenizer`, `bad-vocabulary`, `disposed`, `worker-crashed`, `device-failed`; the reason of
   * `signal`
   */
  async embed(text: string | ArrayLike<number>, options: ReadOptions = {}): Promise<Float32Array> {
    const reading = checkReadOptions(options);
    if (typeof text === 'string') requireTokenizer(this.info, 'embed');
    const prompt = typeof text === 'string' ? text : checkTokens('text', text, this.info.vocabulary);
    return this.#client.call('embed', { prompt }, reading);
  }

  /**
   * Teaches the model: makes a state, an adapter or a model that foretells these texts better. Loop over it for its steps, `result` of what
   * is returned has the file. Needs a model that was loaded with `learning` of `rwkv-wasm/learning`. Sessions of the model go on between the
   * passes of a step, and have nothing of what is learned, but of `'full'`: that changes the model's own weights, for good. One run at a time.
   *
   * Leaving the loop ends the run behind a whole step, and `result` then has what was learned so far, as it has where `signal`
   * aborts, but the loop rejects. Where a run fails it is no result: the last of `checkpoint.save` has what was learned before.
   *
   * @param texts - texts to learn from, each a document of its own: a text, or a list or another iterable of texts, prompts with their
   * completions, conversations or token ids
   * @throws RwkvError out of the loop: `invalid-argument` (names the option, or the text and what of it), `unsupported`, `no-tokenizer`,
   * `bad-vocabulary`, `out-of-memory` before the first step, `bad-file` (of a checkpoint), `bad-model` where numbers are no longer finite,
   * `disposed`, `worker-crashed`; the reason of `signal`; what its callbacks and iterables throw
   */
  tune(texts: TuneTexts, options: TuneOptions = {}): Tuning {
    return tune(this.#client, this.info, texts, options);
  }

  /** Ends the worker: all memory is given back, calls under way reject with `disposed`. */
  async dispose(): Promise<void> {
    await this.#client.close();
  }

  static {
    if (Symbol.asyncDispose) Model.prototype[Symbol.asyncDispose] = Model.prototype.dispose;
  }
}

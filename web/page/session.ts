/// <reference lib="esnext.disposable" preserve="true" />

import { bindMembers } from '../shared/bind.js';
import { RwkvError } from '../shared/errors.js';
import type { Drawing, Lead, Prompt, Reply, Request, SessionOp, Structure } from '../shared/protocol.js';
import type { ModelInfo, Step } from '../shared/types.js';
import { wellFormed } from '../shared/well-formed.js';
import { Conversation } from './chat/conversation.js';
import type { ChatMessage } from './chat/messages.js';
import { viewBehind } from './chat/reply.js';
import { type ChatOptions, chatTemplateFor } from './chat/template.js';
import { render, turnBorder } from './chat/transcript.js';
import type { CallOptions, Client } from './client.js';
import { Completion, type PromptUsage } from './completion.js';
import { type Call, generating } from './generating.js';
import type { Matcher, Ruling } from './grammar-engine.js';
import {
  checkGenerateOptions,
  checkReadOptions,
  checkSaveOptions,
  checkScoreOptions,
  checkTokens,
  type GenerateOptions,
  type ReadOptions,
  type SaveOptions,
  type ScoreOptions,
} from './options.js';
import { Queue } from './queue.js';
import { optionsOf } from './rules.js';
import { type Score, scoreOf } from './score.js';
import { textsOf } from './steps.js';
import { vocabularyOf } from './vocabulary.js';

// Sessions that nobody has any more and nobody has disposed: their states are given back when the engine collects them.
const forgotten = new FinalizationRegistry<() => void>((giveBack) => giveBack());

type CheckedOptions = ReturnType<typeof checkGenerateOptions>;

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
  readonly #ruling: Ruling | undefined;
  readonly #queue = new Queue();
  #calls = 0;
  readonly #end = new AbortController();
  readonly #conversation: Conversation;

  /** @internal Made by `model.createSession`. */
  constructor(
    client: Client,
    id: number,
    info: ModelInfo,
    ruling: Ruling | undefined,
    messages?: readonly ChatMessage[],
  ) {
    this.#client = client;
    this.#id = id;
    this.#info = info;
    this.#ruling = ruling;
    this.#conversation = new Conversation(messages);
    bindMembers(this);
    forgotten.register(this, () => client.call('disposeSession', { session: id }).catch(() => {}), this);
  }

  /**
   * Reads `prompt`, then generates text, piece by piece as it comes. Pieces are never empty and hold whole characters.
   * The text ends after `maxTokens`, before a `stop` text or where the model ends it. Leaving the loop stops generating:
   * nothing is generated that was not delivered. `result` of what is returned tells why and how fast.
   *
   * An empty prompt goes on where the session stands; on a fresh session it starts a text.
   *
   * @param prompt - text or token ids (0 to V - 1)
   * @throws RwkvError out of the loop: `invalid-argument`, `no-tokenizer`, `unsupported`, `grammar-failed`, `disposed`, `worker-crashed`,
   * `device-failed`; the reason of `signal` when it aborts: what was delivered then counts, and of the prompt all of it, unless `keepPartial` is `false`.
   */
  complete(prompt: string | ArrayLike<number>, options: GenerateOptions = {}): Completion {
    const { steps, result } = this.#generating(prompt, options, 'text');
    return new Completion(piecesOf(steps), result);
  }

  /**
   * Adds messages to the conversation and generates the assistant's reply, as `complete` does. It goes on where the session
   * stands: a fresh session takes the whole conversation, later calls what is added to it (`model.chat` takes all of it each time).
   * The reply comes without the blank
   * before it, and with `<think>` in front where the model was told to think (see `splitThinking`). It is all written in the
   * model's template, unless the option `template` says otherwise.
   *
   * Afterwards the session stands exactly behind the reply that was delivered, whatever ended it. The template's stop texts end the
   * reply besides those of the option `stop`, but not with `grammar` or `jsonSchema`, which end it themselves and rule what comes
   * behind a thought. They are looked for in what is shown: blank lines before it do not end it.
   *
   * @throws RwkvError out of the loop, as `complete`; `invalid-argument` names the message
   */
  chat(messages: readonly ChatMessage[], options: ChatOptions = {}): Completion {
    const { steps, result } = generating(() => {
      const { template = chatTemplateFor(this.#info), think } = optionsOf(options);
      const checked = this.#check(options, 'chat', ['template', 'think']);
      const chat = render(messages, { template, think }, checked.structure !== undefined);
      this.#conversation.warnOfRepetition(messages);
      const stop = [...checked.stop, ...chat.stops];
      const reply = viewBehind(chat.opening);
      const lead = chat.isThinking ? 'thought' : 'blank';
      const call = this.#callOf(
        { ...checked, stop },
        this.#checkPrompt(chat.prompt),
        turnBorder,
        lead,
        messages,
      );
      return { ...call, reply };
    });
    return new Completion(piecesOf(steps), result);
  }

  /**
   * The conversation that `chat` has led here: what it was given and the replies that were delivered, thoughts too. `rewind` and
   * `reset` take of it as they do of the text, `fork` copies it. A session that was made of a saved one begins with none.
   */
  get messages(): readonly ChatMessage[] {
    return this.#conversation.messages;
  }

  /** As `complete`, as a stream of the web: cancelling it stops generating. */
  stream(prompt: string | ArrayLike<number>, options: GenerateOptions = {}): ReadableStream<string> {
    const pieces = this.complete(prompt, options);
    return new ReadableStream<string>(
      {
        async pull(controller) {
          const { done, value } = await pieces.next();
          if (done) controller.close();
          else controller.enqueue(value);
        },
        async cancel() {
          await pieces.return();
        },
      },
      { highWaterMark: 0 },
    );
  }

  /**
   * As `complete`, token by token and also without a tokenizer. `text` is what the token adds to the text: whole
   * characters, empty while one is unfinished, while it may become a `stop` text, or where there is no tokenizer. Token 0
   * ends the text and is not delivered, but where it brings text that was held back. `result` settles when the loop has
   * ended.
   */
  generate(
    prompt: string | ArrayLike<number>,
    options: GenerateOptions = {},
  ): AsyncGenerator<Step, void, undefined> & {
    /** What it came to, when the loop has ended. */
    readonly result: Completion['result'];
  } {
    const { steps, result } = this.#generating(prompt, options, undefined);
    return Object.assign(steps, { result });
  }

  /**
   * Reads text or token ids (0 to V - 1) without generating. Reading a text in pieces that end where tokens end is
   * the same as reading it whole. Answers how many tokens that were.
   *
   * @throws RwkvError `invalid-argument`, `no-tokenizer`, `disposed`, `worker-crashed`, `device-failed`; the reason of `signal` when it
   * aborts: what is not read yet is read by the next call.
   */
  async append(textOrTokens: string | ArrayLike<number>, options: ReadOptions = {}): Promise<PromptUsage> {
    const reading = checkReadOptions(options);
    const prompt = this.#checkPrompt(textOrTokens);
    const read = () => this.#call('append', { session: this.#id, prompt }, reading);
    const { tokens, cached } = await this.#inTurn(reading.signal, () => this.#reading(read, reading.signal));
    return { promptTokens: tokens, cachedTokens: cached };
  }

  /**
   * The logits of the next token: V numbers, a copy.
   *
   * @throws RwkvError `invalid-argument` when the session has not read anything yet; `disposed`, `worker-crashed`, `device-failed`.
   */
  async logits(options: ReadOptions = {}): Promise<Float32Array> {
    const reading = checkReadOptions(options);
    return this.#inTurn(reading.signal, () => this.#call('logits', { session: this.#id }, reading));
  }

  /**
   * How likely a text is to the model, behind an end of text or what the option `after` says, from the state that the session started
   * from: a tuned one, where `createSession` was given such, and the model's own otherwise. The session is not touched and waits for
   * nobody.
   *
   * @param text - text or token ids (0 to V - 1), which are scored as they are
   * @throws RwkvError `invalid-argument`, `no-tokenizer`, `bad-vocabulary`, `disposed`, `worker-crashed`, `device-failed`; the reason of
   * `signal`
   */
  async score(text: string | ArrayLike<number>, options: ScoreOptions = {}): Promise<Score> {
    const { after, topLogprobs, ...reading } = checkScoreOptions(options);
    requireTokenizer(this.#info, 'score');
    const [before, prompt] = [this.#checkPrompt(after, 'option after'), this.#checkPrompt(text, 'text')];
    const reply = await this.#client.call(
      'score',
      { session: this.#id, before, prompt, topLogprobs: topLogprobs ?? 0 },
      reading,
    );
    const bytes = typeof text === 'string' ? new TextEncoder().encode(text).length : undefined;
    return scoreOf(reply, await vocabularyOf(this.#client), topLogprobs !== undefined, bytes);
  }

  /**
   * A session that goes on from here by itself: the state, chance and all else is copied, in a millisecond or so.
   *
   * @throws RwkvError `disposed`, `worker-crashed`, `device-failed`
   */
  async fork(): Promise<Session> {
    const id = await this.#inTurn(undefined, () => this.#call('fork', { session: this.#id }));
    return new Session(this.#client, id, this.#info, this.#ruling, this.messages);
  }

  /**
   * All that goes on from here, as bytes to keep: `model.createSession({ state: bytes })` goes on letter for letter, in this
   * model and quantization, also in another page or process.
   *
   * @throws RwkvError `invalid-argument`, `disposed`, `worker-crashed`, `device-failed`
   */
  async save(options: SaveOptions = {}): Promise<Uint8Array<ArrayBuffer>> {
    const { asHalves } = checkSaveOptions(options);
    return this.#inTurn(undefined, () => this.#call('save', { session: this.#id, asHalves }));
  }

  /**
   * Forgets all that was read and generated: as a fresh session, but for chance, which goes on.
   *
   * @throws RwkvError `disposed`, `worker-crashed`, `device-failed`
   */
  async reset(): Promise<void> {
    await this.#inTurn(undefined, async () => {
      await this.#call('reset', { session: this.#id });
      this.#conversation.reset();
    });
  }

  /**
   * Goes back to before the last `append`, `complete`, `generate` or `stream`, once: chance too.
   *
   * @throws RwkvError `invalid-argument` where there is no such call; `disposed`, `worker-crashed`, `device-failed`
   */
  async rewind(): Promise<void> {
    const went = await this.#inTurn(undefined, () => this.#rewind(null));
    if (!went) throw new RwkvError('invalid-argument', 'rewind: there is no call to go back before');
  }

  /** Gives the state back. Calls under way reject with `disposed`. Disposing twice does nothing. */
  async dispose(): Promise<void> {
    const { end } = this.#client;
    if (this.#end.signal.aborted || end.aborted) return;
    this.#end.abort(new RwkvError('disposed', 'the session was disposed'));
    forgotten.unregister(this);
    await this.#client.call('disposeSession', { session: this.#id }).catch((error) => {
      if (!end.aborted) throw error; // else the worker took it along
    });
  }

  // Calls and, when that fails as by an abort, stops the worker's reading before anything else of this session can follow.
  async #call<K extends SessionOp>(op: K, body: Request<K>, options: CallOptions = {}): Promise<Reply<K>> {
    try {
      return await this.#client.call(op, body, options);
    } catch (error) {
      if (!this.#end.signal.aborted) this.#client.call('pause', { session: this.#id }).catch(() => {});
      throw error;
    }
  }

  // A prompt that was not refused belongs to the text, also where the reading was cut short.
  async #reading<T>(
    read: () => Promise<T>,
    signal: AbortSignal | undefined,
    messages?: readonly ChatMessage[],
  ): Promise<T> {
    try {
      const reply = await read();
      this.#conversation.read(messages);
      return reply;
    } catch (error) {
      if (signal?.aborted) this.#conversation.read(messages);
      throw error;
    }
  }

  // Back to before the call of this number, or the last.
  async #rewind(call: number | null): Promise<boolean> {
    const went = await this.#call('rewind', { session: this.#id, call });
    if (went) this.#conversation.rewind();
    return went;
  }

  // Who waits behind a loop that nobody goes on with hears at least of the end.
  #enter(signal: AbortSignal | undefined): Promise<() => void> {
    return this.#queue.enter(signal, this.#end.signal, this.#client.end);
  }

  async #inTurn<T>(signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
    const leave = await this.#enter(signal);
    try {
      return await work();
    } finally {
      leave();
    }
  }

  // Options and prompt are checked when the first step is asked for: out of the loop, as everything else is thrown.
  #generating(prompt: string | ArrayLike<number>, options: GenerateOptions, needs: string | undefined) {
    return generating(() => {
      const call = this.#callOf(this.#check(options, needs), this.#checkPrompt(prompt), '');
      return { ...call, echo: call.echo && needs === 'text' }; // an echo is text
    });
  }

  #check(options: GenerateOptions, needs: string | undefined, others: readonly string[] = []) {
    if (needs !== undefined) requireTokenizer(this.#info, needs);
    const checked = checkGenerateOptions(options, this.#info.vocabulary, others);
    if (checked.stop.length > 0) requireTokenizer(this.#info, 'option stop');
    if (checked.structure) requireTokenizer(this.#info, `option ${checked.structure.option}`);
    return checked;
  }

  // `border` divides the prompt from what the session has read before; `messages` are what a chat's says.
  #callOf(
    checked: CheckedOptions,
    prompt: Prompt,
    border: string,
    lead: Lead = 'nothing',
    messages?: readonly ChatMessage[],
  ): Call {
    const session = this.#id;
    const call = ++this.#calls;
    const { signal, onRead, structure } = checked;
    return {
      ...checked,
      prompt,
      reply: undefined,
      enter: () => this.#enter(signal),
      match: async () => structure && this.#match(structure, lead, checked.drawing, signal),
      begin: (prompt, drawing) => {
        const begin = () =>
          this.#call('begin', { session, call, prompt, border, drawing }, { signal, onRead });
        return this.#reading(begin, signal, messages);
      },
      // Not cut short by the signal: a token that was drawn is in the session's text, so it is delivered.
      next: (allowed, isDelivered) => this.#call('next', { session, allowed, isDelivered }),
      takenBack: () => this.#conversation.rewind(),
      replied: (text) => this.#conversation.replied(text),
      goBack: (text) => this.#call('goBack', { session, text }),
      rewind: () => this.#rewind(call),
      textOf: (tokens) => this.#client.call('detokenize', { tokens }),
    };
  }

  async #match(
    structure: Structure,
    lead: Lead,
    { biasedTokens, biases }: Drawing,
    signal: AbortSignal | undefined,
  ): Promise<Matcher> {
    if (!this.#ruling) throw withoutEngine(structure);
    const { engine, workerUrl } = this.#ruling;
    const ends = [signal, this.#end.signal, this.#client.end];
    const { vocabulary: size, tokenizer } = this.#info;
    const areLongest = tokenizer !== 'huggingface';
    const banned = [...biasedTokens].filter((_, i) => biases[i] === -Infinity);
    return engine.start({ model: this.#client, size, areLongest, workerUrl, structure, lead, banned, ends });
  }

  #checkPrompt(prompt: string | ArrayLike<number>, name = 'prompt'): Prompt {
    this.#end.signal.throwIfAborted();
    if (typeof prompt !== 'string') return checkTokens(name, prompt, this.#info.vocabulary);
    if (prompt !== '') requireTokenizer(this.#info, 'a text prompt');
    return wellFormed(prompt); // it may come back as an echo
  }

  static {
    if (Symbol.asyncDispose) Session.prototype[Symbol.asyncDispose] = Session.prototype.dispose;
  }
}

const piecesOf = (steps: AsyncGenerator<Step, void, undefined>) => textsOf(steps, ({ text }) => text);

function withoutEngine({ option }: Structure): RwkvError {
  const door = JSON.stringify('rwkv-wasm/grammar');
  return new RwkvError(
    'unsupported',
    `option ${option}: grammars, schemas and calls of tools need the grammar engine, which the model was loaded without: ` +
      `import { grammar } from ${door} and load the model with it: RWKV.load(source, { grammar })`,
  );
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

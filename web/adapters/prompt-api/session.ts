// A session of the Prompt API on sessions of the package. Each call works on a fork and replaces the session when it has
// come to its end: a call that is aborted or fails leaves no trace.

import { beginsThought, ReplyReader } from '../../page/chat/reply.js';
import type { Transcript } from '../../page/chat/transcript.js';
import type { FinishReason } from '../../page/completion.js';
import { randomSeed } from '../../page/options.js';
import { Queue } from '../../page/queue.js';
import type { Session } from '../../page/session.js';
import { bindMembers } from '../../shared/bind.js';
import { RwkvError } from '../../shared/errors.js';
import { replying } from '../shared/replying.js';
import { link } from '../shared/signals.js';
import { exception, toException } from './errors.js';
import { type CheckedPrompt, checkPrompt } from './messages.js';
import { type Constraint, checkConstraint, checkSignal, type Sampling, unfinished } from './options.js';
import type {
  LanguageModelPrompt,
  LanguageModelPromptOptions,
  LanguageModelSamplingMode,
  LanguageModelSession,
  LanguageModelSignalOptions,
} from './types.js';

/** What sessions of one `create` have in common. */
export interface SessionSetup {
  readonly transcript: Transcript;
  readonly sampling: Sampling;
  /** `undefined`: chance is different in each session. */
  readonly seed: number | undefined;
  readonly countTokens: (text: string) => Promise<number>;
  /** Hears of errors of the model. */
  readonly failed: (error: unknown) => void;
}

/** Where a session stands. */
export interface Standing {
  readonly session: Session;
  /** Text behind what the session has read: the last reply. */
  readonly unread: string;
  /** Tokens that were read, and those of the last reply. */
  readonly readTokens: number;
  readonly replyTokens: number;
  readonly replies: number;
}

export class PromptApiSession extends EventTarget implements LanguageModelSession {
  oncontextoverflow: ((event: Event) => void) | null = null;
  onquotaoverflow: ((event: Event) => void) | null = null;
  readonly contextWindow = Infinity;
  readonly inputQuota = Infinity;

  readonly #setup: SessionSetup;
  readonly #seed: number;
  readonly #queue = new Queue();
  readonly #end = new AbortController();
  #standing: Standing;

  constructor(setup: SessionSetup, standing: Standing) {
    super();
    this.#setup = setup;
    this.#seed = setup.seed ?? randomSeed();
    this.#standing = standing;
    bindMembers(this);
  }

  get topK(): number {
    return this.#setup.sampling.topK;
  }
  get temperature(): number {
    return this.#setup.sampling.temperature;
  }
  get samplingMode(): LanguageModelSamplingMode | null {
    return this.#setup.sampling.samplingMode;
  }
  get contextUsage(): number {
    return this.#standing.readTokens + this.#standing.replyTokens;
  }
  get inputUsage(): number {
    return this.contextUsage;
  }

  async prompt(input: LanguageModelPrompt, options: LanguageModelPromptOptions = {}): Promise<string> {
    const pieces: string[] = [];
    await this.#reply(input, options, undefined, (piece) => pieces.push(piece));
    return pieces.join('');
  }

  promptStreaming(
    input: LanguageModelPrompt,
    options: LanguageModelPromptOptions = {},
  ): ReadableStream<string> {
    const cancelled = new AbortController();
    return new ReadableStream<string>({
      start: (controller) => {
        this.#reply(input, options, cancelled.signal, (piece) => controller.enqueue(piece)).then(
          () => controller.close(),
          (error) => {
            if (!cancelled.signal.aborted) controller.error(error);
          },
        );
      },
      cancel: (reason) => cancelled.abort(reason),
    });
  }

  async append(input: LanguageModelPrompt, options: LanguageModelSignalOptions = {}): Promise<undefined> {
    const { turns, prefix } = checkPrompt(input);
    const all = prefix === undefined ? turns : [...turns, { role: 'assistant' as const, content: prefix }];
    await this.#inTurn([checkSignal(options)], async (signal) => {
      const work = await this.#standing.session.fork();
      try {
        this.#stand(work, await this.#read(work, { turns: all, prefix: undefined }, signal), signal);
      } finally {
        if (work !== this.#standing.session) giveBack(work);
      }
    });
  }

  async measureContextUsage(
    input: LanguageModelPrompt,
    options: LanguageModelPromptOptions = {},
  ): Promise<number> {
    const constraint = checkConstraint(options);
    const { turns, prefix } = checkPrompt(input);
    const { transcript, countTokens } = this.#setup;
    const text = transcript.closed(turns) + transcript.begun(prefix, constraint !== undefined);
    return this.#guarded([checkSignal(options)], async () => (text === '' ? 0 : countTokens(text)));
  }

  measureInputUsage(input: LanguageModelPrompt, options: LanguageModelPromptOptions = {}): Promise<number> {
    return this.measureContextUsage(input, options);
  }

  async clone(options: LanguageModelSignalOptions = {}): Promise<PromptApiSession> {
    return this.#inTurn([checkSignal(options)], async (signal) => {
      const session = await this.#standing.session.fork();
      if (signal.aborted) giveBack(session);
      signal.throwIfAborted();
      return new PromptApiSession(this.#setup, { ...this.#standing, session });
    });
  }

  destroy(): undefined {
    this.endWith(exception('AbortError', 'the session was destroyed'));
  }

  /** @internal As `destroy`; calls under way reject with the reason. */
  endWith(reason: unknown): void {
    if (this.#end.signal.aborted) return;
    this.#end.abort(reason);
    giveBack(this.#standing.session);
  }

  async #reply(
    input: LanguageModelPrompt,
    options: LanguageModelPromptOptions,
    cancelled: AbortSignal | undefined,
    deliver: (piece: string) => void,
  ): Promise<void> {
    const prompt = checkPrompt(input);
    const constraint = checkConstraint(options);
    await this.#inTurn([checkSignal(options), cancelled], async (signal) => {
      const forks: Session[] = [];
      const forkOf = async (session: Session): Promise<Session> => {
        const fork = await session.fork();
        forks.push(fork);
        return fork;
      };
      try {
        const work = await forkOf(this.#standing.session);
        const read = await this.#read(work, prompt, signal);
        const history = await forkOf(work);
        const { text, tokens, isWhole } = await this.#generate(work, prompt, constraint, signal, deliver);
        const ended = { ...read, replyTokens: tokens, replies: read.replies + 1 };
        // Plain text that was cut off goes on where it stands; else the session stands behind what was delivered.
        if (isWhole) this.#stand(history, { ...ended, unread: text }, signal);
        else this.#stand(work, ended, signal);
      } finally {
        for (const fork of forks) if (fork !== this.#standing.session) giveBack(fork);
      }
    });
  }

  async #generate(
    work: Session,
    { prefix }: CheckedPrompt,
    constraint: Constraint | undefined,
    signal: AbortSignal,
    deliver: (piece: string) => void,
  ) {
    const { transcript, sampling } = this.#setup;
    const begun = transcript.begun(prefix, constraint !== undefined);
    const { stop = [] } = sampling.options;
    const stops = constraint ? [] : transcript.stops; // a reply that is ruled ends by its rules
    const options = {
      ...sampling.options,
      ...constraint?.options,
      stop: [...stops, ...(typeof stop === 'string' ? [stop] : stop)],
      seed: (this.#seed + this.#standing.replies) % 2 ** 53,
      signal,
    };
    const isThinking = transcript.template === 'g1' && beginsThought(begun);
    const reader = new ReplyReader(begun, constraint && !isThinking ? 'none' : transcript.template);
    let reply = '';
    const hear = (answer: string) => {
      reply += answer;
      if (answer !== '') deliver(answer);
    };
    const { promptTokens } = await work.append(begun, { signal });
    const plan = { options, tools: undefined, isThinking, blank: '' };
    let [finishReason, tokens]: [FinishReason, number] = ['aborted', promptTokens];
    try {
      for await (const piece of replying(work, plan)) {
        if (piece.kind === 'text') hear(reader.push(piece.step.text).answer);
        if (piece.kind === 'end') [finishReason, tokens] = [piece.reason, promptTokens + piece.tokens];
      }
    } catch (error) {
      const isOfConstraint =
        error instanceof RwkvError &&
        error.code !== 'grammar-failed' &&
        /^option (jsonSchema|grammar)\b/.test(error.message);
      if (!constraint || !isOfConstraint) throw error;
      throw exception('NotSupportedError', `the responseConstraint cannot be kept: ${error.message}`, error);
    }
    hear(reader.rest().answer);
    if (constraint && !constraint.isKeptBy(reply)) throw unfinished(finishReason);
    const isWhole = !(transcript.isPlain && finishReason === 'length');
    return { text: transcript.replied(prefix ?? '', reply), tokens, isWhole };
  }

  /** Reads what is not read yet and the turns of a prompt. Tells where the session then stands. */
  async #read(
    work: Session,
    { turns }: CheckedPrompt,
    signal: AbortSignal,
  ): Promise<Omit<Standing, 'session'>> {
    const { unread, readTokens, replies } = this.#standing;
    if (turns[0]?.role === 'system' && this.contextUsage > 0)
      throw new TypeError('message 0: a system text can only be the first of a session');
    const text = unread + this.#setup.transcript.closed(turns);
    const tokens = await readText(work, text, signal);
    return { unread: '', readTokens: readTokens + tokens, replyTokens: 0, replies };
  }

  #stand(session: Session, standing: Omit<Standing, 'session'>, signal: AbortSignal): void {
    signal.throwIfAborted();
    const before = this.#standing.session;
    this.#standing = { ...standing, session };
    giveBack(before);
  }

  #inTurn<T>(
    signals: readonly (AbortSignal | undefined)[],
    work: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    return this.#guarded(signals, async (signal) => {
      const leave = await this.#queue.enter(signal);
      try {
        return await work(signal);
      } finally {
        leave();
      }
    });
  }

  async #guarded<T>(
    signals: readonly (AbortSignal | undefined)[],
    work: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    if (this.#end.signal.aborted) throw exception('InvalidStateError', 'the session was destroyed');
    const { signal, release } = link(...signals, this.#end.signal);
    try {
      signal.throwIfAborted();
      return await work(signal);
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      this.#setup.failed(error);
      throw toException(error);
    } finally {
      release();
    }
  }
}

function giveBack(session: Session): void {
  session.dispose().catch(() => {}); // a worker that has died took it along
}

/** Reads a text; gives how many tokens that were. */
export async function readText(session: Session, text: string, signal: AbortSignal): Promise<number> {
  if (text === '') return 0;
  const { result } = session.complete(text, { maxTokens: 0, signal });
  const { usage } = await result;
  signal.throwIfAborted(); // a result tells of an abort instead of throwing it
  return usage.promptTokens;
}

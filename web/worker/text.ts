// One text in the worker: what a Session of the caller's half stands for.
import { RwkvError } from '../shared/errors.js';
import type { Allowed, Drawing, Forced, Prompt, ReadCounts } from '../shared/protocol.js';
import type { ReadProgress, Step } from '../shared/types.js';
import type { Computed, Computer, Reading } from './computer.js';
import { Lookup } from './lookup.js';
import { type Result, seedWords, unwrap, type WasmSession } from './module.js';
import { leastKept, mostKept, type PrefixCache } from './prefix-cache.js';
import { Trail } from './trail.js';
import { type Turns, wholeChunk } from './turns.js';

/** A model that is ready. */
export interface Loaded extends Omit<Computed, 'makeComputer'> {
  readonly computer: Computer;
  readonly turns: Turns<WasmSession>;
  readonly prefixes: PrefixCache<WasmSession>;
  /** V. */
  readonly vocabulary: number;
  /** Of a text that comes behind another, or of a whole one. Throws RwkvError `bad-vocabulary` where a part of it has no token. */
  encode(text: string, isContinued: boolean): Int32Array;
  /** A whole text. */
  decode(tokens: Int32Array): string;
}

/** The text as it was before a call: then it had read the first `length` of `tokens`. */
interface Past {
  /** A copy; where nothing had been read a reset leads back, and only where chance stood is kept. */
  readonly session: WasmSession | bigint;
  readonly tokens: number[] | undefined;
  readonly length: number;
  /** The number of a `begin`; `null`: it was an `append`. */
  readonly call: number | null;
}

/** Hears how the reading of a prompt gets on. */
type Report = (progress: ReadProgress) => void;

/** The ids of a prompt. */
export function tokensOf(prompt: Prompt, { encode }: Loaded, isContinued: boolean): Int32Array {
  return typeof prompt === 'string' ? encode(prompt, isContinued) : prompt;
}

/**
 * A recurrent state with all that goes on from it: the tokens behind it, the state before the last call (rewind) and, while
 * a text may go back a little, the trail of how it grew. Its methods are the operations of the protocol; they must not
 * overlap, but `pause` and `dispose`.
 */
export class Text {
  readonly #loaded: Loaded;
  #session: WasmSession;
  /** Whether a reset leads to the model's own fresh state, not to one that was given. */
  readonly #isOwnStart: boolean;
  /** All that was read or will be read, from a fresh state; absent where that is unknown, or too long to keep. */
  #tokens: number[] | undefined;
  #past: Past | undefined;
  #trail: Trail | undefined;
  #lookup: Lookup;
  /** Of the call under way: whether tokens are read before they are drawn, and what is forced before it is known how likely it was. */
  #readsAhead = false;
  #isBlind = false;

  constructor(loaded: Loaded, session: WasmSession, isOwnStart: boolean) {
    this.#loaded = loaded;
    this.#session = session;
    this.#isOwnStart = isOwnStart;
    this.#tokens = isOwnStart ? [] : undefined;
    this.#lookup = new Lookup(loaded.vocabulary);
  }

  async append(prompt: Prompt, report: Report): Promise<ReadCounts> {
    const tokens = tokensOf(prompt, this.#loaded, this.#isUsed);
    return tokens.length > 0 ? this.#read(tokens, null, report) : { tokens: 0, cached: 0 };
  }

  async begin(
    call: number,
    prompt: Prompt,
    border: string,
    drawing: Drawing,
    report: Report,
  ): Promise<ReadCounts> {
    const isUsed = this.#isUsed;
    const text = isUsed && typeof prompt === 'string' ? border + prompt : prompt;
    const tokens = tokensOf(text, this.#loaded, isUsed);
    const { sampling, biasedTokens, biases, topLogprobs, readAhead, seed } = drawing;
    this.#readsAhead = readAhead;
    this.#isBlind = readAhead && topLogprobs < 0;
    const session = this.#session;
    this.#loaded.prefixes.makeRoom(() => session.configure(sampling, biasedTokens, biases, topLogprobs));
    const counts = this.#read(tokens, call, report);
    if (seed !== undefined) this.#session.reseed(...seedWords(seed));
    return counts;
  }

  async next(allowed: Allowed | Forced | null, isDelivered: boolean | null): Promise<Step> {
    const session = this.#session;
    const { model, turns, prefixes } = this.#loaded;
    const forced = allowed && 'token' in allowed ? allowed : undefined;
    const choice = allowed && 'token' in allowed ? allowed.token : allowed;
    const isBlind = forced !== undefined && this.#isBlind;
    if (!isBlind) await turns.ready(session);
    if (isDelivered !== null) this.#trail ??= new Trail(model, prefixes, session);
    if (isDelivered) this.#trail?.pass(session);
    const step = this.#orBack(() => session.sample(choice));
    this.#trail?.add(step);
    if (step.token !== 0) this.#lengthen([step.token]);
    if (isBlind && forced.rest.length > 0) return step; // it is read with what comes behind it
    if (this.#readsAhead && session.pending() > 0) this.#guess(forced?.rest);
    turns.start(session);
    return step;
  }

  // What comes behind the pending tokens; `known`: what is forced there.
  #guess(known: readonly number[] = []): void {
    const { turns } = this.#loaded;
    const cost = turns.guessCost(this.#session);
    const guesses = known.length > 0 ? known.slice(0, cost.most) : this.#lookup.guesses(cost);
    if (guesses.length === 0 || this.#session.pending() + guesses.length > wholeChunk) return;
    const start = performance.now();
    this.#session.guess(Int32Array.from(guesses));
    turns.guessed(this.#session, guesses.length, performance.now() - start);
  }

  /** Back to where the text since `begin` was `text`. */
  goBack(text: string): void {
    const { turns, encode } = this.#loaded;
    const past = this.#trail?.back(this.#session, text, encode) ?? null;
    if (past === null) {
      this.#leaveTrail();
      return;
    }
    this.#replace(past);
    this.#tokens = undefined;
    this.#trail = undefined; // its copy is the session now
    turns.start(past);
  }

  /** Back to before the last `append` or `begin`; `false`: there is none, or another than `call`. */
  rewind(call: number | null): boolean {
    const past = this.#past;
    if (!past || (call !== null && call !== past.call)) return false;
    this.#leaveTrail();
    this.#return(past);
    if (past.tokens) past.tokens.length = past.length;
    this.#tokens = past.tokens;
    this.#past = undefined;
    return true;
  }

  /** Back to before the first token. */
  reset(): void {
    this.#loaded.turns.stop(this.#session);
    this.#session.reset();
    this.#tokens = this.#isOwnStart ? [] : undefined;
    this.#forget();
  }

  fork(): Text {
    const copy = new Text(this.#loaded, this.#copy(), this.#isOwnStart);
    copy.#tokens = this.#tokens?.slice();
    copy.#lookup = this.#lookup.fork();
    return copy;
  }

  async save(asHalves: boolean): Promise<Uint8Array<ArrayBuffer>> {
    const { computer, prefixes, turns } = this.#loaded;
    // While it comes home, a pass may take it on.
    for (let coming = computer.bringHome(this.#session); coming; coming = computer.bringHome(this.#session)) {
      await coming;
      while (turns.underWay) await turns.underWay;
    }
    return prefixes.makeRoom(() => this.#session.save(asHalves));
  }

  /** A text by itself, read from where this one began. */
  score(tokens: Int32Array, top: number): Reading {
    return this.#loaded.computer.score(this.#session, tokens, top);
  }

  async logits(): Promise<Float32Array> {
    const session = this.#session;
    await this.#loaded.turns.ready(session);
    const logits = unwrap(session.logits());
    if (logits) return logits;
    throw new RwkvError(
      'invalid-argument',
      'logits: the session has not read anything yet; append a prompt first',
    );
  }

  pause(): void {
    this.#loaded.turns.stop(this.#session);
  }

  /** Calls under way reject with `disposed`. */
  dispose(): void {
    const { turns, prefixes } = this.#loaded;
    const [session, tokens] = [this.#session, this.#tokens];
    turns.stop(session, new RwkvError('disposed', 'the session was disposed'));
    this.#forget();
    const leave = async () => {
      await turns.underWay;
      session.forgetGuesses();
      if (tokens && prefixes.keeps(tokens.length) && session.pending() <= wholeChunk) {
        await turns.ready(session);
        if (prefixes.add(tokens, () => ({ value: session }))) return; // it may be the beginning of another prompt
      }
      session.delete();
    };
    void leave();
  }

  get #isUsed(): boolean {
    return !this.#session.isFresh();
  }

  // Where numbers are not finite nothing sensible can follow: the text is as it was before the call.
  #orBack<T>(attempt: () => Result<T>): T {
    try {
      return this.#loaded.prefixes.makeRoom(attempt);
    } catch (error) {
      if (error instanceof RwkvError && error.code === 'bad-model') this.rewind(null);
      throw error;
    }
  }

  #copy(): WasmSession {
    return this.#loaded.prefixes.makeRoom(() => this.#session.fork());
  }

  // A fresh session goes on from what another has read of the same prompt.
  async #read(prompt: Int32Array, call: number | null, report: Report): Promise<ReadCounts> {
    const session = this.#session;
    const { turns, prefixes } = this.#loaded;
    const tokens = this.#tokens;
    const before = session.isFresh() ? session.chance() : this.#copy();
    const past = { session: before, tokens, length: tokens?.length ?? 0, call };
    const isFresh = tokens?.length === 0;
    const kept = isFresh ? prefixes.find(prompt) : undefined;
    if (kept) session.adopt(kept.session);
    const cached = kept?.tokens.length ?? 0;
    session.forgetGuesses();
    const queued = session.pending();
    try {
      prefixes.makeRoom(() => session.prompt(prompt.subarray(cached)));
    } catch (error) {
      this.#return(past);
      throw error;
    }
    this.#forget();
    this.#past = past;

    const unread = session.pending() - queued;
    const longer = this.#lengthen(isFresh && prompt.length === 0 ? [0] : prompt);
    if (longer && isFresh) {
      const shared = prefixes.shared(longer);
      const left = longer.length - shared;
      if (shared > cached && left > 0)
        turns.mark(session, left, () => prefixes.add(longer.slice(0, shared), () => session.fork()));
    }
    const total = unread + cached;
    try {
      const read = () => total - Math.min(session.pending(), unread);
      await turns.ready(session, () => report({ tokens: read(), total }));
      prefixes.makeRoom(() => session.check());
    } catch (error) {
      await turns.underWay;
      this.rewind(null); // as it was, unless it is gone
      throw error;
    }
    report({ tokens: total, total });
    if (longer && unread >= leastKept) prefixes.add(longer, () => session.fork());
    return { tokens: total, cached };
  }

  // In place: this is done for every token.
  #lengthen(tokens: ArrayLike<number>): readonly number[] | undefined {
    for (let i = Math.max(0, tokens.length - mostKept); i < tokens.length; i++)
      this.#lookup.add(tokens[i] ?? 0);
    const all = this.#tokens;
    if (!all) return undefined;
    if (all.length + tokens.length > mostKept) {
      this.#tokens = undefined;
      return undefined;
    }
    for (let i = 0; i < tokens.length; i++) all.push(tokens[i] ?? 0);
    return all;
  }

  #replace(session: WasmSession): void {
    this.#loaded.turns.stop(this.#session);
    this.#session.delete();
    this.#session = session;
  }

  #return({ session }: Past): void {
    if (typeof session !== 'bigint') {
      this.#replace(session);
      return;
    }
    this.#loaded.turns.stop(this.#session);
    this.#session.reset();
    this.#session.goOnAt(session);
  }

  #leaveTrail(): void {
    this.#trail?.delete();
    this.#trail = undefined;
  }

  // There is no way back any more.
  #forget(): void {
    this.#leaveTrail();
    if (this.#past && typeof this.#past.session !== 'bigint') this.#past.session.delete();
    this.#past = undefined;
  }
}

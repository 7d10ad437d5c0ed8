// Constrained decoding (structured output), the caller's half: matchers that live in the grammar engine's worker, and in the next one
// where that ends.
import { onAbort } from '../../shared/aborts.js';
import { bindMembers } from '../../shared/bind.js';
import { RwkvError } from '../../shared/errors.js';
import type { Allowed, Forced, Rule } from '../../shared/protocol.js';
import type { GrammarEngine, Matcher, RuledText } from '../grammar-engine.js';
import { Queue } from '../queue.js';
import { Life, type SpawnEngine, usual } from './life.js';

/** How often a text is taken up by a new worker because of others. */
const mostTries = 3;

/** The engine of a host: one worker at a time, started by the first text and ended with the last model. */
export class Engine implements GrammarEngine {
  readonly #spawn: SpawnEngine;
  readonly #limits: typeof usual;
  readonly #compiling = new Queue();
  #life: Life | undefined;

  constructor(spawn: SpawnEngine, limits = usual) {
    this.#spawn = spawn;
    this.#limits = limits;
    bindMembers(this);
  }

  async start(text: RuledText): Promise<Matcher> {
    const matcher = new EngineMatcher(this, text);
    try {
      await matcher.begin();
      return matcher;
    } catch (error) {
      matcher.dispose();
      throw error;
    }
  }

  /** Compiles, one at a time: a time limit is of one alone. */
  async compile(text: RuledText, accepted: readonly number[], signal: AbortSignal) {
    const leave = await this.#compiling.enter(signal);
    try {
      if (this.#life?.isFull && accepted.length === 0) this.#life.end(); // texts under way go on in the next
      if (!this.#life || this.#life.hasEnded)
        this.#life = new Life(this.#spawn, text.workerUrl, this.#limits);
      const life = this.#life;
      return { life, ...(await life.startMatcher(text, accepted, signal)) };
    } finally {
      leave();
    }
  }
}

class EngineMatcher implements Matcher {
  readonly #engine: Engine;
  readonly #text: RuledText;
  readonly #accepted: number[] = [];
  readonly #end = new AbortController();
  readonly #unhear: (() => void)[];
  #forced: readonly number[] = [];
  #allowed: Allowed = new Int32Array(); // behind what is forced
  #place: { readonly life: Life; readonly matcher: number } | undefined;

  constructor(engine: Engine, text: RuledText) {
    this.#engine = engine;
    this.#text = text;
    this.#unhear = text.ends.map((end) => onAbort(end, () => this.#end.abort(end?.reason)));
    for (const end of text.ends) if (end?.aborted) this.#end.abort(end.reason);
  }

  get next(): Allowed | Forced {
    const [token, ...rest] = this.#forced;
    return token === undefined ? this.#allowed : { token, rest };
  }

  allows(token: number): boolean {
    if (this.#forced.length > 0) return this.#forced[0] === token;
    return (((this.#allowed[token >> 5] ?? 0) >> (token & 31)) & 1) === 1;
  }

  get isComplete(): boolean {
    return this.#forced.length === 0 && this.#allowed.every((word, i) => word === (i === 0 ? 1 : 0));
  }

  /** Takes the text up in the engine that there is, behind what it has accepted. */
  async begin(): Promise<void> {
    const isFirst = this.#accepted.length === 0;
    for (let tries = 1; ; tries++)
      try {
        const begun = await this.#engine.compile(this.#text, this.#accepted, this.#end.signal);
        const { life, matcher, warnings } = begun;
        this.#place = { life, matcher };
        this.#take(begun);
        const { option } = this.#text.structure;
        if (isFirst) for (const warning of warnings) console.warn(`option ${option}: ${warning}`);
        return;
      } catch (error) {
        if (!this.#isOfOthers(error)) throw error;
        if (tries === mostTries) throw failed(error);
      }
  }

  async accept(token: number): Promise<void> {
    this.#accepted.push(token);
    const [next, ...rest] = this.#forced;
    this.#forced = rest;
    if (next !== undefined) return; // the engine has taken it
    try {
      await (this.#goOn(token) ?? this.begin());
    } catch (error) {
      if (!this.#end.signal.aborted) throw error;
    }
  }

  dispose(): void {
    for (const unhear of this.#unhear) unhear();
    if (this.#place) this.#place.life.removeMatcher(this.#place.matcher);
    this.#place = undefined;
  }

  #goOn(token: number): Promise<void> | undefined {
    if (!this.#place || this.#place.life.hasEnded) return undefined;
    const { life, matcher } = this.#place;
    return life.acceptToken(this.#text, matcher, token, this.#end.signal).then(
      (rule) => this.#take(rule),
      (error) => {
        if (this.#isOfOthers(error)) return this.begin();
        throw error;
      },
    );
  }

  #take({ forced, allowed }: Rule): void {
    this.#forced = forced;
    this.#allowed = allowed;
  }

  // Whether the worker was ended, and not by this text.
  #isOfOthers(error: unknown): boolean {
    if (this.#end.signal.aborted || !(error instanceof RwkvError)) return false;
    return error.code === 'disposed' || error.code === 'worker-crashed';
  }
}

function failed(cause: unknown): RwkvError {
  const reason = cause instanceof RwkvError ? cause.message.replace(/^the worker /, '') : '';
  return new RwkvError('grammar-failed', `the grammar engine ended again and again: it ${reason}`, { cause });
}

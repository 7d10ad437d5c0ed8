// An undo log, for backtracking: how a generated text grew, so that it can go back to where it was a little shorter.
import type { Step } from '../shared/types.js';
import { unwrap, type WasmModel, type WasmSession } from './module.js';
import type { PrefixCache } from './prefix-cache.js';

/** Copies of the session are so many tokens apart: what is read again is short, and copies cost little. */
const pace = 32;

export class Trail {
  readonly #model: Pick<WasmModel, 'detokenize'>;
  readonly #prefixes: PrefixCache<WasmSession>;
  /** The session as it was at some time when all its text was delivered; the text's length then. */
  #copy: WasmSession;
  #length = 0;
  /** What was drawn since. */
  #tokens: number[] = [];
  #text = '';

  constructor(model: Pick<WasmModel, 'detokenize'>, prefixes: PrefixCache<WasmSession>, start: WasmSession) {
    this.#model = model;
    this.#prefixes = prefixes;
    this.#copy = prefixes.makeRoom(() => start.fork());
  }

  /** Before a token is drawn, when all that came before it is delivered. */
  pass(session: WasmSession): void {
    if (this.#tokens.length < pace || this.#textOf(this.#tokens) !== this.#text) return;
    const copy = this.#prefixes.makeRoom(() => session.fork());
    this.#copy.delete();
    this.#copy = copy;
    this.#length += this.#text.length;
    this.#tokens = [];
    this.#text = '';
  }

  add({ token, text }: Step): void {
    this.#text += text;
    if (token !== 0) this.#tokens.push(token);
  }

  /**
   * The session as it would be had `session` stopped where its text was `text`: the tokens that lie in it whole, then what is
   * left of it. `null`: it stands there. Not to be used again where it gives a session.
   */
  back(
    session: WasmSession,
    text: string,
    encode: (text: string, isContinued: boolean) => Int32Array,
  ): WasmSession | null {
    const rest = text.slice(this.#length);
    if (rest === this.#textOf(this.#tokens)) return null;
    let kept = this.#tokens.length;
    while (!rest.startsWith(this.#textOf(this.#tokens.slice(0, kept)))) kept--;
    const whole = this.#tokens.slice(0, kept);
    const broken = rest.slice(this.#textOf(whole).length);
    const tokens = broken === '' ? whole : [...whole, ...encode(broken, true)];
    const ids = Int32Array.from(tokens);
    this.#prefixes.makeRoom(() => this.#copy.repeat(ids, session));
    return this.#copy;
  }

  delete(): void {
    this.#copy.delete();
  }

  // Half a character at the end becomes U+FFFD, so that it is no beginning of the text that is to be.
  #textOf(tokens: readonly number[]): string {
    return unwrap(this.#model.detokenize(Int32Array.from(tokens)));
  }
}

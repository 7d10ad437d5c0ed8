// One continuation under way: a branch, or several that share each pass over the weights.
import type { Model } from 'rwkv-wasm';
import { beat, rest } from '../look/beats.js';
import { isWatched, picture } from '../look/watching.js';
import { sampling } from '../settings/settings.js';
import { type Place, remember } from './places.js';
import { type Branch, grow, type Tree } from './tree.js';

/** So many of the likeliest tokens are kept for each place. */
const alternatives = 8;
/** Between chunks of so many tokens the state can be looked at; while someone looks they are short. */
const [chunk, watchedChunk] = [96, 12];
/** What grew is shown at most every so many ms: laying out a long text takes a few on a slow machine. */
const showEvery = 30;

export interface RunOptions {
  readonly maxTokens: number;
  readonly ban: readonly number[];
  /** Called before a frame while there is something to show. */
  readonly onFrame: () => void;
}

export class Run {
  readonly tree: Tree;
  branches: readonly Branch[] = [];
  /** Where the part of the text begins that nobody accepted yet. */
  shownFrom: number | undefined;
  /** The model ended a text before its length was reached. */
  endedByItself = false;
  isAbandoned = false;

  readonly #writer: Model;
  readonly #options: RunOptions;
  readonly #controller = new AbortController();
  #tokens = 0;
  #started = 0;
  #frame = 0;
  #shown = 0;

  constructor(writer: Model, tree: Tree, options: RunOptions) {
    this.#writer = writer;
    this.tree = tree;
    this.#options = options;
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }
  get speed(): string {
    const seconds = (performance.now() - this.#started) / 1000;
    return this.#tokens > 4 ? `${Math.round(this.#tokens / seconds)} tokens/s` : '';
  }

  stop(): void {
    this.#controller.abort();
  }
  /** Stops, and the text is no longer this run's. */
  abandon(): void {
    this.isAbandoned = true;
    this.stop();
  }
  keep(upTo: number | undefined): void {
    this.shownFrom = upTo ?? this.shownFrom;
  }

  /** Lets the branches grow from one place, which is theirs from then on. */
  async write(branches: readonly Branch[], place: Place): Promise<void> {
    this.branches = branches;
    this.#started = performance.now();
    rest();
    const forks = await Promise.all(branches.slice(1).map(() => place.session.fork()));
    const sessions = [place.session, ...forks];
    try {
      await Promise.all(
        branches.map((branch, i) => this.#grow(branch, { ...place, session: sessions[i] ?? place.session })),
      );
    } finally {
      cancelAnimationFrame(this.#frame); // also where it was stopped: what is discarded then must not come back
      this.#frame = 0;
    }
  }

  async #grow(branch: Branch, { session, speaker, tokens }: Place): Promise<void> {
    const { maxTokens, ban } = this.#options;
    const { signal } = this;
    let written = 0;
    try {
      while (written < maxTokens) {
        const asked = Math.min(maxTokens - written, isWatched.value ? watchedChunk : chunk);
        const seed = written === 0 ? crypto.getRandomValues(new Uint32Array(1))[0] : undefined;
        const options = { ...sampling(), maxTokens: asked, topLogprobs: alternatives, seed, ban, signal };
        const end = written + asked;
        for await (const step of session.generate('', options)) {
          grow(branch, step);
          written += 1;
          this.#tokens += 1;
          if (this.branches.length === 1) beat(tokens + written);
          if (this.#frame === 0) this.#frame = requestAnimationFrame((at) => this.#show(at));
        }
        if (written < end) {
          this.endedByItself = true;
          break;
        }
        if (isWatched.value && this.branches.length === 1) picture.value = await session.save();
      }
    } finally {
      remember(this.#writer, this.tree.textOf(branch), { session, speaker, tokens: tokens + written });
    }
  }

  #show(at: number): void {
    const isEarly = at - this.#shown < showEvery;
    this.#frame = isEarly ? requestAnimationFrame((next) => this.#show(next)) : 0;
    if (isEarly) return;
    this.#shown = at;
    this.#options.onFrame();
  }
}

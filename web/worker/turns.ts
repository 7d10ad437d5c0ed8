import { RwkvError } from '../shared/errors.js';
import type { GuessCost } from './lookup.js';

/** What reads tokens: all that the turns need to know of a session. */
export interface Reader {
  /** Tokens that wait to be read. */
  pending(): number;
}

interface Waiting {
  /** Called after each pass that leaves something to read. */
  readonly hear: (() => void) | undefined;
  readonly resolve: () => void;
  readonly reject: (reason: Error) => void;
}

/** A place in what a reader has to read. */
interface Mark {
  /** So many tokens come behind it. */
  readonly left: number;
  readonly reached: () => void;
}

/** A pass waits for others at most so long: this share of what the last pass took, and so many ms. */
const shareOfPatience = 0.25;
const mostPatience = 4;

/** While other texts are being generated, and so many ms after their last tokens, passes are to take at most so many ms. */
const streamLasts = 1000;
const longestPass = 50;
/** All that a pass can read of one text (kChunk of src/session/session.h), and what it reads of a long one at least. */
export const wholeChunk = 32;
const leastChunk = 4;
/** What a text may guess (kMostGuesses of src/session/session.h); beside others, whom that delays, and beside so many none. */
const mostGuesses = 15;
const mostGuessesBeside = 3;
const crowd = 5;
/** What one token more costs in a pass, as a share of the pass with one, where that is not known yet. */
const usualShare = 0.2;

/**
 * The scheduler, with continuous batching.
 * Who reads when. Sessions that have tokens to read advance together, one batched pass a turn; between turns the event
 * loop runs, so that requests and pauses are heard.
 *
 * A pass costs nearly the same for one as for many. Texts that are generated side by side ask for their next tokens at nearly
 * the same time, so a pass waits for those who read in the last one: otherwise the first to come would read alone and the
 * others in the pass after it, for ever. Long prompts are read in smaller chunks beside them, so that they do not falter.
 */
export class Turns<R extends Reader> {
  readonly #reading = new Map<R, Waiting[]>();
  readonly #marks = new Map<R, Mark>();
  readonly #advance: (readers: R[], most: Int32Array) => void | Promise<void>;
  readonly #breathe: () => Promise<void>;
  readonly #crash: (error: unknown) => void;
  /** Who read all it had in the last pass and has not come again. */
  readonly #expected = new Set<R>();
  /** How long the last pass took, in ms, and how many tokens it read in one. */
  #lastPass = 0;
  #pace = 0;
  /** Texts that are being generated: when each was last read. */
  readonly #streams = new Map<R, number>();
  /** How many guesses are read with what a text has pending, and what it took to make ready for them, in ms. */
  readonly #guesses = new Map<R, { readonly count: number; readonly ms: number }>();
  /** What a pass of one token takes and what each of a few more adds, in ms. */
  #one = 0;
  #more = 0;
  #running = false;
  /** A pass that is computed elsewhere. */
  #underWay: Promise<unknown> | undefined;

  /**
   * @param advance - one pass: each reader reads so many of its tokens, or all it can in one pass; none where it throws or rejects.
   * Until a promise is fulfilled the readers' tokens are neither pending nor read
   * @param breathe - resolves when the event loop has handled what had arrived
   * @param crash - hears what `advance` throws that is no RwkvError; no turn follows
   */
  constructor(
    advance: (readers: R[], most: Int32Array) => void | Promise<void>,
    breathe: () => Promise<void>,
    crash: (error: unknown) => void,
  ) {
    this.#advance = advance;
    this.#breathe = breathe;
    this.#crash = crash;
  }

  /** Lets `reader` read what it has. */
  start(reader: R): void {
    this.#expected.delete(reader);
    if (reader.pending() === 0 || this.#reading.has(reader)) return;
    this.#reading.set(reader, []);
    if (this.#running) return;
    this.#running = true;
    this.#run().catch(this.#crash);
  }

  /** Lets `reader` read; resolves when nothing is left to read. `hear` is called after each pass before that. */
  ready(reader: R, hear?: () => void): Promise<void> {
    this.start(reader);
    const waiting = this.#reading.get(reader);
    if (!waiting) return Promise.resolve();
    return new Promise((resolve, reject) => waiting.push({ hear, resolve, reject }));
  }

  /** The end of a pass that is under way: until then, who reads in it must not be touched. */
  get underWay(): Promise<unknown> | undefined {
    return this.#underWay;
  }

  /** What guesses of `reader` cost, and how many it may have. */
  guessCost(reader: R): GuessCost {
    const others = this.#streams.size - Number(this.#streams.has(reader));
    const share = this.#one > 0 && this.#more > 0 ? Math.min(this.#more / this.#one, 1) : usualShare;
    const most = others === 0 ? mostGuesses : others + 1 < crowd ? mostGuessesBeside : 0;
    return { most, share: (share * (others + 1)) / (1 + share * others) };
  }

  /** Hears that `reader` has so many guesses behind what is pending, made ready in so many ms. */
  guessed(reader: R, count: number, ms: number): void {
    this.#guesses.set(reader, { count, ms });
  }

  /** Calls `reached` when `reader` stands before the last `left` of its tokens, unless it is stopped before. */
  mark(reader: R, left: number, reached: () => void): void {
    this.#marks.set(reader, { left, reached });
  }

  /** `reader` reads no further until it is started again. Who waits for it hears `reason`, or nothing ever again. */
  stop(reader: R, reason?: Error): void {
    const waiting = this.#reading.get(reader) ?? [];
    this.#reading.delete(reader);
    this.#marks.delete(reader);
    this.#expected.delete(reader);
    this.#streams.delete(reader);
    this.#guesses.delete(reader);
    if (reason) for (const { reject } of waiting) reject(reason);
  }

  async #run(): Promise<void> {
    while (this.#reading.size > 0) {
      const patient = performance.now() + Math.min(this.#lastPass * shareOfPatience, mostPatience);
      do await this.#breathe();
      while (this.#expected.size > 0 && performance.now() < patient);
      this.#expected.clear();
      const pass = this.#reading.size > 0 ? this.#pass() : [];
      const readers = Array.isArray(pass) ? pass : await pass;
      for (const reader of readers) {
        if (!this.#reading.has(reader)) continue; // stopped while it read
        const mark = this.#marks.get(reader);
        if (mark && reader.pending() <= mark.left) {
          this.#marks.delete(reader);
          mark.reached();
        }
        const waiting = this.#reading.get(reader) ?? [];
        if (reader.pending() > 0) {
          for (const { hear } of waiting) hear?.();
          continue;
        }
        for (const { resolve } of waiting) resolve();
        this.#reading.delete(reader);
        this.#expected.add(reader);
      }
    }
    this.#running = false;
  }

  // Who took part.
  #pass(): R[] | Promise<R[]> {
    const { readers, chunk } = this.#plan();
    const most = Int32Array.from(readers, (reader) => {
      const [pending, mark] = [reader.pending(), this.#marks.get(reader)];
      const before = mark && pending > mark.left ? pending - mark.left : pending;
      return Math.min(before, chunk);
    });
    const start = performance.now();
    const done = this.#read(readers, most);
    const note = (read: R[]) => {
      this.#note(readers, most, performance.now() - start);
      return read;
    };
    return Array.isArray(done) ? note(done) : done.then(note);
  }

  // What a pass took.
  #note(readers: R[], most: Int32Array, lasted: number): void {
    this.#lastPass = lasted;
    let [rows, ms] = [most.reduce((sum, count) => sum + count, 0), lasted];
    for (const reader of readers) {
      const guesses = this.#guesses.get(reader);
      this.#guesses.delete(reader);
      if (guesses) [rows, ms] = [rows + guesses.count, ms + guesses.ms];
    }
    this.#pace = rows / Math.max(lasted, 0.01);
    if (readers.length === 1) this.#learnCost(rows, ms);
  }

  #learnCost(rows: number, ms: number): void {
    const mixed = (before: number, now: number) => (before === 0 ? now : before + (now - before) / 8);
    if (rows === 1) this.#one = mixed(this.#one, ms);
    else if (rows <= mostGuesses + 1 && this.#one > 0)
      this.#more = mixed(this.#more, Math.max(ms - this.#one, 0) / (rows - 1));
  }

  // Who has read.
  #read(readers: R[], most: Int32Array): R[] | Promise<R[]> {
    try {
      const pass = this.#advance(readers, most);
      return pass ? this.#finish(pass, readers, most) : readers;
    } catch (error) {
      return this.#readApart(readers, most, error);
    }
  }

  async #finish(pass: Promise<void>, readers: R[], most: Int32Array): Promise<R[]> {
    const settled = pass.then(
      () => undefined,
      (error: unknown) => ({ error }),
    );
    this.#underWay = settled;
    const failed = await settled;
    this.#underWay = undefined;
    return failed ? this.#readApart(readers, most, failed.error) : readers;
  }

  // Where a pass fails, each reads alone; who waits for one that then fails too hears why.
  async #readApart(readers: R[], most: Int32Array, error: unknown): Promise<R[]> {
    if (!(error instanceof RwkvError)) throw error;
    const done: R[] = [];
    if (readers.length === 1) for (const reader of readers) this.stop(reader, error);
    else
      for (const [i, one] of readers.entries())
        if (this.#reading.has(one)) done.push(...(await this.#read([one], most.subarray(i, i + 1))));
    return done;
  }

  // Who reads in the next pass, and how much at most. Beside texts that are being generated, which read one token each, long
  // ones share what is left of the tokens that fit into the longest pass at the pace of the last one: where that is too
  // little for all, they take turns.
  #plan(): { readers: R[]; chunk: number } {
    const now = performance.now();
    const streams: R[] = [];
    const long: R[] = [];
    for (const reader of this.#reading.keys()) {
      this.#streams.delete(reader);
      if (reader.pending() > leastChunk) long.push(reader);
      else streams.push(reader);
    }
    for (const reader of streams) this.#streams.set(reader, now);
    for (const [reader, last] of this.#streams) if (now - last > streamLasts) this.#streams.delete(reader);
    if (this.#streams.size === 0 || long.length === 0)
      return { readers: [...streams, ...long], chunk: wholeChunk };

    const left = Math.max(this.#pace * longestPass - this.#streams.size, leastChunk);
    const served = long.slice(0, Math.floor(left / leastChunk));
    for (const reader of served) {
      const waiting = this.#reading.get(reader) ?? [];
      this.#reading.delete(reader);
      this.#reading.set(reader, waiting); // behind the others
    }
    return {
      readers: [...streams, ...served],
      chunk: Math.min(Math.floor(left / served.length), wholeChunk),
    };
  }
}

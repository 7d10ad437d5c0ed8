/** What reads tokens: all that the turns need to know of a session. */
export interface Reader {
  /** Tokens that wait to be read. */
  pending(): number;
}

interface Waiting {
  readonly resolve: () => void;
  readonly reject: (reason: Error) => void;
}

/** A pass waits for others at most so long: this share of what the last pass took, and so many ms. */
const shareOfPatience = 0.25;
const mostPatience = 4;

/**
 * Who reads when. Sessions that have tokens to read advance together, one batched pass a turn; between turns the event
 * loop runs, so that requests and pauses are heard.
 *
 * A pass costs nearly the same for one as for many. Texts that are generated side by side ask for their next tokens at nearly
 * the same time, so a pass waits for those who read in the last one: otherwise the first to come would read alone and the
 * others in the pass after it, for ever.
 */
export class Turns<R extends Reader> {
  readonly #reading = new Map<R, Waiting[]>();
  readonly #advance: (readers: R[]) => void;
  readonly #breathe: () => Promise<void>;
  readonly #crash: (error: unknown) => void;
  /** Who read all it had in the last pass and has not come again. */
  readonly #expected = new Set<R>();
  /** How long the last pass took, in ms. */
  #lastPass = 0;
  #running = false;

  /**
   * @param advance - one pass: each reader reads some of its tokens
   * @param breathe - resolves when the event loop has handled what had arrived
   * @param crash - hears what `advance` throws; no turn follows
   */
  constructor(
    advance: (readers: R[]) => void,
    breathe: () => Promise<void>,
    crash: (error: unknown) => void,
  ) {
    this.#advance = advance;
    this.#breathe = breathe;
    this.#crash = crash;
  }

  /** Lets `reader` read what it has. */
  start(reader: R): void {
    if (reader.pending() === 0 || this.#reading.has(reader)) return;
    this.#reading.set(reader, []);
    this.#expected.delete(reader);
    if (this.#running) return;
    this.#running = true;
    this.#run().catch(this.#crash);
  }

  /** Lets `reader` read; resolves when nothing is left to read. */
  ready(reader: R): Promise<void> {
    this.start(reader);
    const waiting = this.#reading.get(reader);
    if (!waiting) return Promise.resolve();
    return new Promise((resolve, reject) => waiting.push({ resolve, reject }));
  }

  /** `reader` reads no further until it is started again. Who waits for it hears `reason`, or nothing ever again. */
  stop(reader: R, reason?: Error): void {
    const waiting = this.#reading.get(reader) ?? [];
    this.#reading.delete(reader);
    this.#expected.delete(reader);
    if (reason) for (const { reject } of waiting) reject(reason);
  }

  async #run(): Promise<void> {
    while (this.#reading.size > 0) {
      const patient = performance.now() + Math.min(this.#lastPass * shareOfPatience, mostPatience);
      do await this.#breathe();
      while (this.#expected.size > 0 && performance.now() < patient);
      this.#expected.clear();
      const readers = [...this.#reading.keys()];
      const start = performance.now();
      if (readers.length > 0) this.#advance(readers);
      this.#lastPass = performance.now() - start;
      for (const reader of readers) {
        if (reader.pending() > 0) continue;
        for (const { resolve } of this.#reading.get(reader) ?? []) resolve();
        this.#reading.delete(reader);
        this.#expected.add(reader);
      }
    }
    this.#running = false;
  }
}

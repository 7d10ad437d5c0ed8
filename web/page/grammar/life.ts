// A worker of the grammar engine, from its start to its end: by a failure, a limit, an abort, or when no model needs it.
import { onAbort } from '../../shared/aborts.js';
import { RwkvError } from '../../shared/errors.js';
import type { Reply, Rule, Structure } from '../../shared/protocol.js';
import { Client, type WorkerEvents, type WorkerLike } from '../client.js';
import type { RuledText } from '../grammar-engine.js';

/** Starts the engine's worker, from a script elsewhere or the package's own. */
export type SpawnEngine = (events: WorkerEvents, workerUrl: URL | undefined) => WorkerLike;

/** What ends a worker: `seconds` that a call takes, and `bytes` that it has taken when a text begins. */
export const usual = { seconds: 60, bytes: 2 ** 29 };

export class Life {
  readonly #client: Client;
  readonly #limits: typeof usual;
  /** Their numbers, by the line to the model. */
  readonly #vocabularies = new Map<Client, Promise<number>>();
  #bytes = 0;

  constructor(spawn: SpawnEngine, workerUrl: URL | undefined, limits: typeof usual) {
    this.#client = new Client((events) => spawn(events, workerUrl));
    this.#limits = limits;
  }

  get hasEnded(): boolean {
    return this.#client.end.aborted;
  }

  /** Whether it has taken so much that no text is to begin in it. */
  get isFull(): boolean {
    return this.#bytes > this.#limits.bytes;
  }

  end(): void {
    void this.#client.close();
  }

  /** @throws RwkvError of the structure; `grammar-failed`; the reason of `signal`. All but the first end this worker. */
  async startMatcher(
    { model, size, areLongest, structure, lead, banned }: RuledText,
    accepted: readonly number[],
    signal: AbortSignal,
  ): Promise<Reply<'startMatcher'>> {
    const { seconds } = this.#limits;
    const started = await this.#limited(structure, seconds, signal, async () => {
      const vocabulary = await this.#vocabularyOf(model, size, areLongest);
      const request = { vocabulary, structure, lead, accepted: Int32Array.from(accepted), banned };
      return this.#client.call('startMatcher', request);
    });
    this.#bytes = started.bytes;
    return started;
  }

  /** @throws RwkvError `grammar-failed`, which ends this worker; the reason of `signal`, which does not */
  async acceptToken(
    { structure }: RuledText,
    matcher: number,
    token: number,
    signal: AbortSignal,
  ): Promise<Rule> {
    const seconds = 2 * this.#limits.seconds; // it may wait for another's compilation
    const call = this.#client.call('acceptToken', { matcher, token }, { signal });
    return this.#limited(structure, seconds, undefined, () => call);
  }

  removeMatcher(matcher: number): void {
    this.#client.call('removeMatcher', { matcher }).catch(() => {}); // gone with the worker else
  }

  // Work that the worker does not outlive where it takes too long, fails or is given up.
  async #limited<T>(
    { option }: Structure,
    seconds: number,
    signal: AbortSignal | undefined,
    work: () => Promise<T>,
  ): Promise<T> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    let unhear = () => {};
    const ended = new Promise<never>((_, reject) => {
      const late = `option ${option}: the grammar engine takes longer than ${seconds} seconds`;
      timer = setTimeout(() => reject(new RwkvError('grammar-failed', late)), seconds * 1000);
      unhear = onAbort(signal, () => reject(signal?.reason));
    });
    try {
      return await Promise.race([work(), ended]);
    } catch (error) {
      const hasFailed = error instanceof RwkvError && error.code === 'grammar-failed';
      if (hasFailed || signal?.aborted) this.end();
      throw error;
    } finally {
      clearTimeout(timer);
      unhear();
    }
  }

  #vocabularyOf(model: Client, size: number, areLongest: boolean): Promise<number> {
    const known = this.#vocabularies.get(model);
    if (known) return known;
    const adding = model
      .call('tokenBytes', {})
      .then((tokens) => this.#client.call('addVocabulary', { ...tokens, size, areLongest }));
    this.#vocabularies.set(model, adding);
    const unhear = onAbort(model.end, () => this.#forget(model, adding));
    onAbort(this.#client.end, unhear);
    adding.catch(() => this.#vocabularies.delete(model));
    return adding;
  }

  // A worker that no model needs gives its memory back.
  #forget(model: Client, adding: Promise<number>): void {
    this.#vocabularies.delete(model);
    if (this.#vocabularies.size === 0) this.end();
    else adding.then((vocabulary) => this.#client.call('removeVocabulary', { vocabulary })).catch(() => {});
  }
}

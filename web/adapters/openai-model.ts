// The model that requests run on: loaded when the first one needs it, and again after its worker died.
import { RwkvError } from '../errors.js';
import type { RWKV } from '../load.js';
import type { Model } from '../model.js';
import type { LoadOptions, ModelSource } from '../options.js';

export class ModelHolder {
  /** When it was loaded, in seconds since 1970. */
  since = seconds();
  readonly #load: () => Promise<Model>;
  readonly #isOwn: boolean;
  #model: Promise<Model> | undefined;
  #isDisposed = false;

  /** `source` may be a model: it is used as it is and never disposed. */
  constructor(load: RWKV['load'], source: Model | ModelSource | undefined, options: LoadOptions) {
    const model = isModel(source) ? source : undefined;
    this.#isOwn = model === undefined;
    this.#load = isModel(source) ? async () => source : () => load(source, options);
  }

  /** @throws RwkvError as `RWKV.load`; the reason of `signal`, while the model loads on for others */
  async get(signal: AbortSignal | null | undefined): Promise<Model> {
    signal?.throwIfAborted();
    if (this.#isDisposed) throw new RwkvError('disposed', 'the client was disposed');
    this.#model ??= this.#begin();
    if (!signal) return this.#model;
    let abort = () => {};
    const aborted = new Promise<never>((_, reject) => {
      abort = () => reject(signal.reason);
      signal.addEventListener('abort', abort);
    });
    try {
      return await Promise.race([this.#model, aborted]);
    } finally {
      signal.removeEventListener('abort', abort);
    }
  }

  /** Hears what a request on the model ended in: the next one loads it again if its worker is gone. */
  failed(model: Model, error: unknown): void {
    if (!(error instanceof RwkvError) || error.code !== 'worker-crashed' || !this.#isOwn) return;
    const current = this.#model;
    current?.then((loaded) => {
      if (loaded === model && this.#model === current) this.#model = undefined;
    });
  }

  async dispose(): Promise<void> {
    this.#isDisposed = true;
    if (!this.#isOwn) return;
    const model = await this.#model?.catch(() => undefined);
    await model?.dispose();
  }

  // A load that failed is tried again by the next request.
  async #begin(): Promise<Model> {
    try {
      const model = await this.#load();
      this.since = seconds();
      return model;
    } catch (error) {
      this.#model = undefined;
      throw error;
    }
  }
}

/** The time, in seconds since 1970. */
export function seconds(): number {
  return Math.floor(Date.now() / 1000);
}

/** Whether it is a model and no file of one. */
export function isModel(source: Model | ModelSource | undefined): source is Model {
  return typeof source === 'object' && source !== null && 'createSession' in source;
}

// The model behind an adapter: given, or loaded when the first call needs it, and again after its worker died.

import type { RWKV } from '../../page/load.js';
import type { Model } from '../../page/model.js';
import { checkLoadOptions, type LoadOptions } from '../../page/options.js';
import type { ModelSource } from '../../page/places.js';
import { onAbort } from '../../shared/aborts.js';
import { RwkvError } from '../../shared/errors.js';
import { isUrl } from '../../shared/realms.js';
import type { LoadProgress } from '../../shared/types.js';

/** A model that is there, or where to load it from as for `RWKV.load`; nothing: the embedded storyteller model. */
export type ModelOrSource = Model | ModelSource | undefined;

/** Where a model is: not asked for, on its way, or there. */
export type LoadState = 'none' | 'loading' | 'loaded';

export class LazyModel {
  readonly #door: RWKV['load'];
  readonly #source: ModelSource | undefined;
  readonly #options: LoadOptions;
  readonly #given: Model | undefined;
  readonly #listeners = new Set<(progress: LoadProgress) => void>();
  #model: Promise<Model> | undefined;
  /** What it gave. */
  #loaded: Model | undefined;
  #state: LoadState;
  #isDisposed = false;

  /** @throws RwkvError `invalid-argument` of the options, which are for a model that is loaded */
  constructor(load: RWKV['load'], model: ModelOrSource, options: LoadOptions) {
    checkLoadOptions(options);
    this.#door = load;
    this.#options = options;
    this.#given = isModel(model) ? model : undefined;
    this.#source = isModel(model) ? undefined : model;
    this.#state = this.#given ? 'loaded' : 'none';
  }

  get state(): LoadState {
    return this.#state;
  }

  /** Whether the file comes from elsewhere: a string or a URL, and neither bytes nor the embedded model. */
  get isRemote(): boolean {
    return typeof this.#source === 'string' || isUrl(this.#source);
  }

  /**
   * @param onProgress - hears of the load that is under way, if one is
   * @throws RwkvError as `RWKV.load`; the reason of `signal`, while the model loads on for others
   */
  async get(signal?: AbortSignal, onProgress?: (progress: LoadProgress) => void): Promise<Model> {
    signal?.throwIfAborted();
    if (this.#isDisposed) throw new RwkvError('disposed', 'the adapter was disposed');
    if (this.#given) return this.#given;
    if (onProgress) this.#listeners.add(onProgress);
    let unhear = () => {};
    const aborted = new Promise<never>((_, reject) => {
      unhear = onAbort(signal, () => reject(signal?.reason));
    });
    try {
      this.#model ??= this.#load();
      return await Promise.race([this.#model, aborted]);
    } finally {
      unhear();
      if (onProgress) this.#listeners.delete(onProgress);
    }
  }

  /** Hears what a call on a model ended in: the next one loads it anew if its worker is gone. */
  failed(model: Model, error: unknown): void {
    if (model !== this.#loaded || !(error instanceof RwkvError) || error.code !== 'worker-crashed') return;
    this.#loaded = this.#model = undefined;
    this.#state = 'none';
  }

  /** Gives back the model that was loaded; one that was given stays. Later calls throw `disposed`. */
  async dispose(): Promise<void> {
    this.#isDisposed = true;
    const model = await this.#model?.catch(() => undefined);
    await model?.dispose();
  }

  // A load that failed is tried again by the next call.
  async #load(): Promise<Model> {
    this.#state = 'loading';
    try {
      const model = await this.#door(this.#source, {
        ...this.#options,
        onProgress: (progress) => {
          this.#options.onProgress?.(progress);
          for (const hear of this.#listeners) hear(progress);
        },
      });
      this.#loaded = model;
      this.#state = 'loaded';
      return model;
    } catch (error) {
      this.#model = undefined;
      this.#state = 'none';
      throw error;
    }
  }
}

function isModel(model: ModelOrSource): model is Model {
  return typeof model === 'object' && model !== null && 'createSession' in model;
}

// An embedding model of the AI SDK.

import { bindMembers } from '../../shared/bind.js';
import { embeddingOf } from '../shared/embedding.js';
import type { LazyModel } from '../shared/lazy-model.js';
import type { EmbeddingModelV4, EmbedOptions, EmbedResult } from './types.js';

/** What `rwkvEmbedding` gives. */
export class RwkvEmbeddingModel implements EmbeddingModelV4 {
  readonly specificationVersion = 'v4';
  readonly provider = 'rwkv-wasm';
  readonly modelId: string;
  readonly maxEmbeddingsPerCall = Infinity;
  /** They run one after another, whoever asks. */
  readonly supportsParallelCalls = false;
  readonly #lazy: LazyModel;

  /** @internal Made by `rwkvEmbedding`. */
  constructor(modelId: string, lazy: LazyModel) {
    this.modelId = modelId;
    this.#lazy = lazy;
    bindMembers(this);
  }

  /** @throws RwkvError as `RWKV.load` and `model.embed`; the reason of `abortSignal` */
  async doEmbed({ values, abortSignal }: EmbedOptions): Promise<EmbedResult> {
    const model = await this.#lazy.get(abortSignal);
    const embeddings: number[][] = [];
    let tokens = 0;
    try {
      for (const value of values) {
        const embedding = await embeddingOf(model, value, abortSignal);
        embeddings.push([...embedding.vector]);
        tokens += embedding.tokens;
      }
    } catch (error) {
      this.#lazy.failed(model, error);
      throw error;
    }
    return { embeddings, usage: { tokens }, warnings: [] };
  }
}

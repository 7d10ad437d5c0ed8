// A text as a vector, for adapters: what `model.embed` gives, of length 1.
import type { Model } from '../../page/model.js';
import { checkTokens } from '../../page/options.js';

/** A vector and how many tokens it is of. */
export interface Embedding {
  readonly vector: Float32Array;
  readonly tokens: number;
}

/** @throws RwkvError as `model.embed`; the reason of `signal` */
export async function embeddingOf(
  model: Model,
  input: string | readonly number[],
  signal: AbortSignal | undefined,
): Promise<Embedding> {
  const isText = typeof input === 'string';
  const ids = isText ? await model.tokenize(input) : checkTokens('input', input, model.info.vocabulary);
  return { vector: unit(await model.embed(ids, { signal })), tokens: ids.length };
}

// The same direction, of length 1; a vector of zeros stays one.
function unit(vector: Float32Array): Float32Array {
  const length = Math.sqrt(vector.reduce((sum, x) => sum + x * x, 0)) || 1;
  return vector.map((x) => x / length);
}

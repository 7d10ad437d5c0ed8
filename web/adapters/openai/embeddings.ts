// Texts as vectors: what `model.embed` gives, of length 1.
import type { Model } from '../../page/model.js';
import { integer, oneOf } from '../../page/rules.js';
import { embeddingOf } from '../shared/embedding.js';
import { invalidRequest } from './errors.js';
import { anyText, either, Fields, listOf, someText } from './fields.js';
import type { EmbeddingList } from './types.js';

/** A checked request. */
export interface EmbeddingJob {
  readonly inputs: readonly (string | readonly number[])[];
  readonly dimensions: number | undefined;
  readonly isBase64: boolean;
}

const mostInputs = 2048;
const tokenList = listOf(integer(0, 2 ** 31 - 1), 1, Infinity, 'token ids');
const inputs = either(
  either(someText, listOf(someText, 1, mostInputs, 'texts that are not empty')),
  either(tokenList, listOf(tokenList, 1, mostInputs, 'lists of token ids')),
);

/** @throws OpenAIError */
export function embeddingJob(body: unknown, unknown?: Set<string>): EmbeddingJob {
  const fields = new Fields('', body, unknown);
  const input = fields.require('input', inputs);
  const dimensions = fields.take('dimensions', integer(1, 2 ** 20));
  const format = fields.take('encoding_format', oneOf('float', 'base64'));
  fields.take('model', anyText);
  fields.ignore('user');
  fields.end();
  const isOne = typeof input === 'string' || tokenList.accepts(input);
  return { inputs: isOne ? [input] : input, dimensions, isBase64: format === 'base64' };
}

/** @throws OpenAIError; RwkvError as `model.embed`; the reason of `signal` */
export async function embed(
  model: Model,
  { inputs, dimensions, isBase64 }: EmbeddingJob,
  name: string,
  signal: AbortSignal | undefined,
): Promise<EmbeddingList> {
  const { channels } = model.info;
  if (dimensions !== undefined && dimensions !== channels)
    throw invalidRequest(
      `'dimensions': expected ${channels}; found ${dimensions}`,
      'dimensions',
      'invalid_value',
    );
  const data: EmbeddingList['data'] = [];
  let total = 0;
  for (const [index, input] of inputs.entries()) {
    const { vector, tokens } = await embeddingOf(model, input, signal);
    data.push({ object: 'embedding', index, embedding: isBase64 ? base64(vector) : [...vector] });
    total += tokens;
  }
  return { object: 'list', data, model: name, usage: { prompt_tokens: total, total_tokens: total } };
}

// Of the numbers as 32-bit floats, little-endian.
function base64(vector: Float32Array): string {
  const bytes = new DataView(new ArrayBuffer(4 * vector.length));
  for (const [i, x] of vector.entries()) bytes.setFloat32(4 * i, x, true);
  return btoa(Array.from(new Uint8Array(bytes.buffer), (byte) => String.fromCharCode(byte)).join(''));
}

import { type ModelSource, RWKV, type RwkvError } from '../../dist/node.js';

/** All that a stream gives. */
export async function collect<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of stream) items.push(item);
  return items;
}

/** The whole text of a stream of pieces. */
export async function textOf(stream: AsyncIterable<string>): Promise<string> {
  return (await collect(stream)).join('');
}

/** The error that `work` ends in. */
export async function failure(work: Promise<unknown>): Promise<RwkvError> {
  try {
    await work;
  } catch (error) {
    return error as RwkvError;
  }
  throw new Error('it did not fail');
}

/** The whole packed file of a model, exact. */
export async function packed(source: ModelSource): Promise<Buffer> {
  return Buffer.concat(await collect(RWKV.convert(source, { quantization: 'f32' })));
}

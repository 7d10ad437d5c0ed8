// Versions that have no oracle, through the public API; tests/model/version_test.cpp has their numbers.
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { type ModelSource, RWKV } from '../../dist/node.js';
import { type FloatTensor, withTensors } from './safetensors.js';
import { packed } from './streams.js';

const v7 = fileURLToPath(new URL('../fixtures/oracle/v7-bf16.pth', import.meta.url));

/** DeepEmbeds for the oracle of version 7 (2 layers, C 128, F 512, V 256), their biases all `s0`. */
function deepEmbeds(s0: number): Record<string, FloatTensor> {
  const some = (count: number) => Float32Array.from({ length: count }, (_, i) => Math.sin(i) / 8);
  const layer = (i: number): [string, FloatTensor][] => [
    [`blocks.${i}.ffn.s_emb.weight`, [[256, 1024], some(256 * 1024)]],
    [`blocks.${i}.ffn.s_emb_x.weight`, [[1024, 128], some(1024 * 128)]],
    [`blocks.${i}.ffn.s0`, [[1, 1, 512], new Float32Array(512).fill(s0)]],
    [`blocks.${i}.ffn.s1`, [[128, 32], some(128 * 32)]],
    [`blocks.${i}.ffn.s2`, [[32, 512]]],
  ];
  return Object.fromEntries([0, 1].flatMap(layer));
}

async function logits(source: ModelSource): Promise<{ version: string; logits: Float32Array }> {
  const model = await RWKV.load(source, { tokenizer: false, quantization: 'f32' });
  const session = await model.createSession();
  await session.append([1, 2, 3, 250]);
  const found = { version: model.info.version, logits: await session.logits() };
  await model.dispose();
  return found;
}

test('version 7a is version 7 where its DeepEmbeds multiply by one, also packed', async () => {
  const plain = await logits(v7);
  const file = withTensors(await packed(v7), deepEmbeds(1));
  expect(await RWKV.inspect(file)).toMatchObject({ version: '7a', layers: 2 });
  for (const source of [file, await packed(file)]) {
    expect(await logits(source)).toEqual({ version: '7a', logits: plain.logits });
  }
});

test('version 7a is another where they do not', async () => {
  const other = await logits(withTensors(await packed(v7), deepEmbeds(2)));
  expect(other.logits).not.toEqual((await logits(v7)).logits);
});

// Adapters that are merged into a model while it is loaded.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { learning } from '../../dist/learning-node.js';
import { type FileSource, type LoadOptions, RWKV, store } from '../../dist/node.js';
import { checkLoadOptions } from '../../dist/page/options.js';
import { maxDifference } from './oracles.js';
import { type FloatTensor, safetensors } from './safetensors.js';
import { server } from './store-room.js';
import { failure, packed } from './streams.js';

const path = fileURLToPath(new URL('../fixtures/oracle/v7-bf16.pth', import.meta.url));
const [layers, channels, rank] = [2, 128, 4];
const folder = mkdtempSync(join(tmpdir(), 'rwkv-lora-'));
const file = join(folder, 'fables.safetensors');

const waves = (count: number, phase: number) =>
  Float32Array.from({ length: count }, (_, i) => Math.sin(i + phase) / 5);
const adapters: Record<string, FloatTensor> = Object.fromEntries(
  Array.from({ length: layers }, (_, layer) => `blocks.${layer}.att.key.lora_`).flatMap((name, layer) => [
    [`${name}A`, [[rank, channels], waves(rank * channels, layer)]],
    [`${name}B`, [[channels, rank], waves(rank * channels, layer + 9)]],
  ]),
);
const withAlpha = safetensors({ ...adapters, lora_alpha: [[1], Float32Array.of(2)] });

/** The logits of some tokens, and what the model tells of itself. */
async function read(lora: LoadOptions['lora'], source: FileSource = path) {
  const model = await RWKV.load(source, { tokenizer: false, quantization: 'f32', lora });
  const session = await model.createSession();
  await session.append([5, 6, 7]);
  const found = { logits: await session.logits(), info: model.info };
  await model.dispose();
  return found;
}

let plain: Awaited<ReturnType<typeof read>>;
let merged: Awaited<ReturnType<typeof read>>;
beforeAll(async () => {
  writeFileSync(file, withAlpha);
  plain = await read(undefined);
  merged = await read(file);
});
afterAll(() => rmSync(folder, { recursive: true }));

test('a model tells which adapters are in it, and takes the memory that it takes without', () => {
  expect(plain.info.lora).toBeNull();
  expect(merged.info).toEqual({ ...plain.info, lora: 'fables.safetensors', kernels: merged.info.kernels });
  expect(maxDifference(merged.logits, plain.logits)).toBeGreaterThan(0.1);
});

test('alpha is that of the file, that of the caller, or in place of both a scale', async () => {
  const without = safetensors(adapters);
  for (const lora of [{ source: without, alpha: 2 }, { source: file, scale: 0.5 }, { source: withAlpha }])
    expect((await read(lora)).logits).toEqual(merged.logits);
  expect((await read({ source: file, scale: 0 })).logits).toEqual(plain.logits);
  expect(maxDifference((await read({ source: file, alpha: 4 })).logits, merged.logits)).toBeGreaterThan(0.1);
  expect(await failure(read(without))).toMatchObject({
    code: 'invalid-argument',
    message: expect.stringContaining('does not tell its alpha'),
  });
});

test('a packed model takes them too', async () => {
  const small = await packed(path);
  expect((await read(file, small)).logits).toEqual(merged.logits);
});

test('adapters that do not fit, or are none, are refused; so is a file of adapters that is taken for a model', async () => {
  const misfit = safetensors({ ...adapters, 'blocks.0.att.key.lora_A': [[rank, 64]], lora_alpha: [[1]] });
  expect(await failure(read(misfit))).toMatchObject({
    code: 'bad-model',
    message: expect.stringMatching(/blocks\.0\.att\.key\.lora_A: expected \(4, 128\), file has \(4, 64\)/),
  });
  expect(await failure(read({ source: path, alpha: 1 }))).toMatchObject({ code: 'bad-file' });
  expect(await failure(read(new Uint8Array(100)))).toMatchObject({ code: 'bad-file' });
  expect(await failure(read(join(folder, 'no such file')))).toMatchObject({ code: 'read-failed' });
  expect(await failure(read(undefined, file))).toMatchObject({
    code: 'unsupported',
    message: expect.stringContaining('by the option lora'),
  });
});

test('adapters of the network are downloaded once, and what is none is not kept', async () => {
  server.files.set('/fables.safetensors', { body: withAlpha, drops: [1000] }); // the download is resumed
  const url = `${server.site}/fables.safetensors`;
  expect((await read(url)).logits).toEqual(merged.logits);
  const asked = server.asked.length;
  const again = await read({ source: new URL(url), alpha: 2 });
  expect([again.logits, again.info.lora]).toEqual([merged.logits, 'fables.safetensors']);
  expect(server.asked).toHaveLength(asked);

  server.files.set('/page', { body: new TextEncoder().encode('<!doctype html>'), type: 'text/html' });
  expect(await failure(read(`${server.site}/page`))).toMatchObject({
    code: 'bad-file',
    message: expect.stringMatching(/page: expected a file of adapters/),
  });
  expect((await store.list()).map(({ url }) => url)).toEqual([url]);
});

test('options of adapters are checked by name', () => {
  const message = (lora: object) => {
    try {
      checkLoadOptions({ lora } as LoadOptions);
    } catch (error) {
      return (error as Error).message;
    }
    return '';
  };
  expect(checkLoadOptions({ lora: 'a.pth' })).toMatchObject({
    lora: { source: 'a.pth', alpha: null, scale: null },
  });
  expect(message({ alpha: 1 })).toMatch(/^option lora\.source: expected a URL/);
  expect(message({ source: 'a.pth', alpha: 0 })).toMatch(/^option lora\.alpha: expected a number above 0/);
  expect(message({ source: 'a.pth', scale: Number.NaN })).toMatch(/^option lora\.scale: expected/);
  expect(message({ source: 'a.pth', alpha: 1, scale: 1 })).toMatch(
    /^option lora\.scale: expected not to come with alpha/,
  );
  expect(message({ source: 'a.pth', strength: 1 })).toMatch(/strength/);
});

test('all weights are not learned of a model with adapters, whose file has none', async () => {
  const model = await RWKV.load(path, { tokenizer: false, quantization: 'f32', lora: file, learning });
  const { result } = model.tune([[0, 5, 6, 7]], { method: 'full', steps: 1 });
  expect(await failure(result)).toMatchObject({
    code: 'unsupported',
    message: expect.stringContaining('without lora'),
  });
  await model.dispose();
});

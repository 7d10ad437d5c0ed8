// Every kind of file through the public API in Node; tests/browser/files.test.ts does the same in a browser.
import { openAsBlob, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { type Model, RWKV } from '../../dist/node.js';
import { quantizations } from '../../dist/shared/number-formats.js';
import { maxDifference, modelFiles, modelFolder, oracleOf, tolerance } from './oracles.js';
import { collect, textOf } from './streams.js';

async function logits(model: Model, tokens: readonly number[]): Promise<Float32Array> {
  const session = await model.createSession();
  await session.append(tokens);
  return session.logits();
}

async function story(model: Model): Promise<string> {
  const session = await model.createSession({ seed: 3 });
  return textOf(session.complete('In a', { maxTokens: 12, topP: 1 }));
}

test('there is a file of every kind', () => {
  const kinds = new Set(modelFiles.map((name) => name.replace(/^[^.]*/, '')));
  expect([...kinds].sort()).toEqual(
    [
      ...['.bin', '.f16.gguf', '.gguf', '.q8_0.gguf', '.pth', '.turned.pth'],
      ...['.safetensors', '.hugging-face.safetensors', '.web-rwkv.safetensors'],
    ].sort(),
  );
});

test.each(modelFiles)('%s: inspect, exact logits, and a completion', async (name) => {
  const path = modelFolder + name;
  const file = await RWKV.inspect(path);
  const oracle = oracleOf(name);
  const model = await RWKV.load(path, { quantization: 'f32', tokenizer: 'bytes' });
  expect(model.info).toMatchObject({ name, version: file.version, format: file.format, warnings: [] });
  expect(file.memory.f32).toBe(model.info.bytes);
  expect(file.parameters).toBe(model.info.parameters);
  if (oracle) {
    expect(file.version).toBe(oracle.version);
    expect(maxDifference(await logits(model, oracle.tokens), oracle.logits)).toBeLessThan(tolerance(name));
  }
  expect((await story(model)).length).toBeGreaterThan(0);
  await model.dispose();

  expect(Object.keys(file.memory)).toEqual(quantizations); // the core's list is the package's
  for (const quantization of quantizations) {
    const small = await RWKV.load(path, { quantization, tokenizer: 'bytes' });
    expect(small.info.bytes).toBe(file.memory[quantization]);
    expect((await story(small)).length).toBeGreaterThan(0);
    await small.dispose();
  }
});

test.each(['v7-bf16.gguf', 'v4-bf16.bin', 'v6-bf16.turned.pth'])(
  '%s: from a Blob on disk and from its packed file the same logits',
  async (name) => {
    const path = modelFolder + name;
    const tokens = [1, 2, 3, 4];
    const options = { quantization: 'q4', tokenizer: false } as const;
    const model = await RWKV.load(path, options);
    const expected = await logits(model, tokens);
    await model.dispose();
    const packed = Buffer.concat(await collect(RWKV.convert(path, { quantization: 'q4' })));
    for (const source of [await openAsBlob(path), packed, new Blob([packed])]) {
      const other = await RWKV.load(source, options);
      expect(await logits(other, tokens)).toEqual(expected);
      await other.dispose();
    }
    expect(await RWKV.inspect(packed)).toMatchObject({ format: 'rwkv-wasm', quantization: 'q4' });
  },
);

test('a packed file is loaded as what it was made for, unless something else is asked for', async () => {
  const packed = Buffer.concat(
    await collect(RWKV.convert(`${modelFolder}v7-bf16.pth`, { quantization: 'q4' })),
  );
  for (const [asked, found] of [
    [undefined, 'q4'],
    ['f16', 'f16'],
    ['q8', 'q8'],
  ] as const) {
    const model = await RWKV.load(packed, { quantization: asked, tokenizer: false });
    expect(model.info.quantization).toBe(found);
    await model.dispose();
  }
});

test('a newer packed file is refused with both versions', async () => {
  const packed = Buffer.concat(await collect(RWKV.convert(`${modelFolder}v7-bf16.pth`)));
  const at = packed.indexOf('"rwkv_wasm_version":"2"');
  packed.write('"rwkv_wasm_version":"9"', at);
  await expect(RWKV.load(packed)).rejects.toMatchObject({
    code: 'unsupported',
    message: expect.stringMatching(/format 9, written by a newer rwkv-wasm; this one reads format 2/),
  });
});

test('the vocabulary inside a GGUF file comes along, also into the packed file', async () => {
  const path = `${modelFolder}v7-bf16.gguf`;
  const packed = Buffer.concat(await collect(RWKV.convert(path)));
  for (const source of [path, readFileSync(path), packed]) {
    const model = await RWKV.load(source);
    expect(await model.tokenize('In')).toEqual([73, 110]);
    expect((await story(model)).length).toBeGreaterThan(0);
    await model.dispose();
  }
});

test('weights that are not finite load, and are told of', async () => {
  const file = readFileSync(`${modelFolder}v7-bf16.safetensors`);
  const header = JSON.parse(file.subarray(8, 8 + Number(file.readBigUInt64LE())).toString());
  const begin = 8 + Number(file.readBigUInt64LE());
  for (const name of ['blocks.0.att.key.weight', 'blocks.1.ln1.bias'])
    file.writeUInt16LE(0x7fc0, begin + header[name].data_offsets[0]);
  for (const quantization of ['f32', 'q8'] as const) {
    const model = await RWKV.load(file, { quantization, tokenizer: false });
    expect(model.info.warnings).toEqual(
      ['blocks.1.ln1.bias: 1 value is not finite', 'blocks.0.att.key.weight: 1 value is not finite'].sort(),
    );
    await model.dispose();
  }
});

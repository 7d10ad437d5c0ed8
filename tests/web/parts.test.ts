// Models in several files, through every door; and models that cannot fit.
import { spawnSync } from 'node:child_process';
import {
  closeSync,
  ftruncateSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { type LoadProgress, type Model, type ModelSource, RWKV, store } from '../../dist/node.js';
import { maxDifference, modelFolder, oracleOf, tolerance } from './oracles.js';
import { cutGguf, cutSafetensors, type PartFile } from './parts.js';
import { collect, failure } from './streams.js';

let folder: string;
let server: Server;
let site: string;
const asked: string[] = [];

const safetensors = cutSafetensors(readFileSync(`${modelFolder}v7-bf16.safetensors`), 3);
const gguf = cutGguf(readFileSync(`${modelFolder}v7-bf16.gguf`), 3);
const options = { quantization: 'f32', tokenizer: false, threads: 1 } as const;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'rwkv-parts-'));
  vi.stubEnv('RWKV_WASM_CACHE', join(folder, 'cache'));
  for (const { name, bytes } of [...safetensors, ...gguf]) writeFileSync(join(folder, name), bytes);
  server = createServer(({ url = '' }, response) => {
    asked.push(url);
    const file = [...safetensors, ...gguf].find(({ name }) => url.startsWith(`/folder/${name}`));
    response.writeHead(file ? 200 : 404).end(file?.bytes);
  });
  await new Promise<void>((resolve) => void server.listen(0, resolve));
  const { port } = server.address() as AddressInfo;
  site = `http://localhost:${port}/folder/`;
});
afterAll(() => {
  vi.unstubAllEnvs();
  server.close();
  rmSync(folder, { recursive: true });
});

async function expectOracle(source: ModelSource, name: string) {
  const oracle = oracleOf('v7-bf16.pth');
  if (!oracle) throw new Error('no oracle');
  const model: Model = await RWKV.load(source, options);
  const session = await model.createSession();
  await session.append(oracle.tokens);
  expect(maxDifference(await session.logits(), oracle.logits)).toBeLessThan(tolerance('v7-bf16.pth'));
  expect(model.info.name).toBe(name);
  await model.dispose();
}

const blobOf = ({ name, bytes }: PartFile) => new File([bytes], name);
const at = (files: readonly PartFile[], i: number) => {
  const file = files.at(i);
  if (!file) throw new Error('no such part');
  return file;
};

test('the index of safetensors files loads them, by its path and by its URL', async () => {
  const name = 'model.safetensors.index.json';
  await expectOracle(join(folder, name), name);
  await expectOracle(pathToFileURL(join(folder, name)), name);
  asked.length = 0;
  await expectOracle(`${site}${name}?download=true`, name);
  expect(asked.map((url) => url.replace('/folder/', '')).sort()).toEqual(
    safetensors.map((part) => `${part.name}?download=true`).sort(),
  );
  expect((await store.list()).map((file) => file.name).sort()).toEqual(
    safetensors.map((part) => part.name).sort(),
  );
  asked.length = 0;
  await expectOracle(`${site}${name}?download=true`, name);
  expect(asked).toEqual([]); // all of it is in the store
});

test.each([
  ['safetensors', safetensors],
  ['gguf', gguf],
] as const)('any of numbered %s files loads them all, by path and URL', async (kind, files) => {
  for (const i of [0, 1]) {
    await expectOracle(join(folder, at(files, i).name), `model.${kind}`);
    await expectOracle(`${site}${at(files, i).name}`, `model.${kind}`);
  }
});

test.each([
  ['safetensors', safetensors.slice(0, 3)],
  ['gguf', gguf],
] as const)('all %s files in any order load, as Files, paths and bytes', async (kind, files) => {
  const [a, b, c] = [at(files, 2), at(files, 0), at(files, 1)];
  await expectOracle([blobOf(a), blobOf(b), blobOf(c)], `model.${kind}`);
  await expectOracle([join(folder, a.name), blobOf(b), `${site}${c.name}`], `model.${kind}`);
  await expectOracle([a.bytes, b.bytes, c.bytes], 'bytes');
});

test('an index may be among the files', async () => {
  await expectOracle(safetensors.map(blobOf), 'model.safetensors.index.json');
});

test('inspect, convert and the command line know models in several files', async () => {
  const index = join(folder, 'model.safetensors.index.json');
  const whole = await RWKV.inspect(`${modelFolder}v7-bf16.safetensors`);
  expect(await RWKV.inspect(index)).toMatchObject({ parameters: whole.parameters, memory: whole.memory });
  const packed = Buffer.concat(await collect(RWKV.convert(gguf.map(blobOf), { quantization: 'f32' })));
  await expectOracle(packed, 'bytes');
  const cli = new URL('../../dist/cli.js', import.meta.url).pathname;
  for (const file of [index, join(folder, at(gguf, 0).name)]) {
    const { stdout } = spawnSync(process.execPath, [cli, 'inspect', file, '--json'], { encoding: 'utf8' });
    expect(JSON.parse(stdout)).toMatchObject({ parameters: whole.parameters });
  }
});

test('what is missing of a model in several files is named', async () => {
  const [first, second, third, index] = [0, 1, 2, 3].map((i) => at(safetensors, i));
  if (!first || !second || !third || !index) throw new Error('four files');
  for (const [source, message] of [
    [blobOf(second), 'model-00002-of-00003.safetensors: one of 3 files: give all of them'],
    [blobOf(index), 'model.safetensors.index.json: an index: give all files that it lists with it'],
    [[blobOf(first), blobOf(third)], 'its part model-00002-of-00003.safetensors was not given'],
    [
      [blobOf(first), blobOf(index), blobOf(third)],
      'its part model-00002-of-00003.safetensors was not given',
    ],
    [[...safetensors.map(blobOf), new File([], 'README.md')], 'README.md: none of the parts of the model'],
    [[blobOf(index), blobOf(index)], 'a second index'],
    [[at(gguf, 0).bytes, at(gguf, 2).bytes], 'part 1 of 3, expected part 1 of 2 files'],
    [[first.bytes, at(gguf, 1).bytes], 'not a file of the same format as'],
    [[first.bytes, first.bytes], 'is in bytes too'],
    [[new File(['x'], 'a.pth'), new File(['x'], 'b.pth')], 'a.pth: expected safetensors or GGUF'],
  ] satisfies [ModelSource, string][]) {
    const error = await failure(RWKV.load(source, options));
    expect(error).toMatchObject({ message: expect.stringContaining(message) });
  }
  expect(await failure(RWKV.load([], options))).toMatchObject({ code: 'invalid-argument' });
  expect(
    await failure(RWKV.load(join(folder, index.name), { ...options, sha256: '0'.repeat(64) })),
  ).toMatchObject({
    code: 'invalid-argument',
  });
});

test('an index leads nowhere but to files beside it', async () => {
  const path = join(folder, 'hostile.index.json');
  const tensors = Array.from({ length: 3 }, (_, i) => `t${i}`);
  for (const name of [
    '../secret',
    '/etc/passwd',
    'http://elsewhere/x',
    'a\\b',
    '..',
    '.',
    '',
    'a?b',
    7,
    null,
  ]) {
    writeFileSync(
      path,
      JSON.stringify({ weight_map: Object.fromEntries(tensors.map((key) => [key, name])) }),
    );
    expect(await failure(RWKV.load(path, options))).toMatchObject({
      code: 'bad-file',
      message: expect.stringContaining('expected the name of a file beside it'),
    });
  }
  for (const text of ['{}', '[]', '{"weight_map":{}}', 'null', '{"weight_map":']) {
    writeFileSync(path, text);
    expect(await failure(RWKV.load(path, options))).toMatchObject({
      code: 'bad-file',
      message: expect.stringContaining('hostile.index.json: no index of a model'),
    });
  }
});

test('parts that are cut off or say what is not so are refused by name', async () => {
  const [first, second, third] = [0, 1, 2].map((i) => blobOf(at(safetensors, i)));
  if (!first || !second || !third) throw new Error('three files');
  const cut = new File([second.slice(0, second.size - 1)], second.name);
  expect(await failure(RWKV.load([first, cut, third], options))).toMatchObject({
    code: 'bad-file',
    message: expect.stringMatching(/^model-00002-of-00003.safetensors: .*data_offsets/),
  });
  for (const files of [safetensors.slice(0, 3), gguf]) {
    for (let length = 0; length < 2_000; length += 397) {
      const bytes = at(files, 1).bytes.subarray(0, length);
      const parts = [at(files, 0).bytes, bytes, at(files, 2).bytes];
      expect(await failure(RWKV.inspect(parts))).toMatchObject({ name: 'RwkvError' });
    }
  }
});

// v7 with eight layers and channel mixes of 2^20 rows: 2.2 billion weights, none of which takes room on the disk.
function writeLarge(path: string): void {
  const small = readFileSync(`${modelFolder}v7-bf16.safetensors`);
  const header: Record<string, { shape: number[]; data_offsets?: number[] }> = JSON.parse(
    small.subarray(8, 8 + Number(small.readBigUInt64LE())).toString(),
  );
  const large: typeof header = {};
  for (const [name, { data_offsets: _, ...rest }] of Object.entries(header)) {
    if (name === '__metadata__') continue;
    large[name] = rest;
    for (let i = 2; name.startsWith('blocks.1.') && i < 8; i++)
      large[name.replace('1', String(i))] = { ...rest };
  }
  let end = 0;
  for (const [name, entry] of Object.entries(large)) {
    if (name.endsWith('ffn.key.weight')) entry.shape = [2 ** 20, entry.shape[1] ?? 0];
    if (name.endsWith('ffn.value.weight')) entry.shape = [entry.shape[0] ?? 0, 2 ** 20];
    const bytes = 2 * entry.shape.reduce((product, size) => product * size, 1);
    entry.data_offsets = [end, end + bytes];
    end += bytes;
  }
  const text = Buffer.from(JSON.stringify(large));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  const file = openSync(path, 'w');
  writeSync(file, Buffer.concat([length, text]));
  ftruncateSync(file, 8 + text.length + end);
  closeSync(file);
}

test('what cannot fit is refused before a weight is read, with what fits', async () => {
  const path = join(folder, 'large.safetensors');
  writeLarge(path);
  for (const quantization of ['f32', 'f16'] as const) {
    for (const threads of [1, 2]) {
      const stages: string[] = [];
      const onProgress = ({ stage }: LoadProgress) => void stages.push(stage);
      const error = await failure(RWKV.load(path, { quantization, threads, tokenizer: false, onProgress }));
      expect(error).toMatchObject({
        code: 'out-of-memory',
        message: expect.stringMatching(
          new RegExp(
            `^large.safetensors: ${quantization} takes \\d\\.\\d GB, more .*; quantization 'q8' takes 2\\.\\d GB, 'q4' takes 1\\.\\d GB$`,
          ),
        ),
      });
      expect(stages).toEqual([]);
    }
  }
});

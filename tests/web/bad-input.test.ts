// Files that no model is made of: a clear error with its code, and the next load works.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { type LoadOptions, type LoadProgress, RWKV, RwkvError } from '../../dist/node.js';
import { safetensors } from './safetensors.js';
import { failure } from './streams.js';

const fixture = (name: string) => readFileSync(new URL(`../fixtures/oracle/${name}`, import.meta.url));
const good = fixture('v7-bf16.pth');
const storyVocabulary = fileURLToPath(
  new URL('../../web/storyteller/rwkv7-tales-8.0M-vocab.txt', import.meta.url),
);

/** The good file with every `from` turned into `to`, of the same length. */
function replaced(from: string, to: string): Buffer {
  expect(to.length).toBe(from.length);
  const text = good.toString('latin1');
  expect(text).toContain(from);
  return Buffer.from(text.replaceAll(from, to), 'latin1');
}

const load = (file: Uint8Array, options: LoadOptions = {}) =>
  RWKV.load(new File([new Uint8Array(file)], 'chosen.bin'), { tokenizer: false, ...options });

async function refuses(file: Uint8Array, code: string, message: RegExp, options: LoadOptions = {}) {
  const error = await failure(load(file, options));
  expect(error).toBeInstanceOf(RwkvError);
  expect([error.code, error.message]).toEqual([code, expect.stringMatching(message)]);
  const model = await RWKV.load(good, { tokenizer: false });
  expect(model.info.version).toBe('7');
  await model.dispose();
}

describe('a file is refused that', () => {
  test.each([
    [0, /^chosen\.bin: the file is empty/],
    [1, /^chosen\.bin: not a \.pth, \.safetensors, GGUF or rwkv\.cpp file; it starts with 50$/],
    [3, /^chosen\.bin: not a .* it starts with 50 4b 03$/],
    ...[100, 5_000, good.length >> 1, good.length - 1].map((n) => [n, /^chosen\.bin: .*cut off/] as const),
  ] as const)('ends after %i bytes', (length, message) =>
    refuses(good.subarray(0, length), 'bad-file', message),
  );
  test.each([7, 60, 1_000])('is a safetensors file that ends after %i bytes', (length) =>
    refuses(safetensors({ 'emb.weight': [[16, 64]] }).subarray(0, length), 'bad-file', /^chosen\.bin: /),
  );
  test.each([
    ['an image', '\x89PNG\r\n\x1a\n0000000000000000', 'bad-file', /it starts with 89 50 4e 47/],
    ['a text', 'Once upon a time there was a text that was no model.', 'bad-file', /starts with 4f 6e 63/],
    ['a web page', '<!doctype html><p>404</p>', 'bad-file', /^chosen\.bin: .*HTML/],
    ['an empty GGUF', `GGUF\x03\0\0\0${'\0'.repeat(40)}`, 'bad-file', /architecture: missing$/],
    ['a GGUF of a later version', `GGUF\x04\0\0\0${'\0'.repeat(40)}`, 'unsupported', /GGUF.* 4/],
    ['a short file of rwkv.cpp', 'fmgg\x65\0\0\0', 'bad-file', /^chosen\.bin: /],
  ] as const)('is %s', (_, text, code, message) => refuses(Buffer.from(text, 'latin1'), code, message));

  test('names a function that no model needs', () =>
    refuses(
      replaced('torch._utils\n_rebuild_tensor_v2', `posix\nsystem${'_'.repeat(19)}`),
      'bad-model',
      /^chosen\.bin: emb\.weight: holds posix\.system/,
    ));
  test('takes a function that models need from another module', () =>
    refuses(
      replaced('torch._utils\n', 'posix.popen_\n'),
      'bad-model',
      /emb\.weight: holds posix\.popen_\._rebuild_tensor_v2, expected F32/,
    ));
  test('has an unknown pickle opcode', () =>
    refuses(replaced('}q\x00(X', '}q\x00\xffX'), 'bad-file', /^chosen\.bin: .*opcode 0xff at byte 5/));
  test('lacks a tensor', () =>
    refuses(
      replaced('ln_out.weight', 'ln_oux.weight'),
      'bad-model',
      /^chosen\.bin: ln_out\.weight: missing, expected \(128\)/,
    ));
  test('has a tensor of the wrong shape', () =>
    refuses(
      safetensors({
        'emb.weight': [[16, 64]],
        'blocks.0.ffn.key.weight': [[8, 64]],
        'blocks.0.att.r_k': [[1, 64]],
        'blocks.0.ln0.weight': [[32]],
      }),
      'bad-model',
      /blocks\.0\.ln0\.weight: expected \(64\), file has \(32\)/,
    ));
  test('is no RWKV model', () =>
    refuses(safetensors({ 'conv.weight': [[4, 4]] }), 'bad-model', /emb\.weight/));
});

describe('a vocabulary is refused that', () => {
  const vocabulary = (text: string) => ({ tokenizer: new TextEncoder().encode(text) });
  test('does not fit the model', () =>
    refuses(fixture('v4-bf16.pth'), 'bad-vocabulary', /vocab\.txt: .*4095.*255/, {
      tokenizer: storyVocabulary,
    }));
  test('is none', () => refuses(good, 'bad-vocabulary', /line 1/, vocabulary('what is this')));
  test('is cut off', () => refuses(good, 'bad-vocabulary', /line 2/, vocabulary("1 'a' 1\n2 'b")));
});

test.each([
  ['before anything is read', (controller: AbortController) => controller.abort()],
  ['while the worker starts', (controller: AbortController) => setTimeout(() => controller.abort())],
])('a load may be aborted %s, and the next one works', async (_, abort) => {
  const controller = new AbortController();
  const loading = failure(load(good, { signal: controller.signal }));
  abort(controller);
  expect((await loading).name).toBe('AbortError');
  await (await load(good)).dispose();
});

test('a load may be aborted while tensors are read, and the next one works', async () => {
  const controller = new AbortController();
  const stages = new Set<string>();
  const onProgress = ({ stage }: LoadProgress) => {
    stages.add(stage);
    controller.abort();
  };
  const error = await failure(load(good, { signal: controller.signal, onProgress }));
  expect([error.name, [...stages]]).toEqual(['AbortError', ['load']]);
  await (await load(good)).dispose();
});

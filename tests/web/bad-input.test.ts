// Files and values that no model is made of: a clear error with its code, and the next load works.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { type LoadOptions, RWKV, RwkvError } from '../../dist/node.js';
import { failure } from './streams.js';

const good = readFileSync(fileURLToPath(new URL('../fixtures/oracle/v7-bf16.pth', import.meta.url)));
const storyVocabulary = fileURLToPath(
  new URL('../../web/storyteller/rwkv7-tales-4.6M-vocab.txt', import.meta.url),
);

/** The good file with every `from` turned into `to`, of the same length. */
function replaced(from: string, to: string): Buffer {
  expect(to.length).toBe(from.length);
  const text = good.toString('latin1');
  expect(text).toContain(from);
  return Buffer.from(text.replaceAll(from, to), 'latin1');
}

function safetensors(tensors: Record<string, number[]>): Buffer {
  let offset = 0;
  const entries = Object.entries(tensors).map(([name, shape]) => {
    const bytes = 4 * shape.reduce((product, size) => product * size, 1);
    offset += bytes;
    return [name, { dtype: 'F32', shape, data_offsets: [offset - bytes, offset] }];
  });
  const header = Buffer.from(JSON.stringify(Object.fromEntries(entries)));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  return Buffer.concat([length, header, Buffer.alloc(offset)]);
}

async function refuses(file: Uint8Array, code: string, message: RegExp, options: LoadOptions = {}) {
  const error = await failure(RWKV.load(file, { tokenizer: false, ...options }));
  expect(error).toBeInstanceOf(RwkvError);
  expect([error.code, error.message]).toEqual([code, expect.stringMatching(message)]);
  const model = await RWKV.load(good, { tokenizer: false });
  expect(model.info.version).toBe('7');
  await model.dispose();
}

describe('a file is refused that', () => {
  test.each([1, 3, 100, 5_000, good.length >> 1, good.length - 1])('ends after %i bytes', (length) =>
    refuses(good.subarray(0, length), 'bad-file', /./),
  );
  test.each([
    ['an image', '\x89PNG\r\n\x1a\n0000000000000000', 'bad-file', /./],
    ['a text', 'Once upon a time there was a text that was no model.', 'bad-file', /./],
    ['a web page', '<!doctype html><p>404</p>', 'bad-file', /HTML/],
    ['GGUF', `GGUF\x03\0\0\0${'\0'.repeat(40)}`, 'unsupported', /GGUF/],
  ] as const)('is %s', (_, text, code, message) => refuses(Buffer.from(text, 'latin1'), code, message));

  test('names a function that no model needs', () =>
    refuses(
      replaced('torch._utils\n_rebuild_tensor_v2', `posix\nsystem${'_'.repeat(19)}`),
      'unsupported',
      /system/,
    ));
  test('has an unknown pickle opcode', () =>
    refuses(replaced('}q\x00(X', '}q\x00\xffX'), 'bad-file', /opcode/));
  test('lacks a tensor', () =>
    refuses(replaced('ln_out.weight', 'ln_oux.weight'), 'bad-model', /ln_out\.weight: missing/));
  test('has a tensor of the wrong shape', () =>
    refuses(
      safetensors({
        'emb.weight': [16, 64],
        'blocks.0.ffn.key.weight': [8, 64],
        'blocks.0.att.r_k': [1, 64],
        'blocks.0.ln0.weight': [32],
      }),
      'bad-model',
      /blocks\.0\.ln0\.weight: expected \(64\), file has \(32\)/,
    ));
  test('is no RWKV model', () => refuses(safetensors({ 'conv.weight': [4, 4] }), 'bad-model', /emb\.weight/));
});

describe('a vocabulary is refused that', () => {
  const vocabulary = (text: string) => ({ tokenizer: new TextEncoder().encode(text) });
  test('does not fit the model', () =>
    refuses(good, 'bad-vocabulary', /4095.*255/, { tokenizer: storyVocabulary }));
  test('is none', () => refuses(good, 'bad-vocabulary', /line 1/, vocabulary('what is this')));
  test('is cut off', () => refuses(good, 'bad-vocabulary', /line 2/, vocabulary("1 'a' 1\n2 'b")));
});

test('a load may be aborted, and the next one works', async () => {
  const controller = new AbortController();
  const loading = RWKV.load(good, { tokenizer: false, signal: controller.signal });
  controller.abort();
  expect((await failure(loading)).name).toBe('AbortError');
  await (await RWKV.load(good, { tokenizer: false })).dispose();
});

test('token ids out of range, bad options and text without a tokenizer leave the session usable', async () => {
  const model = await RWKV.load(good, { tokenizer: false });
  const session = await model.createSession();
  for (const id of [-1, 256, 1.5, Number.NaN])
    expect((await failure(session.append([id]))).code).toBe('invalid-argument');
  expect((await failure(session.append('text'))).code).toBe('no-tokenizer');
  expect((await failure(model.tokenize('text'))).code).toBe('no-tokenizer');
  const wrong = { topP: 2 };
  const first = async () => void (await session.generate([1], wrong)[Symbol.asyncIterator]().next());
  const error = await failure(first());
  expect([error.code, error.message]).toEqual(['invalid-argument', expect.stringMatching(/topP.*0 to 1.*2/)]);
  await session.append([1, 2, 3]);
  expect((await session.logits()).length).toBe(256);
  await model.dispose();
});

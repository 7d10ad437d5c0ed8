// The parts of the page that need no page: branches, undo, and the picture of a saved state.
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { RWKV } from '../../dist/node.js';
import { cut } from '../../web/demo/cut.js';
import { type Version, withVersion } from '../../web/demo/documents/versions.js';
import { layersOf } from '../../web/demo/look/saved-session.js';
import { History } from '../../web/demo/write/history.js';
import { grow, Tree } from '../../web/demo/write/tree.js';

const words = (...texts: string[]) => texts.map((text, token) => ({ token, text }));

test('a branch begins behind the steps it keeps, and is found by its text', () => {
  const tree = new Tree('Once', ' End.');
  const first = tree.add(tree.root(), 0);
  for (const step of words(' upon', ' a', ' time')) grow(first, step);
  const second = tree.add(first, 1);
  for (const step of words(' the', ' hill')) grow(second, step);
  tree.current = second;
  expect(tree.textOf(second)).toBe('Once upon the hill');
  expect(tree.way(second).map(({ step }) => step.text)).toEqual([' upon', ' the', ' hill']);
  expect(tree.find('Once upon a time')).toEqual({ branch: first, count: 3 });
  expect(tree.find('Once upon')).toEqual({ branch: first, count: 1 });
  expect(tree.find('Once')).toEqual({ branch: tree.root(), count: 0 });
  expect(tree.find('Once up')).toBeUndefined();
});

test('a burst of typing is one step of undo, and a change ends what could be redone', () => {
  const history = new History();
  const at = (text: string) => ({ text, caret: text.length });
  history.beforeTyping(at(''), 0);
  history.beforeTyping(at('a'), 300);
  history.beforeTyping(at('ab'), 2000);
  expect(history.undo(at('abc'))).toEqual(at('ab'));
  expect(history.undo(at('ab'))).toEqual(at(''));
  expect(history.undo(at(''))).toBeUndefined();
  expect(history.redo(at(''))).toEqual(at('ab'));
  history.before(at('ab'));
  expect(history.redo(at('abd'))).toBeUndefined();
});

const version = (text: string, at: number, before: Version['before'] = 'continuing') => ({
  ...{ text, at, before, sampling: {} },
});
const textsOf = (all: readonly Version[]) =>
  all.reduce<readonly Version[]>(withVersion, []).map(({ text }) => text);

test('the last twenty versions are kept, the same text once', () => {
  const all = Array.from({ length: 50 }, (_, i) => version(`text ${i >> 1}`, i));
  expect(textsOf(all)).toEqual(Array.from({ length: 20 }, (_, i) => `text ${i + 5}`));
});

test('versions of long texts are fewer, but never none', () => {
  const long = (letter: string, length: number) => version(letter.repeat(length), 0);
  expect(textsOf([long('a', 9e5), long('b', 9e5), long('c', 9e5)]).map(([first]) => first)).toEqual([
    'b',
    'c',
  ]);
  expect(textsOf([long('a', 10), long('b', 5e6)]).map(([first]) => first)).toEqual(['b']);
});

test('pauses of typing give a version every other minute, and take the place of no other', () => {
  const typed = Array.from({ length: 60 }, (_, i) => version(`typed ${i}`, i * 10_000, 'typing'));
  const found = textsOf([version('before', 0), ...typed.slice(1), version('after', 1e6)]);
  expect(found).toEqual(['before', 'typed 12', 'typed 24', 'typed 36', 'typed 48', 'typed 59', 'after']);
});

test.each([
  ['short', 10, 'back', 'short'],
  ['a long label', 7, 'back', 'a long…'],
  ['a long label', 6, 'front', '…label'],
  ['a long label', 7, 'front', '…label'],
  ['🦊🦊🦊🦊', 3, 'back', '🦊🦊…'],
  ['🦊🦊🦊🦊', 3, 'front', '…🦊🦊'],
  ['a🦊🦊🦊', 4, 'back', 'a🦊🦊🦊'],
] as const)('%s of %d characters, cut at its %s, is %s', (text, most, at, expected) => {
  expect(cut(text, most, at)).toBe(expected);
});

test.each([
  ['v4-bf16.pth', { heads: 1, rows: 2 }],
  ['v7-bf16.pth', { rows: 64, columns: 64 }],
])('the saved state of %s is read as its layers', async (name, shape) => {
  const path = fileURLToPath(new URL(`../fixtures/oracle/${name}`, import.meta.url));
  const model = await RWKV.load(path, { tokenizer: 'bytes' });
  const session = await model.createSession();
  const fresh = layersOf(await session.save(), model.info);
  await session.append('a text');
  const after = layersOf(await session.save(), model.info);
  await model.dispose();
  expect(after).toHaveLength(model.info.layers);
  for (const [i, layer] of (after ?? []).entries()) {
    expect(layer).toMatchObject(shape);
    expect(layer.values).toHaveLength(layer.heads * layer.rows * layer.columns);
    expect(fresh?.[i]?.values.every((value) => value === 0)).toBe(true);
    expect(layer.values.every(Number.isFinite)).toBe(true);
    expect(layer.values.some((value) => value !== 0)).toBe(true);
  }
  expect(layersOf(await half(path), model.info)).toBeUndefined();
});

// A session in another form than the one that is read.
async function half(path: string): Promise<Uint8Array> {
  const model = await RWKV.load(path, { tokenizer: 'bytes' });
  const bytes = await (await model.createSession()).save({ half: true });
  await model.dispose();
  return bytes;
}

// The parts of the page that need no page: branches, undo, and the picture of a saved state.
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { RWKV } from '../../dist/node.js';
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

// When the build makes something again: by contents, whatever the times of the files say.
import { cpSync, mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { filesBelow, forget, isCurrent, make, type Part } from '../../wasm/stamps.mjs';

let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'rwkv-wasm-stamps-'));
  mkdirSync(join(root, 'src/inner'), { recursive: true });
  write('src/a.cpp', 'int a;');
  write('src/inner/b.h', 'int b;');
  write('src/notes.md', 'not an input');
});
afterEach(() => rmSync(root, { recursive: true }));

const write = (path: string, text: string) => writeFileSync(join(root, path), text);

const part = (settings: Part['settings'] = {}, folder = root): Part => ({
  root: folder,
  stamp: 'build/stamps/part.json',
  inputs: () => filesBelow(folder, ['src', 'flags.txt'], /\.(cpp|h|txt)$/),
  outputs: () => filesBelow(folder, ['out.wasm']),
  settings,
});

const build = (settings: Part['settings'] = {}) => make(part(settings), () => write('out.wasm', 'made'));

test('nothing is current before it is made, and all that is made is', async () => {
  expect(isCurrent(part())).toBe(false);
  await build();
  expect(isCurrent(part())).toBe(true);
});

test('touched files and a copy of all files are current', async () => {
  await build();
  const copy = `${root}-copy`;
  try {
    for (const path of [...part().inputs(), ...part().outputs()])
      utimesSync(join(root, path), new Date(), new Date(Date.now() + 3_600_000));
    cpSync(root, copy, { recursive: true });
    expect(isCurrent(part())).toBe(true);
    expect(isCurrent(part({}, copy))).toBe(true);
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
});

test.each([
  ['an input changes, and keeps its size', () => write('src/a.cpp', 'int c;')],
  ['an input is new', () => write('flags.txt', '-O2')],
  ['an input goes', () => rmSync(join(root, 'src/inner/b.h'))],
  ['an output changes', () => write('out.wasm', 'else')],
  ['an output goes', () => rmSync(join(root, 'out.wasm'))],
  ['the stamp is half written', () => write('build/stamps/part.json', '{"settings":{')],
  ['it is forgotten', () => forget(part())],
])('%s: not current, until it is made again', async (_, change) => {
  await build();
  change();
  expect(isCurrent(part())).toBe(false);
  await build();
  expect(isCurrent(part())).toBe(true);
});

test('what is no input does not matter', async () => {
  await build();
  write('src/notes.md', 'changed');
  expect(isCurrent(part())).toBe(true);
});

test('settings decide too, those that are known', async () => {
  await build({ emscripten: '6.0.5' });
  expect(isCurrent(part({ emscripten: '6.0.5' }))).toBe(true);
  expect(isCurrent(part({ emscripten: '6.0.6' }))).toBe(false);
  expect(isCurrent(part({ emscripten: undefined }))).toBe(true);
});

test('a build that fails leaves nothing current, and so does one whose input changes meanwhile', async () => {
  await build();
  const broken = make(part(), () => {
    throw new Error('interrupted');
  });
  await expect(broken).rejects.toThrow('interrupted');
  expect(isCurrent(part())).toBe(false);

  await make(part(), () => write('src/a.cpp', 'int late;'));
  expect(isCurrent(part())).toBe(false);
});

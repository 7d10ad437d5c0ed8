// The same sources give the same bytes. The modules of WebAssembly are left to `npm run reproducible`, for they take minutes.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { buildCopy, differences, productsOf } from '../reproducible.mjs';
import { repository, tarball } from './packed.js';

test('a copy elsewhere builds the same scripts, types, notices, tarball and site', async () => {
  const copy = mkdtempSync(join(tmpdir(), 'rwkv-wasm-copy-'));
  try {
    await buildCopy(copy, { modules: false });
    tarball(); // makes what only prepack makes
    const here = productsOf(repository);
    for (const name of ['dist/index.js', 'dist/rwkv.min.js', 'packed/rwkv-wasm-0.1.0.tgz', 'site/index.html'])
      expect([...here.keys()]).toContain(name);
    expect(differences(here, productsOf(copy))).toEqual([]);
  } finally {
    rmSync(copy, { recursive: true });
  }
}, 300_000);

test('a difference is told by name', () => {
  const files = (text: string) =>
    new Map([
      ['same', Buffer.from('')],
      [text, Buffer.from('')],
      ['changed', Buffer.from(text)],
    ]);
  expect(differences(files('one'), files('two'))).toEqual(['changed', 'one', 'two']);
});

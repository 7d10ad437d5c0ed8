// Code of others ships under their licences: the package's notices and the site's name all of it, with the texts, and nothing else.
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { rolldown } from 'rolldown';
import { build } from 'vite';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ForeignPart, noticesName, noticesOf, partsIn, partsOfModules } from '../../wasm/notices.mjs';
import { createProject, type Project, repository } from './packed.js';

const site = mkdtempSync(join(tmpdir(), 'rwkv-wasm-site-'));
let project: Project;
const noticesIn = (folder: string) => readFileSync(join(folder, noticesName), 'utf8');

beforeAll(async () => {
  project = createProject();
  await build({ root: join(repository, 'web/demo'), logLevel: 'error', build: { outDir: site } });
}, 120_000);
afterAll(() => {
  project?.remove();
  rmSync(site, { recursive: true });
});

/** Pieces of code that only one package has, and that minifiers leave alone. */
const traces: Readonly<Record<string, RegExp>> = {
  '@huggingface/tokenizers': /WordPiece/,
  '@noble/hashes': /expected Uint8Array/,
  '@mlc-ai/web-xgrammar': /GrammarMatcher/,
  '@preact/signals': /Effect called outside|Cycle detected/,
  'idb-keyval': /keyval-store/,
  preact: /__html/,
  uplot: /u-legend/,
  'workbox-precaching': /workbox-precache|precache-v2/,
};
const scriptsIn = (folder: string) =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.m?js$/.test(name))
    .map((name) => readFileSync(join(folder, name), 'utf8'))
    .join('\n');

describe.each([
  ['the package', () => join(project.installed, 'dist')],
  ['the site', () => site],
])('%s', (_, folder) => {
  test('names whose code its scripts show, and nobody whose code they do not', () => {
    const scripts = scriptsIn(folder());
    const notices = noticesIn(folder());
    const shown = Object.keys(traces).filter((name) => traces[name]?.test(scripts));
    expect(shown.length).toBeGreaterThan(2);
    expect(Object.keys(traces).filter((name) => notices.includes(`\n${name} `))).toEqual(shown);
  });

  test('names every part of the modules, and has the texts', () => {
    const notices = noticesIn(folder());
    for (const { name, version, license, text } of partsOfModules()) {
      expect(version, name).toMatch(/^\d+\.\d+\.\d+$/);
      expect(notices).toContain(`\n${name} ${version}, ${license}, https://`);
      expect(notices).toContain(text.trim());
    }
  });
});

test('the page leads to them, and keeps them for times without a network', () => {
  expect(scriptsIn(join(site, 'assets'))).toContain(`href:\`${noticesName}\``);
  expect(readFileSync(join(site, 'service-worker.js'), 'utf8')).toContain(`\`${noticesName}\``);
});

test('every package that a bundle takes code of is named with the text that lies in it', async () => {
  const files = [...(await filesOfBundles())];
  const notices = noticesIn(join(project.installed, 'dist'));
  const named = partsIn(files).filter(({ isPackage }) => isPackage);
  expect(named.map(({ name }) => name)).toEqual(
    expect.arrayContaining(['@noble/hashes', '@huggingface/tokenizers']),
  );
  for (const { name, version, text } of named) {
    expect(notices).toContain(`\n${name} ${version}, `);
    expect(notices).toContain(text.trim());
  }
});

// What rolldown itself says of which files the two halves are made.
async function filesOfBundles(): Promise<Set<string>> {
  const files = new Set<string>();
  for (const name of ['index.js', 'worker-web.js']) {
    const bundling = await rolldown({ input: join(repository, 'dist', name), external: /\/wasm\/rwkv-/ });
    const { output } = await bundling.generate({ format: 'esm' });
    for (const chunk of output) if (chunk.type === 'chunk') for (const id of chunk.moduleIds) files.add(id);
    await bundling.close();
  }
  return files;
}

test('a package without the text of its licence is refused', () => {
  project.write({
    'node_modules/silent/package.json': '{ "name": "silent", "version": "1.0.0", "license": "MIT" }',
  });
  const file = join(project.folder, 'node_modules/silent/index.js');
  expect(() => noticesOf([file])).toThrow('silent 1.0.0 comes without the text of its licence');
});

// The linker's own account of a module, where it was linked here.
const maps = ['wasm', 'wasm-relaxed', 'wasm-threads', 'wasm-relaxed-threads']
  .flatMap((preset) =>
    ['link-map', 'learning-link-map'].map((map) => join(repository, 'build', preset, 'wasm', map)),
  )
  .filter((path) => existsSync(path));

test.skipIf(maps.length === 0)(
  'every library that the linker took is of a part that is named, and no part is idle',
  () => {
    const taken = new Set(
      maps.flatMap((map) =>
        [...readFileSync(map, 'utf8').matchAll(/([^/\s(]+)\.a[:(]/g)].map(([, name]) => name),
      ),
    );
    for (const own of ['librwkv_core', 'librwkv_training']) taken.delete(own);
    const known = partsOfModules().flatMap(({ libraries = [] }: ForeignPart) => libraries);
    const plain = [...taken].map((name = '') =>
      name.replace(/[-_](noexcept|debug|mt|ww|asan|optz|legacyexcept)(?![a-z])/g, ''),
    );
    expect([...new Set(plain)].sort()).toEqual([...known].sort());
  },
);

const libraries = join(repository, '.toolchain/root/usr/share/emscripten/system/lib');

test.skipIf(!existsSync(libraries))('the texts that are kept here are those of the toolchain', () => {
  const kept = readFileSync(join(repository, 'wasm/licenses/musl.txt'), 'utf8');
  expect(kept).toBe(readFileSync(join(libraries, 'libc/musl/COPYRIGHT'), 'utf8'));
});

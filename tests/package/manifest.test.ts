// What the tarball holds and what its package.json promises, as the tools of the field judge it.
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { build, type Rolldown } from 'vite';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createProject, manifest, type Project, tarball } from './packed.js';

let project: Project;

beforeAll(() => {
  project = createProject();
}, 120_000);
afterAll(() => project?.remove());

test('publint finds nothing, not even a suggestion', async () => {
  const { messages } = await publint({ pkgDir: project.installed, pack: false, strict: true });
  expect(messages.map((message) => formatMessage(message, manifest, { color: false }))).toEqual([]);
});

test('the types are right for ES modules, from Node and from bundlers', async () => {
  const analysis = await checkPackage(createPackageFromTarballData(readFileSync(tarball())));
  expect(analysis.types).toEqual({ kind: 'included' });
  const problems = 'problems' in analysis ? analysis.problems : [];
  // The package is ES modules only. That leaves out `node10`, which knows no `exports`, and CommonJS, whose require() of an ES
  // module works since Node 20.19 but is told here as `CJSResolvesToESM`; anything else of CommonJS counts.
  const counts = problems.filter(
    (problem) =>
      problem.kind !== 'CJSResolvesToESM' &&
      !('resolutionKind' in problem && problem.resolutionKind === 'node10'),
  );
  expect(counts).toEqual([]);
});

test('only what is used is packed, and it is less than 13 MB', () => {
  const files = packedFiles();
  const strange = files.filter(
    (file) =>
      !/^(package\.json|README\.md|LICENSE)$/.test(file) &&
      !/^dist\/([\w/-]+(\.min)?\.(js|d\.ts)|grammar\/xgrammar\.mjs|wasm\/rwkv-[\w-]+\.(mjs|wasm)|worker\/gpu\/kernels\.mjs|THIRD-PARTY-NOTICES\.txt|storyteller\/[\w.-]+)$/.test(
        file,
      ),
  );
  expect(strange).toEqual([]);
  const bytes = files.map((file) => statSync(join(project.installed, file)).size);
  expect(bytes.reduce((sum, size) => sum + size, 0)).toBeLessThan(13_000_000);
});

test('every file that package.json names is there', () => {
  const named = JSON.stringify(manifest).match(/"(\.\/)?dist\/[^"*]*"/g) ?? [];
  expect(named.length).toBeGreaterThan(5);
  const files = packedFiles();
  for (const name of named) expect(files).toContain(name.replaceAll('"', '').replace(/^\.\//, ''));
});

test('what a page loads of it is less than 60 KB of JavaScript, minified and with gzip', async () => {
  const scripts = await bundle("import { RWKV } from 'rwkv-wasm'; globalThis.RWKV = RWKV;");
  const sizes = new Map(scripts.map(({ name, code }) => [name, gzipSync(code).length]));
  // One of the four builds is loaded; take the largest.
  const glue = [...sizes.keys()].filter((name) => /^rwkv-(baseline|relaxed)/.test(name));
  expect(glue).toHaveLength(4);
  const largest = Math.max(...glue.map((name) => sizes.get(name) ?? 0));
  for (const name of glue) sizes.delete(name);
  expect([...sizes.keys()]).toEqual(expect.arrayContaining(['main', 'thread-web', 'worker-web']));
  expect(
    scripts.filter(
      ({ name, code }) => /grammar|learning-(baseline|worker)/.test(name) || code.includes('xgrammar'),
    ),
  ).toEqual([]);
  // For a tokenizer.json two, the page's half of `model.tune`, and for a device two.
  const most = {
    ...{ tokenizers: 12_000, huggingface: 8_000, teaching: 5_000 },
    ...{ 'device-model': 20_000, 'rwkv-gpu': 8_000 },
  };
  const onDemand = Object.entries(most).map(([name, bytes]) => {
    const size = sizes.get(name) ?? Infinity;
    expect(size, name).toBeLessThan(bytes);
    sizes.delete(name);
    return `${name} ${size}`;
  });
  const total = [...sizes.values()].reduce((sum, size) => sum + size, largest);
  console.log(`JavaScript of a page, minified, gzip: ${total} bytes; on demand ${onDemand.join(', ')}`);
  expect(total).toBeLessThan(60_000);
});

test('an app that imports what teaches models carries its worker and its four modules', async () => {
  const scripts = await bundle(
    "import { RWKV } from 'rwkv-wasm'; import { learning } from 'rwkv-wasm/learning'; globalThis.load = () => RWKV.load(undefined, { learning });",
  );
  const names = scripts.map(({ name }) => name);
  expect(names).toContain('learning-worker-web');
  expect(names.filter((name) => /^rwkv-learning-(baseline|relaxed)(-threads)?$/.test(name))).toHaveLength(4);
  // Two import from the worker's script, which starts once all the same (tests/browser/engines.test.ts).
  const known = ['device-model', 'huggingface'];
  for (const { code, name } of scripts.filter(({ name }) => !known.includes(name)))
    expect(code, `${name}: WebKit begins the script of a worker again`).not.toMatch(
      /from".\/[\w-]*worker-web/,
    );
});

test('nothing has side effects: who imports only RwkvError gets nothing else', async () => {
  const scripts = await bundle("import { RwkvError } from 'rwkv-wasm'; globalThis.RwkvError = RwkvError;");
  expect(scripts.map(({ name }) => name)).toEqual(['main']);
  expect(scripts[0]?.code).toMatch(/^globalThis\.RwkvError=class \w extends Error\{.{0,200}\s*$/);
});

function packedFiles(): string[] {
  const entries = readdirSync(project.installed, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) =>
      join(entry.parentPath, entry.name)
        .slice(project.installed.length + 1)
        .replaceAll('\\', '/'),
    );
}

/** The minified scripts that Vite makes of a module, by the names that it gives them, without their fingerprints. */
async function bundle(code: string): Promise<{ name: string; code: string }[]> {
  project.write({ 'main.js': code });
  const made = await build({
    root: project.folder,
    configFile: false,
    logLevel: 'error',
    worker: { format: 'es' },
    build: {
      write: false,
      target: 'es2022',
      modulePreload: false,
      rolldownOptions: { input: join(project.folder, 'main.js') },
    },
  });
  const outputs: Rolldown.RolldownOutput[] = [made].flat().filter((output) => 'output' in output);
  return outputs
    .flatMap(({ output }) => output)
    .filter(({ fileName }) => fileName.endsWith('.js'))
    .map((file) => ({
      name: file.fileName.replace(/^.*\/|-[\w-]{8}\.js$/g, ''),
      code: file.type === 'chunk' ? file.code : String(file.source),
    }));
}

// The packed package in scripts of Node.
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type AssetOptions, RWKV } from '../../dist/node.js';
import { failure } from '../web/streams.js';
import { node24 } from './node24.js';
import { createProject, type Project, run } from './packed.js';
import { exact, nodeStory, teller } from './story.js';

let project: Project;
let story: string;

const tellsOnce = `console.log(JSON.stringify(await tell(JSON.parse(process.argv[2]))));`;

beforeAll(async () => {
  project = createProject({
    'esm.js': teller + tellsOnce,
    'common.cjs': `${teller.replace(/import (.*) from (.*);/, 'const $1 = require($2);')}
      (async () => { ${tellsOnce} })();`,
  });
  cpSync(join(project.installed, 'dist'), join(project.folder, 'copied dist'), { recursive: true });
  story = await nodeStory();
}, 120_000);
afterAll(() => project?.remove());

function tell(node: string, script: string, options: object) {
  return JSON.parse(run(node, [script, JSON.stringify(options)], { cwd: project.folder }));
}
const told = () => ({ text: story, build: 'baseline', threads: 1, warnings: [] });

test('an ES module tells the story', () => {
  expect(tell(process.execPath, 'esm.js', exact)).toEqual(told());
});

test('a newer Node tells it from an ES module and by require(), and has relaxed SIMD', () => {
  const node = node24();
  expect(Number.parseInt(run(node, ['--version']).slice(1), 10)).toBeGreaterThanOrEqual(22);
  expect(tell(node, 'esm.js', exact)).toEqual(told());
  expect(tell(node, 'common.cjs', exact)).toEqual(told());
  expect(tell(node, 'common.cjs', { threads: 2 })).toMatchObject({ build: 'relaxed', threads: 2 });
}, 300_000);

test('the command is there under its name', () => {
  const args = ['complete', 'Once upon a time', '--seed', '7', '--max-tokens', '40', '--build', 'baseline'];
  const usual = ['--top-p', '0.7', '--presence-penalty', '0', '--frequency-penalty', '0']; // not what the model recommends
  const printed = run('npx', ['--no-install', 'rwkv-wasm', ...args, ...usual], { cwd: project.folder });
  expect(printed).toBe(`Once upon a time${story}\n`);
});

test('the worker, the modules and the manifest can be named by subpaths', () => {
  const script = `for (const path of ['worker-web.js', 'worker-node.js', 'wasm/rwkv-relaxed.wasm', 'package.json'])
    console.log(import.meta.resolve('rwkv-wasm/' + path));`;
  const found = run(process.execPath, ['--input-type=module', '-e', script], { cwd: project.folder });
  const url = (path: string) => pathToFileURL(join(project.installed, path)).href;
  expect(found.trim().split('\n')).toEqual([
    url('dist/worker-web.js'),
    url('dist/worker-node.js'),
    url('dist/wasm/rwkv-relaxed.wasm'),
    url('package.json'),
  ]);
});

describe('options say where the files are', () => {
  const folder = () => join(project.folder, 'copied dist');

  test.each<[string, () => AssetOptions]>([
    ['assetBase as a path', () => ({ assetBase: folder() })],
    ['assetBase as a URL', () => ({ assetBase: pathToFileURL(folder()) })],
    ['workerUrl', () => ({ workerUrl: join(folder(), 'worker-node.js') })],
    ['wasmUrl as a folder', () => ({ wasmUrl: `${folder()}/wasm/` })],
    ['wasmUrl as a file', () => ({ wasmUrl: join(folder(), 'wasm/rwkv-baseline.wasm') })],
  ])('%s', async (_, options) => {
    const model = await RWKV.load(undefined, { ...exact, ...options() });
    const session = await model.createSession({ seed: 7 });
    expect(await session.complete('Once upon a time', { maxTokens: 40 }).result).toMatchObject({
      text: story,
    });
    await model.dispose();
  });

  test('a relative path starts from the working directory', () => {
    expect(tell(process.execPath, 'esm.js', { ...exact, assetBase: 'copied dist' })).toEqual(told());
  });

  test('inspect and convert hear them too', async () => {
    const file = join(folder(), 'storyteller/rwkv7-tales-8.0M-q4.safetensors');
    const wasmUrl = join(folder(), 'wasm/rwkv-baseline.wasm');
    const { version } = await RWKV.inspect(file, { build: 'baseline', wasmUrl, assetBase: folder() });
    expect(version).toBe('7');
    const wrong = { build: 'baseline', wasmUrl: '/nowhere/' } as const;
    expect(await failure(RWKV.inspect(file, wrong))).toMatchObject({ code: 'read-failed' });
    expect(await failure(RWKV.convert(file, wrong).next())).toMatchObject({ code: 'read-failed' });
    expect(await failure(RWKV.convert(file, { wasmUrl }).next())).toMatchObject({ code: 'invalid-argument' });
  });

  test.each<[AssetOptions, string, RegExp]>([
    [
      { assetBase: '/nowhere' },
      'worker-crashed',
      /^the worker crashed: Cannot find module '\/nowhere\/worker-node.js'/,
    ],
    [{ wasmUrl: '/nowhere/' }, 'read-failed', /^file:\/\/\/nowhere\/rwkv-baseline\.wasm: ENOENT/],
    [
      { workerUrl: 'https://example.com/worker-node.js' },
      'invalid-argument',
      /^option workerUrl: 'https:\/\/example\.com\/worker-node\.js': expected a path or a file: URL$/,
    ],
    [{ assetBase: '' }, 'invalid-argument', /^option assetBase: expected a URL or a path; found ''$/],
    [{ wasmUrl: 3 as unknown as string }, 'invalid-argument', /^option wasmUrl: expected .* found 3$/],
  ])('a wrong one is an error that names it: %j', async (options, code, message) => {
    expect(await failure(RWKV.load(undefined, { build: 'baseline', threads: 1, ...options }))).toMatchObject({
      code,
      message: expect.stringMatching(message),
    });
  });
});

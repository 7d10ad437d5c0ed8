// The packed package in pages without a bundler: its files as they are, beside the page or on another origin.
import { createHash } from 'node:crypto';
import { cpSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { launchChromium } from '../browser/chromium.js';
import { createProject, type Project, repository } from './packed.js';
import { deliver, type FileServer, isolation, serveFolder } from './server.js';
import { exact, nodeStory, openPage, type TellOptions, teller } from './story.js';

let browser: Browser;
let project: Project;
let story: string;
let network: FileServer; // serves the package to all origins, as content delivery networks do
const servers: FileServer[] = [];

beforeAll(async () => {
  project = createProject({ 'teller.js': teller });
  cpSync(join(project.installed, 'dist'), join(project.folder, 'copy'), { recursive: true });
  for (const part of ['wasm', 'storyteller']) {
    cpSync(join(project.installed, 'dist', part), join(project.folder, `parts/${part}`), { recursive: true });
  }
  rmSync(join(project.folder, 'copy/index.js')); // a copy needs not have the page's half
  project.write({ 'copy/spa.wasm': '<!doctype html>' });
  network = await serve({ 'Access-Control-Allow-Origin': '*' });
  browser = await launchChromium();
  story = await nodeStory();
}, 120_000);
afterAll(async () => {
  await browser?.close();
  for (const server of servers) server.close();
  project?.remove();
});

async function serve(headers: Record<string, string>): Promise<FileServer> {
  const server = await serveFolder(project.folder, headers);
  servers.push(server);
  return server;
}

/** A page whose import map says where the package is; the policy allows that map, workers from `workers` and `scripts`. */
async function pageWith(
  entry: string,
  workers: string,
  scripts: string,
  headers: Record<string, string> = {},
  trusted = 'rwkv-wasm',
) {
  const map = JSON.stringify({ imports: { 'rwkv-wasm': entry } });
  const hash = createHash('sha256').update(map).digest('base64');
  const name = `page-${hash.replace(/\W/g, '')}.html`;
  project.write({
    [name]: `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <title>page</title>
    <link rel="icon" href="data:," />
    <script type="importmap">${map}</script>
    <script type="module" src="teller.js"></script>
  </head>
</html>
`,
  });
  const policy = [
    "default-src 'none'",
    'img-src data:',
    `script-src 'self' 'sha256-${hash}' 'wasm-unsafe-eval' ${scripts}`,
    `worker-src ${workers}`,
    `connect-src 'self' ${scripts}`,
    "require-trusted-types-for 'script'",
    `trusted-types ${trusted}`,
  ];
  const server = await serve({ 'Content-Security-Policy': policy.join('; '), ...headers });
  const opened = await openPage(browser, `${server.origin}/${name}`);
  return { ...opened, server };
}

const ownEntry = './node_modules/rwkv-wasm/dist/index.js';

test('a page with an import map and a strict policy tells the story', async () => {
  const { page, tell, complaints, requests, server } = await pageWith(ownEntry, "'self'", '');
  expect(await tell(exact)).toEqual({ text: story, build: 'baseline', threads: 1, warnings: [] });
  expect(await tell({})).toMatchObject({ build: 'relaxed', warnings: [] });
  expect(complaints).toEqual([]);
  expect(requests.filter((url) => !url.startsWith(server.origin) && url !== 'data:,')).toEqual([]);
  await page.close();
});

test('where the page does not trust the policy of the package, a load says what the browser wants', async () => {
  const { page, refusal } = await pageWith(ownEntry, "'self'", '', {}, 'another');
  expect(await refusal({})).toEqual({
    code: 'unsupported',
    message: expect.stringMatching(/^the worker could not be started: .*TrustedScriptURL/),
  });
  // The page's own `Worker` is in its place again.
  expect(await page.evaluate(() => Worker.toString())).toBe('function Worker() { [native code] }');
  await page.close();
});

describe('one script for each half', () => {
  const files = [
    'rwkv.min.js',
    'worker-web.min.js',
    'wasm/rwkv-baseline.mjs',
    'wasm/rwkv-baseline.wasm',
    'storyteller/rwkv7-tales-8.0M-q4.safetensors',
    'storyteller/rwkv7-tales-8.0M-vocab.txt',
  ];
  const minified = ownEntry.replace('index.js', 'rwkv.min.js');

  /** What is asked for from the opening of a page to the end of its story, by the name in the package or on the server. */
  async function askedFor(entry: string, workers: string, options: TellOptions) {
    const opened = await pageWith(entry, workers, network.origin, isolation);
    const { page, tell, complaints, requests } = opened;
    expect(await tell(options)).toMatchObject({ text: story, warnings: [] });
    expect(complaints).toEqual([]);
    await page.close();
    const paths = requests.filter((url) => url !== 'data:,').map((url) => url.replace(/^blob:/, ''));
    return paths.map((url) => new URL(url).pathname.replace(/^.*\/dist\//, ''));
  }
  const ofThePackage = (paths: readonly string[]) => paths.filter((path) => !path.startsWith('/')).sort();

  test('asks for eight files where it was a file for each module', async () => {
    const before = await askedFor(ownEntry, "'self'", exact);
    const after = await askedFor(minified, "'self'", exact);
    console.log(
      `files that a page asks for: ${before.length}, of the one script for each half ${after.length}`,
    );
    expect(ofThePackage(after)).toEqual([...files].sort());
    expect(after).toHaveLength(8); // with the page and its own script
    expect(before.length).toBeGreaterThan(50);
  });

  test('does so from another origin too, with threads', async () => {
    const entry = `${network.origin}/node_modules/rwkv-wasm/dist/rwkv.min.js`;
    const workers = `'self' blob: ${network.origin}`;
    expect(ofThePackage(await askedFor(entry, workers, exact))).toEqual([...files].sort());
    const threaded = await askedFor(entry, workers, { ...exact, threads: 2 });
    const names = files.map((name) => name.replace('baseline', 'baseline-threads'));
    expect(ofThePackage(threaded)).toEqual([...names, 'thread-web.min.js'].sort());
  });

  test('has the libraries of the worker in it, for import maps do not reach there', async () => {
    const vocabulary = { model: { type: 'WordLevel', vocab: { '[UNK]': 1, once: 2 }, unk_token: '[UNK]' } };
    const text = JSON.stringify({ version: '1.0', added_tokens: [], ...vocabulary });
    project.write({ 'tokenizer.json': text });
    const { page, tell, complaints } = await pageWith(minified, "'self'", '');
    expect(await tell({ ...exact, tokenizer: 'tokenizer.json' })).toMatchObject({ build: 'baseline' });
    expect(complaints).toEqual([]);
    await page.close();
  });
});

test("the README's page of a content delivery network works under the policy that it names", async () => {
  const readme = readFileSync(join(repository, 'README.md'), 'utf8');
  const [, map = ''] = /^(<script type="importmap">[\s\S]*?<\/script>)$/m.exec(readme) ?? [];
  const [, policy = ''] = /^```text\n(script-src .*)\n```$/m.exec(readme) ?? [];
  const [, base = ''] = /"(https:.*\/)dist\/rwkv\.min\.js"/.exec(map) ?? [];
  const icon = '<link rel="icon" href="data:,">';
  const page = `<!doctype html><meta charset="utf-8">${icon}${map}<script type="module" src="teller.js"></script>`;
  project.write({ 'network.html': page });
  const server = await serve({ 'Content-Security-Policy': policy });
  const context = await browser.newContext();
  await deliver(context, base, project.installed);
  const opened = await openPage(context, `${server.origin}/network.html`);
  expect(await opened.tell(exact)).toMatchObject({ text: story, warnings: [] });
  expect(opened.complaints).toEqual([]);
  await context.close();
});

describe('the package on another origin', () => {
  const entry = () => `${network.origin}/node_modules/rwkv-wasm/dist/index.js`;

  test('is started by a script of our own, threads too', async () => {
    const opened = await pageWith(entry(), `'self' blob: ${network.origin}`, network.origin, isolation);
    const { page, tell, complaints, requests, server } = opened;
    expect(await page.evaluate(() => crossOriginIsolated)).toBe(true);
    expect(await tell(exact)).toEqual({ text: story, build: 'baseline', threads: 1, warnings: [] });
    expect(await tell({ build: 'baseline', threads: 3 })).toEqual({
      text: story,
      build: 'baseline',
      threads: 3,
      warnings: [],
    });
    expect(complaints).toEqual([]);
    const ours = requests.filter((url) => url.startsWith(server.origin)).map((url) => new URL(url).pathname);
    expect(ours).toEqual([new URL(page.url()).pathname, '/teller.js']);
    await page.close();
  });

  test('is refused in words that name what helps where a policy forbids such scripts', async () => {
    const { page, refusal } = await pageWith(entry(), "'self'", network.origin);
    expect(await refusal({})).toEqual({
      code: 'worker-crashed',
      message:
        'the worker crashed: its script could not be loaded; options assetBase and workerUrl say where it is',
    });
    await page.close();
  });
});

describe('options say where the files are', () => {
  /** What a page of ours asked for besides the page's own half, by path, without the folder of the package. */
  async function asked(options: Parameters<Awaited<ReturnType<typeof pageWith>>['tell']>[0]) {
    const opened = await pageWith(ownEntry, `'self' blob: ${network.origin}`, network.origin);
    const { page, tell, requests, complaints, server } = opened;
    expect((await tell({ ...exact, ...options })).text).toBe(story);
    expect(complaints).toEqual([]);
    await page.close();
    const short = (url: string) => url.replace(server.origin, 'page:').replace(network.origin, 'network:');
    const files = /(worker-web\.js|\.wasm|\.safetensors|-vocab\.txt)$/;
    return new Set(requests.filter((url) => files.test(url)).map(short));
  }
  const inDist = (dist: string) => [
    `${dist}/worker-web.js`,
    `${dist}/wasm/rwkv-baseline.wasm`,
    `${dist}/storyteller/rwkv7-tales-8.0M-q4.safetensors`,
    `${dist}/storyteller/rwkv7-tales-8.0M-vocab.txt`,
  ];
  const [worker = '', wasm = '', ...storyteller] = inDist('page:/node_modules/rwkv-wasm/dist');

  test('assetBase: all of them, from the page or another origin, with a slash at its end or without', async () => {
    expect(await asked({ assetBase: 'copy' })).toEqual(new Set(inDist('page:/copy')));
    expect(await asked({ assetBase: `${network.origin}/copy/` })).toEqual(new Set(inDist('network:/copy')));
  });

  test('workerUrl: the worker, and what lies beside it', async () => {
    const urls = ['network:/copy/worker-web.js', 'network:/copy/wasm/rwkv-baseline.wasm', ...storyteller];
    expect(await asked({ workerUrl: `${network.origin}/copy/worker-web.js` })).toEqual(new Set(urls));
  });

  test('wasmUrl: a folder of modules, or the file of the one that is used', async () => {
    const folder = ['network:/parts/wasm/rwkv-baseline.wasm', worker, ...storyteller];
    expect(await asked({ wasmUrl: `${network.origin}/parts/wasm/` })).toEqual(new Set(folder));
    const file = ['page:/copy/wasm/rwkv-baseline.wasm', worker, ...storyteller];
    expect(await asked({ wasmUrl: 'copy/wasm/rwkv-baseline.wasm' })).toEqual(new Set(file));
    expect(await asked({})).toEqual(new Set([worker, wasm, ...storyteller]));
  });

  test('a wrong one is an error that says which file is not there', async () => {
    const { page, refusal, server } = await pageWith(
      ownEntry,
      `'self' blob: ${network.origin}`,
      network.origin,
    );
    expect(await refusal({ assetBase: 'nowhere' })).toEqual({
      code: 'worker-crashed',
      message: `the worker crashed: its script could not be loaded from ${server.origin}/nowhere/worker-web.js`,
    });
    expect(await refusal({ wasmUrl: 'nowhere/', build: 'relaxed' })).toEqual({
      code: 'read-failed',
      message: `${server.origin}/nowhere/rwkv-relaxed.wasm: the server answered 404 Not Found`,
    });
    const html = await refusal({ ...exact, wasmUrl: 'copy/spa.wasm' });
    expect(html.code).toBe('unsupported');
    expect(html.message).toContain(`could not start: ${server.origin}/copy/spa.wasm: `);
    expect(await refusal({ wasmUrl: 'copy/wasm/rwkv-baseline.wasm' })).toEqual({
      code: 'invalid-argument',
      message:
        "option wasmUrl: expected a folder that ends in '/', or the options build and threads to say which module the file is; found 'copy/wasm/rwkv-baseline.wasm'",
    });
    expect((await refusal({ workerUrl: 'http://' })).message).toMatch(/^option workerUrl: 'http:\/\/': /);
    await page.close();
  });
});

// A page without a bundler: an import map, the package's files, and code that was written for the browser's own Prompt API.
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { launchChromium } from './chromium.js';

const dist = fileURLToPath(new URL('../../dist/', import.meta.url));
const site = 'http://localhost:8080';
const html = `<!doctype html>
<title>rwkv-wasm</title>
<link rel="icon" href="data:," />
<script type="importmap">
  { "imports": {
    "rwkv-wasm/prompt-api": "/dist/adapters/prompt-api.js"
  } }
</script>
<script type="module">
  import { languageModel } from 'rwkv-wasm/prompt-api';
  Object.defineProperty(window, 'LanguageModel', { value: languageModel() });
</script>`;
const types: Readonly<Record<string, string>> = {
  js: 'text/javascript',
  mjs: 'text/javascript',
  wasm: 'application/wasm',
};

let browser: Browser;
let page: Page;
const complaints: string[] = [];

beforeAll(async () => {
  browser = await launchChromium();
  page = await browser.newPage();
  page.on('pageerror', (error) => complaints.push(error.message));
  await page.route(`${site}/**`, async (route) => {
    const path = new URL(route.request().url()).pathname;
    if (path === '/') return route.fulfill({ contentType: 'text/html', body: html });
    const contentType = types[path.split('.').at(-1) ?? ''] ?? 'application/octet-stream';
    return route.fulfill({ contentType, body: await readFile(dist + path.slice('/dist/'.length)) });
  });
  await page.goto(site);
}, 60_000);

afterAll(() => browser?.close());

// As pages have it; a text, for the types of this repository do not know the API.
const snippet = `(async () => {
  const seen = { loaded: [] };
  const options = { expectedInputs: [{ type: 'text', languages: ['en'] }], expectedOutputs: [{ type: 'text', languages: ['en'] }] };
  if (!('LanguageModel' in self)) throw new Error('no LanguageModel');
  seen.availability = await LanguageModel.availability(options);
  const { defaultTemperature, maxTopK } = await LanguageModel.params();
  const session = await LanguageModel.create({
    ...options,
    temperature: Math.max(defaultTemperature * 0.2, 0.1),
    topK: maxTopK,
    initialPrompts: [{ role: 'system', content: 'A tale.' }, { role: 'user', content: 'Once upon a time' }],
    monitor(m) {
      m.addEventListener('downloadprogress', (e) => seen.loaded.push(e.loaded / e.total));
    },
  });
  const clone = await session.clone();
  const stream = clone.promptStreaming(' there was a fox who');
  seen.chunks = [];
  for await (const chunk of stream) seen.chunks.push(chunk);
  seen.usage = [session.contextUsage, clone.contextUsage, clone.contextWindow - clone.contextUsage];
  const controller = new AbortController();
  const prompt = session.prompt('Then', { signal: controller.signal });
  controller.abort();
  seen.abort = await prompt.catch((error) => [error instanceof DOMException, error.name]);
  session.destroy();
  seen.destroyed = await session.prompt('Then').catch((error) => [error instanceof DOMException, error.name]);
  const image = [{ role: 'user', content: [{ type: 'image', value: document.createElement('canvas') }] }];
  seen.image = await clone.prompt(image).catch((error) => error.name);
  clone.destroy();
  return seen;
})()`;

test('code for the built-in API runs unchanged', async () => {
  await page.waitForFunction(() => 'LanguageModel' in window);
  const seen: unknown = await page.evaluate(snippet);
  expect(seen).toMatchObject({
    availability: 'available',
    loaded: expect.arrayContaining([0, 1]),
    abort: [true, 'AbortError'],
    destroyed: [true, 'InvalidStateError'],
    image: 'NotSupportedError',
    usage: [expect.any(Number), expect.any(Number), Infinity],
  });
  const { chunks, usage } = seen as { chunks: string[]; usage: number[] };
  expect(chunks.length).toBeGreaterThan(5);
  expect(usage[1]).toBeGreaterThan(usage[0] ?? Infinity);
  expect(complaints).toEqual([]);
});

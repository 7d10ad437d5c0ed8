// Vocabularies in a real browser, behind a bundler.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Browser, Page } from 'playwright-core';
import { build, type PreviewServer, preview } from 'vite';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { RWKV } from '../../dist/index.js';
import { reciter } from '../web/reciter.js';
import { launchChromium } from './chromium.js';

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const config = {
  root: here('bare'),
  base: './',
  logLevel: 'warn',
  build: { outDir: here('../../build/bare'), emptyOutDir: true, target: 'es2022', assetsInlineLimit: 0 },
  worker: { format: 'es' },
} as const;
const files: Record<string, Uint8Array> = {
  'tokenizer.json': readFileSync(here('../fixtures/tokenizer/byte-level.json')),
  'plain.gguf': reciter({ vocabulary: 273, recites: [260, 265, 33, 269, 142, 11] }),
  'own.gguf': reciter({
    vocabulary: 4,
    recites: [2, 3, 1],
    tokens: ['<s>', 'a', '\\xf0\\x9f', '\\x91\\x8d'],
  }),
};

let server: PreviewServer;
let browser: Browser;
let page: Page;
let scripts: string[];

beforeAll(async () => {
  await build(config);
  server = await preview({ ...config, preview: { port: 0, host: '127.0.0.1' } });
  browser = await launchChromium();
}, 120_000);

afterAll(async () => {
  await browser?.close();
  await server?.close();
});

beforeEach(async () => {
  await page?.close();
  scripts = [];
  page = await browser.newPage();
  await page.route('**/files/*', (route, request) => {
    const body = files[request.url().split('/').at(-1) ?? ''];
    return body ? route.fulfill({ body: Buffer.from(body) }) : route.abort();
  });
  page.on('request', (request) => scripts.push(request.url().split('/').at(-1) ?? ''));
  await page.goto(server.resolvedUrls?.local[0] ?? '');
});

/** The kind of the tokenizer, and what the model writes by itself. */
const recital = (model: string, options: { readonly tokenizer?: string } = {}) =>
  page.evaluate(
    async ([source, given]) => {
      const loaded = await (window as unknown as { RWKV: typeof RWKV }).RWKV.load(source, given);
      const session = await loaded.createSession();
      let text = '';
      for await (const piece of session.complete('', { temperature: 0 })) text += piece;
      await loaded.dispose();
      return [loaded.info.tokenizer, text];
    },
    [model, options] as const,
  );

test('a tokenizer.json brings its library along', async () => {
  expect(await recital('files/plain.gguf', { tokenizer: 'files/tokenizer.json' })).toEqual([
    'huggingface',
    'hello world 👍\n',
  ]);
  expect(scripts).toContainEqual(expect.stringMatching(/^tokenizers-.*\.js$/));
});

test('a vocabulary inside a GGUF file needs none', async () => {
  expect(await recital('files/own.gguf')).toEqual(['embedded', '👍a']);
  expect(scripts).not.toContainEqual(expect.stringMatching(/^tokenizers-.*\.js$/));
});

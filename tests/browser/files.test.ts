// Every kind of file through the public API in a real browser: from a URL, and as a file that the user chose.
import { fileURLToPath } from 'node:url';
import type { Browser, Page } from 'playwright-core';
import { type PreviewServer, preview } from 'vite';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { RWKV as door } from '../../dist/index.js';
import { maxDifference, modelFiles, oracleOf, tolerance } from '../web/oracles.js';
import { launchChromium } from './chromium.js';

declare global {
  var RWKV: typeof door;
}

let server: PreviewServer;
let browser: Browser;
let page: Page;
let complaints: string[];

beforeAll(async () => {
  // The repository as a static site.
  const root = fileURLToPath(new URL('../..', import.meta.url));
  server = await preview({
    root,
    configFile: false,
    logLevel: 'warn',
    build: { outDir: '.' },
    preview: { port: 0 },
  });
  const site = server.resolvedUrls?.local[0] ?? '';
  browser = await launchChromium();
  page = await browser.newPage();
  complaints = [];
  page.on('console', (message) => complaints.push(message.text()));
  page.on('pageerror', (error) => complaints.push(error.message));
  await page.route(`${site}empty`, (route) =>
    route.fulfill({ contentType: 'text/html', body: '<!doctype html>' }),
  );
  await page.goto(`${site}empty`);
  await page.addScriptTag({
    type: 'module',
    content: "import { RWKV } from '/dist/index.js'; globalThis.RWKV = RWKV;",
  });
  await page.waitForFunction(() => globalThis.RWKV !== undefined);
}, 120_000);

afterAll(async () => {
  await browser?.close();
  await server?.close();
});

test.each(modelFiles)('%s: inspect, exact logits, and a completion', async (name) => {
  const oracle = oracleOf(name);
  const tokens = oracle?.tokens ?? [1, 2, 3];
  const found = await page.evaluate(
    async ({ name, tokens }) => {
      const url = `/build/models/${name}`;
      const { version, memory } = await RWKV.inspect(url);
      const model = await RWKV.load(url, { quantization: 'f32', tokenizer: 'bytes' });
      const session = await model.createSession();
      await session.append(tokens);
      const logits = [...(await session.logits())];
      const { bytes } = model.info;
      await model.dispose();

      const file = new File([await (await fetch(url)).blob()], name);
      const small = await RWKV.load(file, { quantization: 'q4', tokenizer: 'bytes' });
      const writer = await small.createSession({ seed: 3 });
      let text = '';
      for await (const piece of writer.complete('In a', { maxTokens: 12, topP: 1 })) text += piece;
      await small.dispose();
      return { version, memory: memory.f32, bytes, logits, text };
    },
    { name, tokens },
  );
  expect(found.memory).toBe(found.bytes);
  if (oracle) {
    expect(found.version).toBe(oracle.version);
    expect(maxDifference(found.logits, oracle.logits)).toBeLessThan(tolerance(name));
  }
  expect(found.text.length).toBeGreaterThan(0);
  expect(complaints).toEqual([]);
});

test('a file in the origin private file system is read through its handle', async () => {
  const same = await page.evaluate(async () => {
    const url = '/build/models/v7-bf16.gguf';
    const folder = await navigator.storage.getDirectory();
    const handle = await folder.getFileHandle('model.gguf', { create: true });
    const stream = await handle.createWritable();
    await (await fetch(url)).body?.pipeTo(stream);
    const [a, b] = [await RWKV.inspect(handle), await RWKV.inspect(url)];
    const model = await RWKV.load(handle);
    const ids = await model.tokenize('In');
    await model.dispose();
    return { a, b, ids };
  });
  expect({ ...same.a, name: same.b.name }).toEqual(same.b);
  expect(same.ids).toEqual([73, 110]);
});

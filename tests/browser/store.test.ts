// The store in a real browser: the origin private file system, two tabs, closed pages, full disks, private windows.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { build, type PreviewServer, preview } from 'vite';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { RWKV as door, store as keeper, LoadOptions } from '../../dist/index.js';
import { type ModelServer, modelServer, noise, type ServedFile, sha256 } from '../web/model-server.js';
import { launchChromium } from './chromium.js';

declare global {
  var RWKV: typeof door;
  var store: typeof keeper;
  var loaded: number;
}

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const config = {
  root: here('bare'),
  base: './',
  logLevel: 'warn',
  build: { outDir: here('../../build/store'), emptyOutDir: true, target: 'es2022', assetsInlineLimit: 0 },
  worker: { format: 'es' },
} as const;
const model = readFileSync(here('../fixtures/oracle/v7-bf16.pth'));
const body = noise(1_000_000);
const sum = sha256(body);

let site: PreviewServer;
let address: string;
let server: ModelServer;
let browser: Browser;
let context: BrowserContext;

beforeAll(async () => {
  await build(config);
  site = await preview({ ...config, preview: { port: 0, host: '127.0.0.1' } });
  address = site.resolvedUrls?.local[0] ?? '';
  // Another origin, as models have it.
  server = await modelServer({
    'access-control-allow-origin': '*',
    'access-control-expose-headers': 'etag, content-range',
  });
  browser = await launchChromium();
}, 120_000);

afterAll(async () => {
  await browser?.close();
  await site?.close();
  await server?.close();
});

beforeEach(async () => {
  server.files.clear();
  server.asked.length = 0;
  context = await browser.newContext(); // with a storage of its own
});
afterEach(() => context.close());

/** Serves a file; its URL. */
function serve(file: Partial<ServedFile> = {}): string {
  server.files.set('/model.pth', { body, ...file });
  return `${server.site}/model.pth`;
}

/** A tab; `before` runs in it before anything else. */
async function openPage(before?: () => void): Promise<Page> {
  const page = await context.newPage();
  if (before) await page.addInitScript(before);
  await page.goto(address);
  await page.waitForFunction(() => globalThis.store !== undefined);
  return page;
}

/** What the model of a URL writes, or the code and message of its failure. */
const write = (
  page: Page,
  url: string,
  options: Omit<LoadOptions, 'tokenizer' | 'lora' | 'signal' | 'onProgress'> = {},
) =>
  page.evaluate(
    async ([url, options]) => {
      try {
        const model = await RWKV.load(url, { tokenizer: 'bytes', ...options });
        const session = await model.createSession({ seed: 3 });
        let text = '';
        for await (const piece of session.complete('In a', { maxTokens: 12, topP: 1 })) text += piece;
        await model.dispose();
        return text;
      } catch (error) {
        const { code, message } = error as { readonly code: string; readonly message: string };
        return `${code} ${message}`;
      }
    },
    [url, options] as const,
  );

/** What came of a download: its bytes, or its code and message. */
const download = (page: Page, url: string, options: { readonly sha256?: string } = {}) =>
  page.evaluate(
    async ([url, options]) => {
      const onProgress = (progress: { readonly loaded: number }) => {
        globalThis.loaded = progress.loaded;
      };
      try {
        return (await store.download(url, { ...options, onProgress })).bytes;
      } catch (error) {
        const { code, message } = error as { readonly code: string; readonly message: string };
        return `${code} ${message}`;
      }
    },
    [url, options] as const,
  );
const list = (page: Page) => page.evaluate(async () => (await store.list()).map((file) => ({ ...file })));
const ranges = () => server.asked.map(({ range }) => range);

/** What it writes when no store has a part in it. */
const directly = (page: Page) => write(page, serve({ body: model }), { cache: false, quantization: 'f32' });

describe('the origin private file system', () => {
  test('keeps a model, which a reloaded page reads with its server gone', async () => {
    const page = await openPage();
    const expected = await directly(page);
    const url = serve({ body: model });
    server.asked.length = 0;
    const options = { quantization: 'f32', sha256: sha256(model) } as const;
    expect(await write(page, url, options)).toBe(expected);
    const names = await page.evaluate(async () => {
      const folder = await (await navigator.storage.getDirectory()).getDirectoryHandle('rwkv-wasm');
      const found: string[] = [];
      for await (const name of folder.keys()) found.push(name.replace(/^\w{32}/, 'KEY'));
      return found.sort();
    });
    expect(names).toEqual(['KEY.bin', 'KEY.json']);
    expect(await list(page)).toMatchObject([
      { url, name: 'model.pth', bytes: model.length, complete: true, sha256: sha256(model) },
    ]);
    server.files.clear();
    await page.reload();
    await page.waitForFunction(() => globalThis.store !== undefined);
    expect(await write(page, url, { ...options, allowNetwork: false })).toBe(expected);
    expect(await write(page, `${url}?other`, { allowNetwork: false })).toMatch(
      /^not-stored .*\?other: it is not/,
    );
    expect(server.asked).toHaveLength(1);
  });

  test('serves two tabs at once with one download', async () => {
    const [a, b] = [await openPage(), await openPage()];
    const url = serve({ body: model, slow: 30 });
    const texts = await Promise.all([a, b].map((page) => write(page, url, { quantization: 'f32' })));
    expect(server.asked).toHaveLength(1);
    const again = await Promise.all([a, b].map((page) => write(page, url, { quantization: 'f32' })));
    const expected = await directly(a);
    expect([...texts, ...again]).toEqual([expected, expected, expected, expected]);
  });

  test('goes on after the page was closed in the middle', async () => {
    const [a, b] = [await openPage(), await openPage()];
    const url = serve({ slow: 50 });
    const lost = download(a, url).catch(() => 'closed');
    await a.waitForFunction(() => globalThis.loaded > 200_000);
    expect(await b.evaluate((url) => store.delete(url).catch(({ code }) => code), url)).toBe('in-use');
    await a.close();
    expect(await lost).toBe('closed');
    const [{ bytes, complete } = { bytes: 0, complete: true }] = await list(b);
    expect([bytes > 200_000, complete]).toEqual([true, false]);
    expect(await download(b, url, { sha256: sum })).toBe(body.length);
    expect(ranges()).toEqual([undefined, expect.stringMatching(/^bytes=\d{6}-$/)]);
  });

  test('goes on after an abort, where another content is told by its ETag', async () => {
    const page = await openPage();
    const url = serve({ slow: 50 });
    const abort = () =>
      page.evaluate(async (url) => {
        const controller = new AbortController();
        const onProgress = ({ loaded }: { readonly loaded: number }) =>
          loaded > 200_000 && controller.abort();
        const { signal } = controller;
        return RWKV.load(url, { signal, onProgress }).catch(({ name }) => name);
      }, url);
    expect(await abort()).toBe('AbortError');
    expect(await download(page, url, { sha256: sum })).toBe(body.length);
    expect(ranges()[1]).toMatch(/^bytes=\d{6}-$/);
    expect(await page.evaluate((url) => store.delete(url), url)).toBe(true);
    expect(await abort()).toBe('AbortError');
    const other = noise(1_100_000, 2);
    serve({ body: other });
    expect(await download(page, url, { sha256: sha256(other) })).toBe(other.length);
  });

  test('lets a model be loaded that a tab holds for itself, as engines without read-only handles do', async () => {
    const page = await openPage();
    const expected = await directly(page);
    const url = serve({ body: model });
    await write(page, url, { quantization: 'f32' });
    await page.evaluate(async () => {
      const script = `(async () => {
        const folder = await (await navigator.storage.getDirectory()).getDirectoryHandle('rwkv-wasm');
        for await (const file of folder.values())
          if (file.name.endsWith('.bin')) globalThis.handle = await file.createSyncAccessHandle();
        postMessage(handle.getSize());
        onmessage = () => { handle.close(); postMessage(null); };
      })()`;
      const worker = new Worker(URL.createObjectURL(new Blob([script], { type: 'text/javascript' })));
      await new Promise((resolve) => worker.addEventListener('message', resolve, { once: true }));
      Object.assign(globalThis, { worker });
    });
    const remove = () => page.evaluate((url) => store.delete(url).catch(({ code }) => code), url);
    expect(await write(page, url, { quantization: 'f32', allowNetwork: false })).toBe(expected);
    expect(await remove()).toBe('in-use');
    await page.evaluate(async () => {
      const { worker } = globalThis as unknown as { readonly worker: Worker };
      worker.postMessage(null);
      await new Promise((resolve) => worker.addEventListener('message', resolve, { once: true }));
    });
    expect(await remove()).toBe(true);
  });

  test('asks once to be kept for good', async () => {
    const page = await openPage(() => {
      globalThis.loaded = 0;
      navigator.storage.persist = async () => ++globalThis.loaded > 0;
    });
    const asked = () => page.evaluate(() => globalThis.loaded);
    await write(page, serve({ body: model }), { cache: false });
    expect(await asked()).toBe(0);
    for (const name of ['a', 'b']) await write(page, `${serve({ body: model })}?${name}`);
    expect(await asked()).toBe(1);
  });

  test('refuses other bytes and web pages, and keeps nothing of them', async () => {
    const page = await openPage();
    expect(await download(page, serve(), { sha256: '0'.repeat(64) })).toMatch(/^hash-mismatch /);
    const html = Buffer.from('<!doctype html>');
    expect(await download(page, serve({ body: html, type: 'text/html' }))).toMatch(/^bad-file .*web page/);
    expect(await list(page)).toEqual([]);
  });

  test('keeps the packed form instead, which serves without the network', async () => {
    const page = await openPage();
    const url = serve({ body: model });
    const options = { quantization: 'q4', keepPacked: true } as const;
    const text = await write(page, url, options);
    expect(await list(page)).toMatchObject([{ url, packed: 'q4', complete: true }]);
    expect(await write(page, url, { quantization: 'q4', allowNetwork: false })).toBe(text);
    expect(await write(page, url, { quantization: 'q4', cache: false })).toBe(text);
    expect(server.asked).toHaveLength(2);
  });

  test('gives way to the least recently used', async () => {
    const page = await openPage();
    const url = serve();
    for (const name of ['a', 'b', 'c']) expect(await download(page, `${url}?${name}`)).toBe(body.length);
    const evicted = await page.evaluate(async () =>
      (await store.evict({ bytes: 2_100_000 })).map(({ url }) => url),
    );
    expect(evicted).toEqual([`${url}?a`]);
    expect(await page.evaluate(async () => (await store.usage()).bytes)).toBe(2 * body.length);
    await page.evaluate(() => store.clear());
    expect(await list(page)).toEqual([]);
  });
});

test.each([
  ['before it starts', {}, undefined],
  ['in the middle, where the length is unknown', { length: null }, 400_000],
])('a quota that does not suffice is told %s; the store stays usable', async (_, file, part) => {
  const page = await openPage();
  const protocol = await context.newCDPSession(page);
  const { origin } = new URL(address);
  await protocol.send('Storage.overrideQuotaForOrigin', { origin, quotaSize: 500_000 });
  const url = serve(file);
  expect(await download(page, url)).toMatch(/^quota-exceeded http.*cache: false/);
  const [{ bytes } = { bytes: 0 }] = await list(page);
  if (part === undefined) expect(bytes).toBe(0);
  else expect(bytes).toBeGreaterThan(0);
  await protocol.send('Storage.overrideQuotaForOrigin', { origin });
  expect(await download(page, url, { sha256: sum })).toBe(body.length);
});

describe('without that file system', () => {
  const noOpfs = () => {
    navigator.storage.getDirectory = () => Promise.reject(new DOMException('no', 'SecurityError'));
  };
  const privately = () => {
    navigator.storage.getDirectory = () => Promise.reject(new DOMException('no', 'SecurityError'));
    CacheStorage.prototype.open = () => Promise.reject(new DOMException('no', 'SecurityError'));
  };

  test('the Cache API keeps a model and parts of one', async () => {
    const page = await openPage(noOpfs);
    const expected = await directly(page);
    const url = serve({ body: model });
    expect(await write(page, url, { quantization: 'f32' })).toBe(expected);
    server.files.clear();
    expect(await write(page, url, { quantization: 'f32', allowNetwork: false })).toBe(expected);
    expect(await page.evaluate(async () => (await (await caches.open('rwkv-wasm')).keys()).length)).toBe(3);

    const large = noise(20_000_000, 4);
    const forGood = [17_000_000, 0, 0, 0, 0, 0, 0];
    serve({ body: large, drops: [...forGood] });
    const other = `${url}?large`;
    expect(await download(page, other)).toMatch(/^read-failed .*ended at byte \d{7,8} of 20000000/);
    const [partial, ...rest] = await list(page);
    expect(partial).toMatchObject({ url: other, complete: false });
    expect(partial?.bytes).toBeGreaterThan(8_000_000); // more than a piece
    expect(rest).toMatchObject([{ url, complete: true }]);
    serve({ body: large });
    expect(await download(page, other, { sha256: sha256(large) })).toBe(large.length);
    expect(ranges().at(-1)).toBe(`bytes=${partial?.bytes}-`);
    expect(await page.evaluate((url) => store.delete(url), other)).toBe(true);
    expect(await list(page)).toMatchObject([{ url }]);
  });

  test('and without the Cache API memory serves', async () => {
    const page = await openPage(privately);
    const expected = await directly(page);
    const url = serve({ body: model });
    server.asked.length = 0;
    const options = { quantization: 'f32', sha256: sha256(model) } as const;
    for (let i = 0; i < 2; i++) expect(await write(page, url, options)).toBe(expected);
    expect(server.asked).toHaveLength(2);
    expect(await write(page, url, { sha256: '0'.repeat(64) })).toMatch(/^hash-mismatch /);
    expect(await write(page, url, { cache: true })).toMatch(/^unsupported .*nothing can be kept here/);
    expect(await download(page, url)).toMatch(/^unsupported /);
    expect(await list(page)).toEqual([]);
    expect(await page.evaluate((url) => store.has(url), url)).toBe(false);
  });
});

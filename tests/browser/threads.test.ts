// Threads in a real browser, behind a bundler and a strict content security policy: in a page that is cross-origin
// isolated, and in one that is not.
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Browser, Page } from 'playwright-core';
import { build, type PreviewServer, preview } from 'vite';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Model, RWKV } from '../../dist/index.js';
import { launchChromium } from './chromium.js';

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const config = {
  root: here('bare'),
  base: './',
  logLevel: 'warn',
  build: { outDir: here('../../build/threads'), emptyOutDir: true, target: 'es2022', assetsInlineLimit: 0 },
  worker: { format: 'es' },
} as const;
const policy = {
  'Content-Security-Policy':
    "script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; connect-src 'self'; require-trusted-types-for 'script'; trusted-types rwkv-wasm",
};
const isolation = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
};
const file = 'v7-bf16.pth';

let browser: Browser;

beforeAll(async () => {
  await build(config);
  browser = await launchChromium();
}, 120_000);

afterAll(() => browser?.close());

interface Options {
  readonly build?: 'baseline';
  readonly threads?: number;
  readonly tokenizer?: 'bytes';
  readonly quantization?: 'f32';
}

/** How many workers the browser's processes run, as Linux sees it; 0 elsewhere. */
async function workerThreads(): Promise<number> {
  if (process.platform !== 'linux') return 0;
  const session = await browser.newBrowserCDPSession();
  const { processInfo } = await session.send('SystemInfo.getProcessInfo');
  await session.detach();
  const names = processInfo.flatMap(({ id }) => {
    const folder = `/proc/${id}/task`;
    return readdirSync(folder).map((thread) => readFileSync(`${folder}/${thread}/comm`, 'utf8'));
  });
  return names.filter((name) => name.startsWith('DedicatedWorker')).length;
}

/** Opens the page with these headers for the tests of a group. */
function openPage(headers: Record<string, string>) {
  const opened: { page?: Page; server?: PreviewServer; complaints: string[] } = { complaints: [] };
  beforeAll(async () => {
    opened.server = await preview({ ...config, preview: { port: 0, host: '127.0.0.1', headers } });
    const page = await browser.newPage();
    page.on('console', (message) => opened.complaints.push(message.text()));
    page.on('pageerror', (error) => opened.complaints.push(error.message));
    await page.route('**/files/*', (route) =>
      route.fulfill({ body: readFileSync(here(`../fixtures/oracle/${file}`)), headers: isolation }),
    );
    await page.goto(opened.server.resolvedUrls?.local[0] ?? '');
    await page.waitForFunction(() => 'RWKV' in window);
    opened.page = page;
  }, 60_000);
  afterAll(async () => {
    await opened.page?.close();
    await opened.server?.close();
  });
  return {
    complaints: opened.complaints,
    page: () => opened.page as Page,
    /** What a model says of itself, a story, and the logits behind a prompt of 70 tokens. */
    run: (source: string | undefined, options: Options) =>
      (opened.page as Page).evaluate(
        async ([source, options]) => {
          const { RWKV: door } = window as unknown as { RWKV: typeof RWKV };
          const given = source === 'as a Blob' ? await (await fetch('files/x.pth')).blob() : source;
          const model = await door.load(given, options);
          const session = await model.createSession({ seed: 7 });
          await session.append(Array.from({ length: 70 }, (_, i) => (i * 37) % model.info.vocabulary));
          const logits = [...(await session.logits())];
          let text = '';
          for await (const piece of session.complete('Grüße, once upon a time', { maxTokens: 24 }))
            text += piece;
          await model.dispose();
          return { info: model.info, logits, text };
        },
        [source, options] as const,
      ),
  };
}

describe('in a page that is cross-origin isolated', () => {
  const { run, page, complaints } = openPage({ ...policy, ...isolation });

  test('2 and 3 threads give the logits and the story of one, to the last bit', async () => {
    expect(await page().evaluate(() => crossOriginIsolated)).toBe(true);
    const one = await run(undefined, { build: 'baseline', threads: 1 });
    expect(one.info.threads).toBe(1);
    for (const threads of [2, 3]) {
      const { info, logits, text } = await run(undefined, { build: 'baseline', threads });
      expect([info.threads, info.build, info.warnings]).toEqual([threads, 'baseline', []]);
      expect(logits).toEqual(one.logits);
      expect(text).toBe(one.text);
    }
  });

  test.each(['files/x.pth', 'as a Blob'])('a file is read into shared memory: %s', async (source) => {
    const options = { tokenizer: 'bytes', quantization: 'f32', build: 'baseline' } as const;
    const [one, two] = [
      await run(source, { ...options, threads: 1 }),
      await run(source, { ...options, threads: 2 }),
    ];
    expect(two.info.threads).toBe(2);
    expect(two.logits).toEqual(one.logits);
    expect(two.text).toBe(one.text);
  });

  test("the relaxed build has threads too, and 'auto' takes one for a small model", async () => {
    const { info } = await run(undefined, { threads: 2 });
    expect([info.threads, info.build, info.warnings]).toEqual([2, 'relaxed', []]);
    expect((await run(undefined, {})).info.threads).toBe(1);
  });

  test('the threads of a model end with it', async () => {
    // Chromium ends a thread that never returns to its event loop two seconds after the worker that started it.
    const patient = { timeout: 15_000 };
    await expect.poll(workerThreads, patient).toBe(0);
    await page().evaluate(async () => {
      const { RWKV: door } = window as unknown as { RWKV: typeof RWKV };
      const model = await door.load(undefined, { threads: 3 });
      const session = await model.createSession();
      const reading = session.append('a b c d e f g h '.repeat(20_000)).catch((error) => error.code);
      Object.assign(window, { model, reading });
    });
    if (process.platform === 'linux') expect(await workerThreads()).toBe(3);
    const code = await page().evaluate(async () => {
      const { model, reading } = window as unknown as { model: Model; reading: Promise<string> };
      await model.dispose(); // while its threads are computing
      return reading;
    });
    expect(code).toBe('disposed');
    await expect.poll(workerThreads, patient).toBe(0);
    expect(complaints).toEqual([]);
  });
});

describe('in a page that is not', () => {
  const { run, page, complaints } = openPage(policy);

  test("'auto' takes one thread", async () => {
    expect(await page().evaluate(() => crossOriginIsolated)).toBe(false);
    const { info } = await run(undefined, {});
    expect([info.threads, info.warnings]).toEqual([1, []]);
  });

  test('more are an error that says what is needed', async () => {
    const found = await page().evaluate(async () => {
      const { RWKV: door } = window as unknown as { RWKV: typeof RWKV };
      return door.load(undefined, { threads: 2 }).then(
        () => undefined,
        (error) => ({ code: error.code, message: error.message }),
      );
    });
    expect(found?.code).toBe('unsupported');
    expect(found?.message).toMatch(
      /^threads: 2 .*Cross-Origin-Opener-Policy: same-origin.*Cross-Origin-Embedder-Policy: require-corp/,
    );
    expect(complaints).toEqual([]);
  });
});

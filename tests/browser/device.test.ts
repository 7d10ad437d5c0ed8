// Models on a graphics processor in a real browser, by the software adapter of Chromium, behind a bundler and a strict content security policy.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Browser, Page } from 'playwright-core';
import { build, type PreviewServer, preview } from 'vite';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ModelInfo, RWKV, Session } from '../../dist/index.js';
import { launchChromium } from './chromium.js';

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const headers = {
  'Content-Security-Policy':
    "script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; connect-src 'self'; require-trusted-types-for 'script'; trusted-types rwkv-wasm",
};
const config = {
  root: here('bare'),
  base: './',
  logLevel: 'warn',
  build: { outDir: here('../../build/device'), emptyOutDir: true, target: 'es2022', assetsInlineLimit: 0 },
  worker: { format: 'es' },
  preview: { port: 0, host: '127.0.0.1', headers },
} as const;
const options = { tokenizer: 'bytes', quantization: 'f32', threads: 1, build: 'baseline' } as const;
const patience = 300_000; // ms; the software driver compiles slowly

let server: PreviewServer;
const browsers: Browser[] = [];
const complaints: string[] = [];

beforeAll(async () => {
  await build(config);
  server = await preview(config);
}, 120_000);

afterAll(async () => {
  for (const browser of browsers) await browser.close();
  await server?.close();
});

async function openPage(hasDevice: boolean): Promise<Page> {
  const browser = await launchChromium({ hasDevice });
  browsers.push(browser);
  const page = await browser.newPage();
  page.setDefaultTimeout(patience);
  page.on('console', (message) => complaints.push(message.text()));
  page.on('pageerror', (error) => complaints.push(error.message));
  await page.route('**/files/*', (route) =>
    route.fulfill({ body: readFileSync(here('../fixtures/oracle/v7-bf16.pth')) }),
  );
  await page.goto(server.resolvedUrls?.local[0] ?? '');
  await page.waitForFunction(() => 'RWKV' in window);
  return page;
}

const infoOf = (page: Page, device: 'auto' | 'gpu'): Promise<ModelInfo> =>
  page.evaluate(
    async ([options, device]) => {
      const { RWKV: door } = window as unknown as { RWKV: typeof RWKV };
      const model = await door.load('files/x.pth', { ...options, device });
      await model.dispose();
      return model.info;
    },
    [options, device] as const,
  );

test(
  'a device computes what the processor does, states go from one to the other, and when it is lost that is told',
  async () => {
    const page = await openPage(true);
    const { devices, texts, moved, logits, numbers } = await page.evaluate(async (options) => {
      const { RWKV: door } = window as unknown as { RWKV: typeof RWKV };
      const models = [
        await door.load('files/x.pth', { ...options, device: 'cpu' }),
        await door.load('files/x.pth', { ...options, device: 'gpu' }),
      ];
      Object.assign(window, { models });
      const write = async (session: Session, prompt: string) => {
        let text = '';
        for await (const piece of session.complete(prompt, { maxTokens: 6, temperature: 0 })) text += piece;
        return text;
      };
      const read = async (model: (typeof models)[0]) => {
        const session = await model.createSession({ seed: 3 });
        await session.append('Once upon a time there was a fox');
        const logits = [...(await session.logits())];
        const text = await write(session, ' who');
        const [saved, fork] = [await session.save(), await session.fork()];
        const more = await write(session, '');
        await session.rewind();
        const texts = [text, more, await write(session, '')];
        texts.push(await write(fork, ''));
        const { tokens } = await session.score('a fox');
        const numbers = [...tokens.map(({ logprob }) => logprob ?? 0), ...(await model.embed('a fox'))];
        return { logits, texts, saved, numbers };
      };
      const found = [];
      for (const model of models) found.push(await read(model));
      const moved = [];
      for (const [i, model] of models.entries()) {
        const session = await model.createSession({ state: found[1 - i]?.saved });
        moved.push(await write(session, ''));
      }
      return {
        devices: models.map(({ info }) => [info.device, info.threads, info.warnings] as const),
        texts: found.map(({ texts }) => texts),
        logits: found.map(({ logits }) => logits),
        numbers: found.map(({ numbers }) => numbers),
        moved,
      };
    }, options);
    expect(devices).toEqual([
      ['cpu', 1, []],
      ['gpu', 1, []],
    ]);
    const [here, there] = texts;
    expect(there).toEqual(here);
    expect([here?.[2], here?.[3], ...moved]).toEqual(Array(4).fill(here?.[1]));
    for (const [expected = [], found = []] of [logits, numbers]) {
      expect(found.length).toBe(expected.length);
      expect(
        Math.max(...found.map((value, i) => Math.abs(value - (expected[i] ?? Number.NaN)))),
      ).toBeLessThan(5e-4);
    }
    expect(complaints).toEqual([]);

    const session = await page.context().browser()?.newBrowserCDPSession();
    await session?.send('Browser.crashGpuProcess').catch(() => {});
    const codes = await page.evaluate(async () => {
      const { models } = window as unknown as { models: Awaited<ReturnType<typeof RWKV.load>>[] };
      const codes = [];
      for (const model of models) {
        const session = await model.createSession();
        codes.push(
          await session.append('and so on').then(
            () => 'read',
            ({ code }) => code,
          ),
        );
        await model.dispose();
      }
      return codes;
    });
    expect(codes).toEqual(['read', 'device-failed']);
  },
  patience,
);

test(
  "'auto' does not take a program of the processor for a device",
  async () => {
    const page = await openPage(true);
    expect(await infoOf(page, 'auto')).toMatchObject({ device: 'cpu', warnings: [] });
  },
  patience,
);

test('where there is no WebGPU, the processor computes and the warnings say so', async () => {
  const page = await openPage(false);
  const { device, warnings } = await infoOf(page, 'gpu');
  expect([device, warnings]).toEqual([
    'cpu',
    [expect.stringMatching(/^device: this processor computes: .*WebGPU/)],
  ]);
});

// The site under what hosts and machines do to it, in Chromium: a strict policy, no service worker, a full disk, a slow machine.
import { fileURLToPath } from 'node:url';
import type { Browser, BrowserContextOptions, CDPSession } from 'playwright-core';
import { build, preview } from 'vite';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { launchChromium } from './chromium.js';
import { openTab } from './engines/chromium.js';
import { type Host, startHost } from './engines/host.js';
import { choose, goOn, notice, patient, ready, standing, text, visit } from './engines/page.js';

const root = fileURLToPath(new URL('../../web/demo', import.meta.url));
const site = fileURLToPath(new URL('../../build/offline', import.meta.url));
const policy = {
  'Content-Security-Policy':
    "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; connect-src 'self'; require-trusted-types-for 'script'; trusted-types rwkv-wasm storyteller",
};

let browser: Browser;

beforeAll(async () => {
  await build({ root, logLevel: 'warn', build: { outDir: site } });
  browser = await launchChromium();
}, 120_000);
afterAll(() => browser?.close());

/** Runs `use` in a tab of a browser that has nothing of the site yet. */
async function inFreshTab(
  headers: Record<string, string>,
  options: BrowserContextOptions,
  use: (tab: Awaited<ReturnType<typeof openTab>>, host: Host, devtools: CDPSession) => Promise<void>,
): Promise<void> {
  const host = await startHost(site, headers);
  const context = await browser.newContext(options);
  try {
    const tab = await openTab(context);
    await use(tab, host, await context.newCDPSession(tab.page));
  } finally {
    await context.close();
    await host.cut();
  }
}

test('under the strict policy, without isolation and without a service worker, the console stays clean', () =>
  inFreshTab(policy, { serviceWorkers: 'block' }, async (tab, host) => {
    await tab.open(host.url);
    await ready(tab);
    expect(
      await tab.evaluate(() => [crossOriginIsolated, navigator.serviceWorker.controller === null]),
    ).toEqual([false, true]);
    expect(await standing(tab)).toContain('1 thread');
    expect((await goOn(tab)).length).toBeGreaterThan(0);
    for (const name of ['Look', 'Models', 'Settings']) await tab.click('tab', name);
    expect(tab.complaints?.filter((line) => !line.includes('Service Worker'))).toEqual([]);
  }));

test('under the strict policy the service worker isolates the page, and two threads compute', () =>
  inFreshTab(policy, {}, async (tab, host) => {
    await visit(tab, host.url);
    await choose(tab, { threads: 2, length: 32 });
    expect(await standing(tab)).toContain('2 threads');
    expect((await goOn(tab)).length).toBeGreaterThan(0);
    expect(tab.complaints).toEqual([]);
  }));

test('a page that someone has begun to use is not opened again under their hands', () =>
  inFreshTab({}, {}, async (tab, host) => {
    // Before any service worker can be there.
    await tab.page.addInitScript(() =>
      addEventListener('load', () => dispatchEvent(new KeyboardEvent('keydown', { key: 'a' }))),
    );
    await tab.open(host.url);
    const isServed = () => tab.evaluate(() => navigator.serviceWorker.controller?.state === 'activated');
    await expect.poll(isServed, patient).toBe(true);
    await ready(tab);
    await goOn(tab);
    const cameBy = () =>
      tab.evaluate(() => performance.getEntriesByType('navigation').map((entry) => entry.toJSON().type));
    expect([await cameBy(), await tab.evaluate(() => crossOriginIsolated)]).toEqual([['navigate'], false]);
    await tab.open(host.url);
    expect(await tab.evaluate(() => crossOriginIsolated)).toBe(true);
  }));

test('with the storage full the page opens, writes, and says what it could not keep', () =>
  inFreshTab({}, {}, async (tab, host, devtools) => {
    const { origin } = new URL(host.url);
    await devtools.send('Storage.overrideQuotaForOrigin', { origin, quotaSize: 10_000 });
    await tab.open(host.url);
    await ready(tab);
    expect((await goOn(tab)).length).toBeGreaterThan(0);
    await tab.click('button', 'Save');
    await expect.poll(() => notice(tab), patient).toBe('The storage of the browser is full.');
    const before = await text(tab);
    await goOn(tab);
    expect((await text(tab)).startsWith(before)).toBe(true);
  }));

test('the site is an app that can be installed', () =>
  inFreshTab({}, {}, async (tab, host, devtools) => {
    await visit(tab, host.url);
    const { errors, data } = await devtools.send('Page.getAppManifest');
    expect(errors).toEqual([]);
    const { icons } = JSON.parse(data ?? '{}');
    for (const { src, type, sizes } of icons) {
      const found = await tab.evaluate(async (src: string) => {
        const response = await fetch(src);
        const image = new Image();
        image.src = src;
        await image.decode();
        return { type: response.headers.get('content-type'), width: image.naturalWidth };
      }, src);
      expect(found.type).toBe(type);
      if (sizes !== 'any') expect(`${found.width}x${found.width}`).toBe(sizes);
    }
    const { installabilityErrors } = await devtools.send('Page.getInstallabilityErrors');
    const ofHere = ['in-incognito']; // each test's browser context is one
    expect(installabilityErrors.filter(({ errorId }) => !ofHere.includes(errorId))).toEqual([]);
  }));

test("the project's own server sends the headers for threads", async () => {
  const server = await preview({ root, logLevel: 'warn', build: { outDir: site }, preview: { port: 0 } });
  const context = await browser.newContext({ serviceWorkers: 'block' });
  try {
    const tab = await openTab(context);
    await tab.open(server.resolvedUrls?.local[0] ?? '');
    expect(await tab.evaluate(() => crossOriginIsolated)).toBe(true);
  } finally {
    await context.close();
    await server.close();
  }
});

test.each([1, 4])('figures of the first visit, the processor slowed %d times', (rate) =>
  inFreshTab({}, {}, async (tab, host, devtools) => {
    await devtools.send('Emulation.setCPUThrottlingRate', { rate });
    const started = performance.now();
    await tab.open(host.url);
    await ready(tab);
    const [whenReady, sent] = [performance.now() - started, host.sent()];
    const paint = await tab.evaluate(
      () => performance.getEntriesByName('first-contentful-paint')[0]?.startTime,
    );
    const visible = await tab.evaluate(() =>
      performance.getEntriesByType('resource').map((entry) => entry.name),
    );
    expect(visible.every((url) => url.startsWith(host.url))).toBe(true);
    const written = await goOn(tab);
    expect(written.length).toBeGreaterThan(0);
    await expect
      .poll(() => tab.evaluate(() => navigator.serviceWorker.controller !== null), patient)
      .toBe(true);
    console.log(
      `processor / ${rate}: first contentful paint ${paint?.toFixed(0)} ms, ready to write ${whenReady.toFixed(0)} ms, ` +
        `${(sent / 1e6).toFixed(2)} MB until then, ${(host.sent() / 1e6).toFixed(2)} MB with all that is kept for offline`,
    );
  }),
);

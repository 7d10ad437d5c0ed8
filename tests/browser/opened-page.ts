// The page in a real browser, Debian's Chromium: opened afresh for each test, in a profile of its own. Each file that
// imports this builds the site for itself.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Browser, Page } from 'playwright-core';
import { build, type PreviewServer, preview } from 'vite';
import { afterAll, beforeAll, beforeEach } from 'vitest';
import { launchChromium } from './chromium.js';

declare global {
  /** Tokens of each prompt that the page gave the worker to read. */
  var promptsRead: number[];
}

export const repository = new URL('../../', import.meta.url);
const root = fileURLToPath(new URL('web/demo', repository));
const outDir = mkdtempSync(join(tmpdir(), 'storyteller-'));

let server: PreviewServer;
let browser: Browser;
export let page: Page;
export let site: string;
export let complaints: string[];
export let foreign: string[];

beforeAll(async () => {
  await build({ root, logLevel: 'warn', build: { outDir } });
  server = await preview({ root, logLevel: 'warn', build: { outDir }, preview: { port: 0 } });
  site = server.resolvedUrls?.local[0] ?? '';
  browser = await launchChromium();
}, 120_000);

afterAll(async () => {
  await browser?.close();
  await server?.close();
  rmSync(outDir, { recursive: true, force: true });
});

beforeEach(async () => {
  await page?.context().close();
  complaints = [];
  foreign = [];
  const context = await browser.newContext({ viewport: { width: 1280, height: 860 } });
  page = await context.newPage();
  page.setDefaultTimeout(20_000);
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('request', (request) => {
    const isOurs = request.url().startsWith(site) || /^(data|blob):/.test(request.url());
    if (!isOurs) foreign.push(request.url());
  });
  await page.addInitScript(() => {
    // Tests of the network meet the network itself; engines.test.ts is about the service worker.
    Reflect.deleteProperty(Navigator.prototype, 'serviceWorker');
    globalThis.promptsRead = [];
    const post = Worker.prototype.postMessage;
    Worker.prototype.postMessage = function (message, transfer = []) {
      if (message.op === 'append') globalThis.promptsRead.push(message.body.prompt.length);
      return post.call(this, message, Array.isArray(transfer) ? { transfer } : transfer);
    };
  });
  await page.goto(site);
  await finished();
});

export const text = () => page.getByRole('textbox', { name: 'Text' });
export const value = () => page.locator('#text').inputValue(); // also behind another tab
export const button = (name: string) => page.getByRole('button', { name, exact: true });
export const finished = () => page.locator('#continue:enabled').waitFor({ state: 'attached' });
export const openTab = (name: string) => page.getByRole('tab', { name }).click();
export const setLength = (tokens: number) =>
  page.getByRole('slider', { name: 'Length' }).fill(String(tokens));
export const ghost = () => page.locator('.ghost').textContent();

/** Lets the model write so many tokens; the whole text. */
export async function goOn(tokens: number) {
  await setLength(tokens);
  await button('Continue').click();
  await finished();
  return value();
}

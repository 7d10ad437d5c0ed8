// The page in a real browser: Debian's Chromium.
import { fileURLToPath } from 'node:url';
import type { Browser, Page } from 'playwright-core';
import { build, type PreviewServer, preview } from 'vite';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { launchChromium } from './chromium.js';

const root = fileURLToPath(new URL('../../web/demo', import.meta.url));

let server: PreviewServer;
let browser: Browser;
let page: Page;
let site: string;
let complaints: string[];
let foreign: string[];

beforeAll(async () => {
  await build({ root, logLevel: 'warn' });
  server = await preview({ root, logLevel: 'warn', preview: { port: 0 } });
  site = server.resolvedUrls?.local[0] ?? '';
  browser = await launchChromium();
}, 120_000);

afterAll(async () => {
  await browser?.close();
  await server?.close();
});

beforeEach(async () => {
  await page?.close();
  complaints = [];
  foreign = [];
  page = await browser.newPage();
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('request', (request) => {
    const isOurs = request.url().startsWith(site) || /^(data|blob):/.test(request.url());
    if (!isOurs) foreign.push(request.url());
  });
  await page.goto(site);
  await page.locator('#continue:enabled').waitFor();
});

const text = () => page.getByRole('textbox', { name: 'Text' });
const press = (name: string) => page.getByRole('button', { name }).click();

async function write(maxTokens: number) {
  await page.getByLabel('Length').fill(String(maxTokens));
  await press('Continue');
}
const finished = () => page.locator('#continue:enabled').waitFor();

test('the page streams a story, piece by piece, with a clean console and no request elsewhere', async () => {
  await page.evaluate(() => {
    const seen: number[] = [];
    const watch = () => {
      const { length } = (document.querySelector('#text') as HTMLTextAreaElement).value;
      if (seen.at(-1) !== length) seen.push(length);
      requestAnimationFrame(watch);
    };
    watch();
    Object.assign(window, { seen });
  });
  await write(256);
  await finished();
  const story = await text().inputValue();
  expect(story.startsWith('Once upon a time')).toBe(true);
  expect(story.length).toBeGreaterThan(100);
  const steps = await page.evaluate(() => (window as unknown as { seen: number[] }).seen.length);
  expect(steps).toBeGreaterThan(4);
  expect(await page.locator('#speed').textContent()).toMatch(/^\d+ tokens\/s$/);
  expect(complaints).toEqual([]);
  expect(foreign).toEqual([]);
  console.log(`storyteller in Chromium: ${await page.locator('#speed').textContent()}`);
});

test('Stop stops, and Continue goes on from there', async () => {
  await write(1024);
  await page.evaluate(async () => {
    const area = document.querySelector('#text') as HTMLTextAreaElement;
    while (area.value.length < 60) await new Promise(requestAnimationFrame);
    (document.querySelector('#stop') as HTMLButtonElement).click();
  });
  await finished();
  const stopped = await text().inputValue();
  expect(stopped.length).toBeLessThan(2000); // 1024 tokens have about 4000 characters
  await page.waitForTimeout(300);
  expect(await text().inputValue()).toBe(stopped);
  await write(32);
  await finished();
  const longer = await text().inputValue();
  expect(longer.startsWith(stopped)).toBe(true);
  expect(longer.length).toBeGreaterThan(stopped.length);
});

test('an edited text is continued as it stands now', async () => {
  await write(16);
  await finished();
  await text().fill('The old king had three sons, and the youngest');
  await write(32);
  await finished();
  const story = await text().inputValue();
  expect(story.startsWith('The old king had three sons, and the youngest')).toBe(true);
  expect(story.length).toBeGreaterThan(60);
  expect(complaints).toEqual([]);
});

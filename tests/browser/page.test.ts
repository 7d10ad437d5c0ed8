// The page in a real browser: Debian's Chromium.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import type { Browser, Page } from 'playwright-core';
import { build, type PreviewServer, preview } from 'vite';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { launchChromium } from './chromium.js';

declare global {
  /** Tokens of each prompt that the page gave the worker to read. */
  var promptsRead: number[];
  /** Lengths of the text, and milliseconds of each frame, while `watch` runs. */
  var lengths: number[];
  var frameTimes: number[];
  var axe: typeof import('axe-core');
}

const repository = new URL('../../', import.meta.url);
const root = fileURLToPath(new URL('web/demo', repository));
const axeScript = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

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
  await page?.context().close();
  complaints = [];
  foreign = [];
  const context = await browser.newContext({
    viewport: { width: 1280, height: 860 },
    serviceWorkers: 'block',
  });
  page = await context.newPage();
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('request', (request) => {
    const isOurs = request.url().startsWith(site) || /^(data|blob):/.test(request.url());
    if (!isOurs) foreign.push(request.url());
  });
  await page.addInitScript(() => {
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

const text = () => page.getByRole('textbox', { name: 'Text' });
const value = () => page.locator('#text').inputValue(); // also behind another tab
const button = (name: string) => page.getByRole('button', { name, exact: true });
const finished = () => page.locator('#continue:enabled').waitFor();
const openTab = (name: string) => page.getByRole('tab', { name }).click();
const setLength = (tokens: number) => page.getByRole('slider', { name: 'Length' }).fill(String(tokens));
const ghost = () => page.locator('.ghost').textContent();

async function goOn(tokens: number) {
  await setLength(tokens);
  await button('Continue').click();
  await finished();
  return value();
}

// Takes note of the text's length and the time of each frame.
const watch = () =>
  page.evaluate(() => {
    globalThis.lengths = [];
    globalThis.frameTimes = [];
    let last = performance.now();
    const look = () => {
      const now = performance.now();
      globalThis.frameTimes.push(now - last);
      last = now;
      const { length } = document.querySelector('textarea')?.value ?? '';
      if (globalThis.lengths.at(-1) !== length) globalThis.lengths.push(length);
      requestAnimationFrame(look);
    };
    look();
  });

test('the page is there before the model is', async () => {
  let release = () => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  await page.route('**/*.safetensors', async (route) => {
    await held;
    await route.continue();
  });
  await page.reload();
  await text().fill('A text that is typed while the model is on its way,');
  expect(await button('Continue').isDisabled()).toBe(true);
  release();
  await finished();
  expect(await goOn(16)).toMatch(/^A text that is typed while the model is on its way,./s);
});

test('a story streams, with a clean console and no request elsewhere', async () => {
  await watch();
  const story = await goOn(256);
  expect(story).toMatch(/^Once upon a time./s);
  expect(story.length).toBeGreaterThan(100);
  expect(await page.evaluate(() => globalThis.lengths.length)).toBeGreaterThan(4);
  expect(await page.locator('#speed').textContent()).toMatch(/^\d+ tokens\/s$/);
  expect(complaints).toEqual([]);
  expect(foreign).toEqual([]);
  console.log(`storyteller in Chromium: ${await page.locator('#speed').textContent()}`);
});

test('Stop stops, and Continue goes on from there without reading anything again', async () => {
  await setLength(1024);
  await button('Continue').click();
  await page.waitForFunction(() => (document.querySelector('textarea')?.value.length ?? 0) > 60);
  await button('Stop').click();
  await finished();
  const stopped = await value();
  expect(stopped.length).toBeLessThan(3500); // 1024 tokens have about 4000 characters
  await page.waitForTimeout(300);
  expect(await value()).toBe(stopped);
  await page.evaluate(() => {
    globalThis.promptsRead = [];
  });
  const longer = await goOn(32);
  expect(longer.startsWith(stopped)).toBe(true);
  expect(longer.length).toBeGreaterThan(stopped.length);
  expect(await page.evaluate(() => globalThis.promptsRead)).toEqual([]);
});

test('only the paragraph that was changed is read again', async () => {
  const start = 'There was a miller who had three sons.\n\nThe eldest was clever.\n\nThe youngest';
  await text().fill(start);
  await goOn(16);
  expect(await page.evaluate(() => globalThis.promptsRead.length)).toBe(3);
  await page.evaluate(() => {
    globalThis.promptsRead = [];
  });
  await text().fill(start.replace('The youngest', 'The second one'));
  await goOn(16);
  const read = await page.evaluate(() => globalThis.promptsRead);
  expect(read).toHaveLength(1);
  expect(read[0]).toBeLessThan(8);
});

test('the model goes on at the caret, and what stands behind it stays', async () => {
  await text().fill('Once there was and they lived happily.');
  await text().press('Home');
  for (let i = 0; i < 'Once there was'.length; i++) await text().press('ArrowRight');
  await setLength(16);
  await text().press('Control+Enter');
  await finished();
  const story = await value();
  expect(story.startsWith('Once there was')).toBe(true);
  expect(story.endsWith(' and they lived happily.')).toBe(true);
  expect(story.length).toBeGreaterThan(60);
});

test('Tab keeps the ghost, Esc takes it away, undo brings it back', async () => {
  const before = await value();
  const first = await goOn(16);
  expect(await ghost()).toBe(first.slice(before.length));
  await text().press('Escape');
  expect(await value()).toBe(before);
  await text().press('Control+z');
  expect(await value()).toBe(first);
  const second = await goOn(16);
  await text().press('Tab');
  expect(await ghost()).toBe('');
  expect(await value()).toBe(second);
  await text().press('Escape');
  expect(await value()).toBe(second);
  await text().press('Control+z');
  expect(await value()).toBe(first);
  await text().press('Control+Shift+z');
  expect(await value()).toBe(second);
});

test('typing while the model writes is the end of its text', async () => {
  await setLength(1024);
  await button('Continue').click();
  await page.waitForFunction(() => (document.querySelector('textarea')?.value.length ?? 0) > 60);
  await text().press('End');
  await text().pressSequentially('!');
  await finished();
  const typed = await value();
  expect(typed).toContain('!');
  await page.waitForTimeout(200);
  expect(await value()).toBe(typed);
});

test('Regenerate goes another way from the same place', async () => {
  await text().fill('The old king had three sons, and the youngest');
  expect(await button('Regenerate').isDisabled()).toBe(true);
  const first = await goOn(32);
  await button('Regenerate').click();
  await finished();
  const second = await value();
  expect(second).toMatch(/^The old king had three sons, and the youngest./s);
  expect(second).not.toBe(first);
});

test('candidates grow side by side, and one is taken', async () => {
  const before = await value();
  await page.getByRole('radio', { name: '3' }).check({ force: true });
  expect(await goOn(24)).toBe(before);
  const ways = await page.locator('.candidates p').allTextContents();
  expect(new Set(ways).size).toBe(3);
  await button('Use candidate 2').click();
  expect((await value()).slice(before.length).trimStart()).toBe(ways[1]);
  expect(await page.locator('.candidates').count()).toBe(0);
});

test('another word is taken, the text branches, and both branches stay', async () => {
  const first = await goOn(24);
  await openTab('Look');
  await page.locator('.token').nth(4).click();
  const other = page.locator('.alternatives button:enabled').first();
  const word = await other.locator('.word').textContent();
  await other.click();
  await openTab('Write');
  await finished();
  const second = await value();
  expect(second).not.toBe(first);
  await openTab('Look');
  const tokens = await page.locator('.token').allTextContents();
  expect(tokens[4]?.replace(/^ | $/g, '␣').replaceAll('\n', '↵')).toBe(word);
  expect(await page.locator('.branch').count()).toBe(3);
  await page.locator('.branch').nth(1).click();
  expect(await value()).toBe(first);
  await page.locator('.branch').nth(2).click();
  expect(await value()).toBe(second);
});

test('the state is painted and the pace is charted', async () => {
  await goOn(128);
  await openTab('Look');
  const coloured = () =>
    page.locator('.state canvas').evaluate((canvas) => {
      if (!(canvas instanceof HTMLCanvasElement)) return [];
      const { width, height } = canvas;
      const copy = new OffscreenCanvas(width, height).getContext('2d', { willReadFrequently: true });
      copy?.drawImage(canvas, 0, 0);
      const { data } = copy?.getImageData(0, 0, width, height) ?? {};
      return [width, height, data?.filter((_, i) => i % 4 === 3).filter((alpha) => alpha > 0).length ?? 0];
    });
  await expect.poll(async () => (await coloured())[2]).toBeGreaterThan(6 * 3 * 64 * 64 * 0.9);
  expect((await coloured()).slice(0, 2)).toEqual([6 * 68 - 4, 3 * 68 - 4]);
  expect(await page.locator('.plot').getAttribute('aria-label')).toMatch(
    /^Milliseconds per token: [\d.]+ at token \d+/,
  );
  expect(complaints).toEqual([]);
});

test.each(['tests/fixtures/oracle/v7-bf16.pth', 'build/models/v7-bf16.q8_0.gguf'])(
  '%s is dropped, looked into, loaded and written with',
  async (path) => {
    const name = path.split('/').at(-1) ?? '';
    const base64 = readFileSync(new URL(path, repository)).toString('base64');
    const files = await page.evaluateHandle(
      async ({ name, base64 }) => {
        const transfer = new DataTransfer();
        const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
        transfer.items.add(new File([bytes], name));
        return transfer;
      },
      { name, base64 },
    );
    await page.dispatchEvent('main', 'drop', { dataTransfer: files });
    await page.getByRole('heading', { name }).waitFor();
    await page.getByRole('radio', { name: /^q4 .* [KM]B/ }).check();
    await button('Load').click();
    await page.getByText(new RegExp(`^${name} · RWKV-7 ·`)).waitFor();
    await openTab('Write');
    expect((await goOn(16)).length).toBeGreaterThan('Once upon a time'.length);
    expect(complaints).toEqual([]);
  },
);

test('a saved text goes on letter for letter after a reload, and nothing is read again', async () => {
  await openTab('Settings');
  await page.getByRole('slider', { name: 'Temperature' }).fill('0');
  await openTab('Write');
  const saved = await goOn(32);
  await button('Save').click();
  await page.getByText('Saved “Once upon a time').waitFor();
  const expected = await goOn(32);
  await text().fill('Something else.');
  await page.reload();
  await finished();
  await openTab('Settings');
  await page.getByRole('button', { name: /^Open Once upon a time/ }).click();
  await page.getByText('goes on where it stood').waitFor();
  expect(await value()).toBe(saved);
  expect(await goOn(32)).toBe(expected);
  expect(await page.evaluate(() => globalThis.promptsRead)).toEqual([]);
});

test('a document leaves as a file and comes back from it', async () => {
  await goOn(16);
  await button('Save').click();
  await page.getByText('Saved “').waitFor();
  const saved = await value();
  await openTab('Settings');
  const download = page.waitForEvent('download');
  await page.getByRole('button', { name: /^Export / }).click();
  const path = await (await download).path();
  await page.getByRole('button', { name: /^Delete / }).click();
  await page.getByText('Nothing is saved yet').waitFor();
  await page.getByLabel('Import a file').setInputFiles(path);
  await page.getByText('goes on where it stood').waitFor();
  expect(await value()).toBe(saved);
});

test('text of any script stays whole', async () => {
  const start = 'Größe, déjà vu, 你好，世界 🦊 ';
  await text().fill(start);
  const story = await goOn(64);
  expect(story.startsWith(start)).toBe(true);
  expect(story).not.toContain('\ufffd');
});

test.each(['light', 'dark'] as const)('axe finds nothing in any tab: %s', async (colorScheme) => {
  await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
  await page.getByRole('radio', { name: '2' }).check({ force: true });
  await goOn(16);
  await button('Use candidate 1').click();
  await page.getByRole('radio', { name: '1' }).check({ force: true });
  await goOn(16);
  await button('Save').click();
  await page.evaluate(axeScript);
  for (const name of await page.getByRole('tab').allTextContents()) {
    await openTab(name);
    if (name === 'Look') await page.locator('.token').first().click();
    if (name === 'Models')
      await page
        .getByLabel('Choose files')
        .setInputFiles(fileURLToPath(new URL('tests/fixtures/oracle/v7-bf16.pth', repository)));
    if (name === 'Models') await page.getByText('RWKV-7 ·').first().waitFor();
    const found = await page.evaluate(async () => {
      const { violations } = await globalThis.axe.run();
      return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`);
    });
    expect(found, name).toEqual([]);
  }
});

test('tabs answer to arrow keys, the theme stays, and nothing is wider than a phone', async () => {
  await page.getByRole('tab', { name: 'Write' }).focus();
  await page.keyboard.press('ArrowRight');
  expect(await page.getByRole('tab', { name: 'Look' }).getAttribute('aria-selected')).toBe('true');
  await page.getByRole('button', { name: /^Colours/ }).click();
  await page.reload();
  expect(await page.locator('html').getAttribute('data-theme')).toBe('dark');
  await page.setViewportSize({ width: 390, height: 844 });
  for (const name of await page.getByRole('tab').allTextContents()) {
    await openTab(name);
    expect(await page.evaluate(() => document.documentElement.scrollWidth), name).toBeLessThanOrEqual(390);
  }
});

test('frames while the model writes, on a machine four times slower', async () => {
  const devtools = await page.context().newCDPSession(page);
  await devtools.send('Emulation.setCPUThrottlingRate', { rate: 4 });
  await watch();
  await goOn(512);
  const frames = await page.evaluate(() => globalThis.frameTimes);
  const [paint] = await page.evaluate(() =>
    performance.getEntriesByName('first-contentful-paint').map(({ startTime }) => startTime),
  );
  const sorted = frames.sort((a, b) => a - b);
  const at = (share: number) => `${sorted[Math.floor(share * (sorted.length - 1))]?.toFixed(0)} ms`;
  console.log(
    `frames at a quarter of the speed: median ${at(0.5)}, 95 % ${at(0.95)}, longest ${at(1)}; first paint ${paint?.toFixed(0)} ms`,
  );
  expect(sorted.length).toBeGreaterThan(10);
});

// Writing with the model in the page.
import { expect, test } from 'vitest';
import {
  button,
  complaints,
  finished,
  foreign,
  ghost,
  goOn,
  openTab,
  page,
  setLength,
  text,
  value,
} from './opened-page.js';

declare global {
  /** Lengths of the text, and milliseconds of each frame, while `watch` runs. */
  var lengths: number[];
  var frameTimes: number[];
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
  const shifts = await page.evaluate(
    () =>
      new Promise<number>((resolve) => {
        const sum = (list: PerformanceObserverEntryList) =>
          list.getEntries().reduce((all, entry) => all + ('value' in entry ? Number(entry.value) : 0), 0);
        new PerformanceObserver((list) => resolve(sum(list))).observe({
          type: 'layout-shift',
          buffered: true,
        });
        setTimeout(() => resolve(0), 300); // no entry: nothing moved
      }),
  );
  expect(shifts).toBeLessThan(0.01);
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

test('it works under a strict policy and without isolation, on one thread', async () => {
  const policy =
    "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; " +
    "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; connect-src 'self'; " +
    "require-trusted-types-for 'script'; trusted-types rwkv-wasm storyteller";
  await page.route('**/*', async (route) => {
    const response = await route.fetch();
    const kept = Object.entries(response.headers()).filter(([name]) => !name.startsWith('cross-origin'));
    const headers = { ...Object.fromEntries(kept), 'content-security-policy': policy };
    await route.fulfill({ response, headers });
  });
  await page.reload();
  await finished();
  expect(await page.evaluate(() => globalThis.crossOriginIsolated)).toBe(false);
  expect(await goOn(32)).toMatch(/^Once upon a time./s);
  for (const name of await page.getByRole('tab').allTextContents()) await openTab(name);
  await page.getByText(', 1 thread').waitFor();
  expect(complaints).toEqual([]);
  expect(foreign).toEqual([]);
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

test('text of any script stays whole', async () => {
  const start = 'Größe, déjà vu, 你好，世界 🦊 ';
  await text().fill(start);
  const story = await goOn(64);
  expect(story.startsWith(start)).toBe(true);
  expect(story).not.toContain('\ufffd');
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

// What the page has beside the text: branches, models, documents, chat; and that everybody can use it.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import {
  button,
  complaints,
  finished,
  foreign,
  goOn,
  openTab,
  page,
  repository,
  site,
  value,
} from './opened-page.js';

declare global {
  var axe: typeof import('axe-core');
}

const axeScript = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

test('another word is taken, the text branches, and both branches stay', async () => {
  const first = await goOn(24);
  await openTab('Look');
  const other = page.locator('.alternatives button:enabled').first();
  await expect
    .poll(
      async () => {
        await page.locator('.token').nth(4).click();
        return other.count();
      },
      { timeout: 10_000 },
    )
    .toBe(1);
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
  await expect.poll(async () => (await coloured())[2]).toBeGreaterThan(7 * 4 * 64 * 64 * 0.9); // layers and heads of the storyteller
  expect((await coloured()).slice(0, 2)).toEqual([7 * 68 - 4, 4 * 68 - 4]);
  expect(await page.locator('.plot').getAttribute('aria-label')).toMatch(
    /^Milliseconds per token: [\d.]+ at token \d+.*attention/,
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

test('a model from the network is looked into, paused, kept, loaded without the network and deleted', async () => {
  const bytes = readFileSync(new URL('tests/fixtures/oracle/v7-bf16.pth', repository));
  const address = `${site}elsewhere/some-model.pth`;
  const answers: (() => void)[] = [];
  await page.route(address, async (route) => {
    await new Promise<void>((resolve) => answers.push(resolve));
    await route.fulfill({ body: bytes, contentType: 'application/octet-stream' }).catch(() => {}); // paused
  });
  const get = async () => {
    await page.getByRole('textbox', { name: 'Address of a model file' }).fill(address);
    await button('Open').click();
    await expect.poll(() => answers.length).toBe(1);
  };
  const answer = () => answers.pop()?.();
  await openTab('Models');
  await get();
  await button('Pause').click();
  await page.getByText('some-model.pth is paused.').waitFor();
  answer();
  await get();
  answer();
  await page.getByText(/^RWKV-7 · 533,632 parameters/).waitFor();
  await page.unroute(address);
  await page.route(address, (route) => route.abort());
  await button('Load').click();
  await page.getByText(/^some-model.pth · RWKV-7 ·/).waitFor();
  await page.getByText(/^1.1 MB used/).waitFor();
  await page.reload();
  await finished();
  await button('Open some-model.pth').click();
  await button('Load').click();
  await page.getByText(/^some-model.pth · RWKV-7 ·/).waitFor();
  await button('Delete some-model.pth').click();
  await page.getByText(/^0 B used/).waitFor();
  expect(foreign).toEqual([]);
});

test('what is said in the Chat tab is answered', async () => {
  await openTab('Chat');
  for (const message of ['Who lives in the forest?', 'And what does she eat?']) {
    await page.getByRole('textbox', { name: 'Message' }).fill(message);
    await page.keyboard.press('Enter');
    await page.locator('.messages .user').filter({ hasText: message }).waitFor();
    await page.locator('.say button[type="submit"]:enabled').waitFor();
  }
  const replies = await page.locator('.messages .assistant').count();
  const status = await page.locator('#status').textContent();
  expect(replies === 2 || status === 'Storyteller had nothing to say.').toBe(true);
  expect(complaints).toEqual([]);
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

test('a graphics processor is chosen in the settings; where there is none, the page says why the processor computes', async () => {
  await openTab('Settings');
  await page.getByLabel('Device').selectOption('gpu');
  await button('Load the storyteller again').click();
  await expect
    .poll(() => page.locator('#status').textContent())
    .toMatch(/^device: this processor computes: .*WebGPU/);
  const facts = await page.locator('.facts').textContent();
  expect(facts).toContain('Device in useProcessor');
  await openTab('Write');
  await goOn(16);
});

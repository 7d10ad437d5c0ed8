// Steps of the suite about what the page keeps and opens: branches, files, downloads, documents.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { modelServer } from '../../web/model-server.js';
import type { Tab } from './engine.js';
import type { Host } from './host.js';
import { choose, goOn, notice, patient, ready, standing, text, visit, write } from './page.js';

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const files: Readonly<Record<string, string>> = {
  'v7-bf16.pth': here('../../fixtures/oracle/v7-bf16.pth'),
  'v7-bf16.gguf': here('../../../build/models/v7-bf16.gguf'),
};

/** Short and without chance: what is written once is written again. */
const calm = { length: 16, temperature: 0 };

export function modelTests(at: { readonly tab: Tab; readonly host: Host }): void {
  test('another word in the place of one is another branch, and both stay', async () => {
    const { tab, host } = at;
    await visit(tab, host.url);
    await choose(tab, calm);
    await goOn(tab);
    const first = await text(tab);
    await tab.click('tab', 'Look');
    const press = (css: string) =>
      tab.evaluate((css) => {
        const [chosen] = document.querySelectorAll<HTMLElement>(css);
        chosen?.click();
        return chosen !== undefined;
      }, css);
    const branches = () => tab.evaluate(() => document.querySelectorAll('.branch').length);
    const third = '[aria-label="Generated tokens"] label:nth-of-type(3) input';
    await expect.poll(() => press(third), patient).toBe(true);
    await expect.poll(() => press('.alternatives button:not(:disabled)'), patient).toBe(true);
    await expect.poll(branches, patient).toBe(3); // the beginning and two ways on from it
    await tab.click('tab', 'Write');
    await ready(tab);
    const second = await text(tab);
    expect(second).not.toBe(first);
    await tab.click('tab', 'Look');
    await expect.poll(() => press('li li .branch:not(.on)'), patient).toBe(true);
    await expect.poll(() => text(tab), patient).toBe(first);
  });

  test.each(Object.keys(files))('%s is dropped on the page, and writes', async (name) => {
    const { tab, host } = at;
    await visit(tab, host.url);
    await choose(tab, calm);
    await drop(tab, name, readFileSync(files[name] ?? ''));
    await load(tab, name);
    expect((await goOn(tab)).length).toBeGreaterThan(0);
  });

  test('a download whose line drops goes on where it was; kept, it opens without a network', async () => {
    const { tab, host } = at;
    const name = 'v7-bf16.gguf';
    const body = readFileSync(files[name] ?? '');
    const elsewhere = await modelServer({
      'Access-Control-Allow-Origin': '*',
      'Access-Control-Allow-Headers': '*',
      'Access-Control-Expose-Headers': '*',
    });
    try {
      elsewhere.files.set(`/${name}`, { body, drops: [body.length >> 1] });
      await visit(tab, host.url);
      await choose(tab, calm);
      const beginning = await text(tab);
      await tab.click('tab', 'Models');
      await tab.type('textbox', 'Address of a model file', `${elsewhere.site}/${name}`);
      await tab.click('button', 'Open');
      await load(tab, name);
      const story = await goOn(tab);
      const went = elsewhere.asked.filter(({ range }) => range !== undefined);
      expect(went.map(({ status }) => status)).toContain(206);
      await Promise.all([host.cut(), elsewhere.close()]);

      await tab.reload();
      await ready(tab);
      await tab.click('tab', 'Models');
      await expect.poll(() => hasButton(tab, `Open ${name}`), patient).toBe(true);
      await tab.click('button', `Open ${name}`);
      await load(tab, name);
      await write(tab, beginning); // the tab has kept what came after
      expect(await goOn(tab)).toBe(story);
    } finally {
      await elsewhere.close().catch(() => {});
    }
  });

  test('a saved document is opened again without a network and goes on letter for letter', async () => {
    const { tab, host } = at;
    await visit(tab, host.url);
    await choose(tab, calm);
    await goOn(tab);
    await tab.click('button', 'Save');
    await expect.poll(() => notice(tab), patient).toMatch(/^Saved/);
    const saved = await text(tab);
    const more = await goOn(tab);
    await host.cut();
    await tab.reload();
    await ready(tab);
    await tab.click('tab', 'Settings');
    const open = `Open ${saved.slice(0, 16)}`;
    await expect.poll(() => hasButton(tab, open), patient).toBe(true);
    await tab.click('button', await buttonName(tab, open));
    await expect.poll(() => text(tab), patient).toBe(saved);
    await ready(tab);
    expect(await goOn(tab)).toBe(more);
  });
}

/** As a file that was dragged here. */
async function drop(tab: Tab, name: string, bytes: Uint8Array): Promise<void> {
  await tab.evaluate(
    (name, base64) => {
      const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
      const dataTransfer = new DataTransfer();
      dataTransfer.items.add(new File([bytes], name));
      for (const type of ['dragenter', 'dragover', 'drop'])
        document.body.dispatchEvent(new DragEvent(type, { dataTransfer, bubbles: true, cancelable: true }));
    },
    name,
    Buffer.from(bytes).toString('base64'),
  );
}

/** Loads the file that was opened, and goes to write with it. */
async function load(tab: Tab, name: string): Promise<void> {
  await tab.click('button', 'Load');
  await expect.poll(() => standing(tab), patient).toContain(`${name} · RWKV-7`);
  await tab.click('tab', 'Write');
  await ready(tab);
}

/** The accessible name of the first button whose name starts so; empty: there is none that can be pressed. */
function buttonName(tab: Tab, start: string): Promise<string> {
  return tab.evaluate((start) => {
    const buttons = [...document.querySelectorAll('button')].filter(({ disabled }) => !disabled);
    const names = buttons.map(
      (button) => button.getAttribute('aria-label') ?? button.textContent?.trim() ?? '',
    );
    return names.find((name) => name.startsWith(start)) ?? '';
  }, start);
}
const hasButton = async (tab: Tab, start: string) => (await buttonName(tab, start)) !== '';

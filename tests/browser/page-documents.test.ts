// Documents and their versions: nothing that was written is lost without a question.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, expect, test } from 'vitest';
import { button, complaints, finished, goOn, openTab, page, site, text, value } from './opened-page.js';

const folder = mkdtempSync(join(tmpdir(), 'stories-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const status = (said: string | RegExp) => page.locator('#status').filter({ hasText: said }).waitFor();
const dialog = () => page.getByRole('dialog');
const titles = () => page.locator('#documents-heading ~ .rows > li strong').allTextContents();

async function save(of: string) {
  await openTab('Write');
  await text().fill(of);
  await button('Save').click();
  await status('Saved “');
  await openTab('Settings');
}

/** The one saved document, as a file, with other fields. */
async function exported(changes: object = {}) {
  const download = page.waitForEvent('download');
  await page.getByRole('button', { name: /^Export / }).click();
  const bytes = readFileSync(await (await download).path());
  const end = bytes.indexOf(10);
  const fields = { ...JSON.parse(bytes.subarray(0, end).toString()), ...changes };
  const path = join(folder, 'some.story');
  writeFileSync(path, Buffer.concat([Buffer.from(JSON.stringify(fields)), bytes.subarray(end)]));
  return path;
}

const importFile = (path: string) => page.getByLabel('Import a file').setInputFiles(path);

/** The text of a version of the document of this title, restored. */
async function restored(title: string, nth = 0) {
  await openTab('Settings');
  const row = page
    .locator('.rows > li')
    .filter({ hasText: title })
    .filter({ has: page.locator('.versions') });
  await row.first().waitFor({ state: 'attached' });
  if (!(await row.first().isVisible())) await page.locator('.unsaved > summary').click();
  await row.first().locator('.versions > summary').click();
  await row
    .first()
    .getByRole('button', { name: /^Restore the version/ })
    .nth(nth)
    .click();
  await page.locator('#panel-write:not([hidden])').waitFor();
  return value();
}

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

test('two texts with the same first line are two documents', async () => {
  await save('Once upon a time\nthere was a fox.');
  await openTab('Write');
  await button('New').click();
  await save('Once upon a time\nthere was a crow.');
  expect(await titles()).toEqual(['Once upon a time', 'Once upon a time']);
  await page
    .getByRole('button', { name: /^Open / })
    .last()
    .click();
  await status('goes on where it stood');
  expect(await value()).toBe('Once upon a time\nthere was a fox.');
  await save('Once upon a time\nthere was a fox and a grape.');
  expect(await titles()).toHaveLength(2);
});

test('an imported document that is here already replaces it only when asked to, by keyboard too', async () => {
  await save('The one that is here');
  const path = await exported({ text: 'The one that comes' });
  await importFile(path);
  await dialog().waitFor();
  await page.keyboard.press('Escape');
  await status('was not imported');
  expect([await titles(), await value()]).toEqual([['The one that is here'], 'The one that is here']);
  await importFile(path);
  await dialog().waitFor();
  await page.keyboard.press('Enter'); // on Cancel
  await dialog().waitFor({ state: 'detached' });
  expect(await titles()).toEqual(['The one that is here']);
  await importFile(path);
  await dialog().waitFor();
  for (let i = 0; i < 2; i++) await page.keyboard.press('Shift+Tab'); // back to Keep both
  await page.keyboard.press('Enter');
  await status('“The one that comes”');
  expect(await value()).toBe('The one that comes');
  await openTab('Settings');
  expect((await titles()).sort()).toEqual(['The one that comes', 'The one that is here']);
  await importFile(path);
  await button('Replace').click();
  await page.locator('#panel-write:not([hidden])').waitFor();
  await openTab('Settings');
  expect(await titles()).toEqual(['The one that comes', 'The one that comes']);
  expect(complaints).toEqual([]);
});

test('what an import replaced can be had back', async () => {
  await save('The one that is here');
  await importFile(await exported({ text: 'The one that comes' }));
  await button('Replace').click();
  await page.locator('#panel-write:not([hidden])').waitFor();
  expect(await value()).toBe('The one that comes');
  const before = await restored('The one that comes');
  expect(before).toBe('The one that is here');
});

test.each([
  ['a caret behind the end', { caret: 1e9 }],
  ['numbers that are none', { caret: 'x', tokens: null, savedAt: -1 }],
  ['an endless id', { id: 'x'.repeat(100_000) }],
])('a file with %s opens', async (_, changes) => {
  await save('A text that is here');
  await importFile(await exported({ id: 'another', text: 'A text that comes', ...changes }));
  await status('“A text that comes”');
  expect(await value()).toBe('A text that comes');
  expect(complaints).toEqual([]);
});

test('a deleted document comes back by Undo, and later from what is not saved', async () => {
  await save('A text to delete');
  await page.getByRole('button', { name: /^Delete / }).click();
  await status('Deleted “A text to delete”');
  expect(await titles()).toEqual([]);
  await page.locator('footer').getByRole('button', { name: 'Undo' }).click();
  await status('is back');
  expect(await titles()).toEqual(['A text to delete']);
  await page.getByRole('button', { name: /^Delete / }).click();
  await status('Deleted');
  await openTab('Write');
  await button('New').click();
  await page.reload();
  await finished();
  expect(await restored('A text to delete')).toBe('A text to delete');
});

test('there is a version before each continuation, and restoring one keeps what is there', async () => {
  const first = await value();
  const second = await goOn(16);
  await button('Keep').click();
  const third = await goOn(16);
  await button('Keep').click();
  expect(await restored(first.slice(0, 10), 1)).toBe(first);
  expect(await restored(first.slice(0, 10), 0)).toBe(third);
  await openTab('Settings');
  const found = await page.evaluate(
    () =>
      new Promise<string[]>((resolve) => {
        const opening = indexedDB.open('storyteller-versions');
        opening.onsuccess = () => {
          const all = opening.result.transaction('versions').objectStore('versions').getAll();
          all.onsuccess = () => resolve(all.result.flat().map(({ text }) => text));
        };
      }),
  );
  expect(found).toEqual([first, second, third, first]);
});

test('a pause of typing makes a version', async () => {
  await text().press('End');
  await text().pressSequentially(' there was a pause');
  await page.waitForTimeout(4500);
  await text().fill('Something else.');
  expect(await restored('Once upon a time there was a pause')).toBe('Once upon a time there was a pause');
});

test('of two tabs with a document neither overwrites the other, nor its draft', async () => {
  await save('A text of two tabs');
  await openTab('Write');
  const other = await page.context().newPage();
  await other.goto(site);
  await other.locator('#continue:enabled').waitFor();
  const textIn = (tab: Page) => tab.getByRole('textbox', { name: 'Text' });
  expect(await textIn(other).inputValue()).toBe('A text of two tabs');
  await textIn(other).fill('A text of two tabs, in the second');
  await other.getByRole('button', { name: 'Save', exact: true }).click();
  await other.locator('#status').filter({ hasText: 'Saved' }).waitFor();
  await page.bringToFront();
  await text().fill('A text of two tabs, in the first');
  await page.waitForTimeout(400);
  await other.reload();
  expect(await textIn(other).inputValue()).toBe('A text of two tabs, in the second');
  await button('Save').click();
  await dialog().getByText('in the second').waitFor();
  await button('Keep both').click();
  await status('Saved “A text of two tabs, in the first”');
  await openTab('Settings');
  expect((await titles()).sort()).toEqual([
    'A text of two tabs, in the first',
    'A text of two tabs, in the second',
  ]);
  await save('A text of two tabs, in the first, on'); // asks no more
  expect(await titles()).toHaveLength(2);
});

/** Writes of more than so many bytes of state, or of anything at all, meet a full storage. */
const fill = (mostState: number) =>
  page.evaluate((mostState) => {
    const { put } = IDBObjectStore.prototype;
    IDBObjectStore.prototype.put = function (value, key) {
      if ((value.session?.length ?? 0) > mostState) throw new DOMException('no room', 'QuotaExceededError');
      return put.call(this, value, key);
    };
  }, mostState);

test('with no room for the state a text is saved alone, and with none at all what is there stays', async () => {
  await save('A text that is here');
  await openTab('Write');
  await fill(0);
  await text().fill('A text without its state');
  await button('Save').click();
  await status('without its state: the storage of the browser is full.');
  await fill(-1);
  await text().fill('A text that has no room');
  await button('Save').click();
  await status(/^The storage of the browser is full\.$/);
  await page.waitForTimeout(400); // the draft is kept
  await page.reload();
  await finished();
  expect(await value()).toBe('A text that has no room');
  await openTab('Settings');
  await page.getByRole('button', { name: 'Open A text without its state' }).click();
  await status('reads it again');
  expect(await value()).toBe('A text without its state');
  await save('A text that has room again');
  expect(await titles()).toEqual(['A text that has room again']);
});

test('documents and the draft of the version before open, and saving them asks nothing', async () => {
  await page.evaluate(
    () =>
      new Promise<void>((resolve) => {
        sessionStorage.clear();
        localStorage.removeItem('writing');
        localStorage.setItem('draft', 'A draft of before');
        const opening = indexedDB.open('storyteller');
        opening.onupgradeneeded = () => opening.result.createObjectStore('documents');
        opening.onsuccess = () => {
          const writing = opening.result.transaction('documents', 'readwrite');
          const title = 'A text of before';
          const old = { id: title, title, text: `${title}\nand its end`, caret: 10, tokens: 3 };
          const rest = { session: new Uint8Array(8), model: 'Storyteller', savedAt: Date.now() };
          writing.objectStore('documents').put({ ...old, ...rest }, title);
          writing.oncomplete = () => {
            opening.result.close();
            resolve();
          };
        };
      }),
  );
  await page.reload();
  await finished();
  expect(await value()).toBe('A draft of before');
  await openTab('Settings');
  await page.getByRole('button', { name: 'Open A text of before' }).click();
  await status('reads it again');
  expect(await value()).toBe('A text of before\nand its end');
  await save('A text of before\nand another end');
  expect(await titles()).toEqual(['A text of before']);
  expect(await restored('A text of before')).toBe('A text of before\nand its end');
});

// The tab to teach in: a text is learned in the page, the same beginning is continued before and after, and what was learned is a voice.
import { copyFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { beforeEach, expect, test, vi } from 'vitest';
import {
  button,
  complaints,
  finished,
  foreign,
  goOn,
  openTab,
  page,
  repository,
  text,
} from './opened-page.js';

// A step takes seconds on a slow machine.
vi.setConfig({ testTimeout: 120_000 });
beforeEach(() => page.setDefaultTimeout(60_000));

const letters = Array.from(
  { length: 14 },
  (_, i) =>
    `Dear Mrs. Bennet, I beg to inform you that parcel ${i} has arrived. Your humble servant, H. Gray.\n`,
).join('');
const status = (said: string) => page.locator('#status').filter({ hasText: said }).waitFor();
const progress = (said: string) => page.locator('.progress').filter({ hasText: said }).waitFor();
const texts = () => page.getByRole('textbox', { name: 'Texts to teach' });
const passages = () => page.locator('.comparison .passage').allTextContents();
const voiceOf = () => page.getByRole('combobox', { name: 'Voice' });

async function teach(times: number) {
  await openTab('Teach');
  await texts().fill(letters);
  await page.getByRole('slider', { name: 'Read it' }).fill(String(times));
  await button('Teach').click();
}

async function keepAs(name: string) {
  await page.getByRole('textbox', { name: 'Name of the voice' }).fill(name);
  await button('Keep as a voice').click();
  await status(`${name} writes and chats from now on.`);
}

test('a text is learned, told before and after, and kept as a voice that writes', async () => {
  await teach(2);
  await progress('It has learned.');
  expect(await page.getByText(/Pages that it was not taught surprise it/).textContent()).toMatch(
    /\d+ % less/,
  );
  await button('Write again').waitFor();
  await expect.poll(async () => (await passages()).every((passage) => passage.length > 40)).toBe(true);
  const [before, after] = await passages();
  expect(before).not.toBe(after);

  await keepAs('Mr. Gray');
  await openTab('Write');
  await text().fill('Dear');
  expect(await voiceOf().locator('option:checked').textContent()).toBe('Mr. Gray');
  const spoken = await goOn(16);
  await page.reload();
  await finished();
  await expect.poll(() => voiceOf().locator('option:checked').textContent()).toBe('Mr. Gray');
  await voiceOf().selectOption('The model’s own');
  await text().fill('Dear');
  expect((await goOn(16)).length).toBeGreaterThan('Dear'.length);
  expect(spoken.length).toBeGreaterThan('Dear'.length);
  expect({ complaints, foreign }).toEqual({ complaints: [], foreign: [] });
});

test('a lesson that the page was closed in goes on, and can be dropped', async () => {
  await teach(12);
  await progress('Step 2 of');
  await button('Pause').click();
  await progress('The lesson is paused');
  await page.reload();
  await finished();
  await openTab('Teach');
  await progress('The lesson is paused');
  expect(await texts().inputValue()).toBe(letters);
  await button('Go on').click();
  await progress('Step 4 of');
  await button('Pause').click();
  await progress('The lesson is paused');
  await button('Start over').click();
  await page.reload();
  await finished();
  await openTab('Teach');
  expect(await texts().inputValue()).toBe('');
  expect(complaints).toEqual([]);
});

test('a voice leaves as a file and comes back from it; what is none is refused with the reason', async () => {
  await teach(1);
  await progress('It has learned.');
  await keepAs('Mr. Gray');
  const download = page.waitForEvent('download');
  await button('Export Mr. Gray').click();
  const path = await (await download).path();
  await button('Delete Mr. Gray').click();
  await status('Deleted Mr. Gray.');
  await page.getByText('None yet.').waitFor();
  const choose = page.getByLabel('Import a voice');
  await choose.setInputFiles({
    name: 'Gray.safetensors',
    mimeType: '',
    buffer: Buffer.from('no voice at all'),
  });
  await page.locator('#status.error').filter({ hasText: 'Gray: ' }).waitFor();
  const copy = `${path}.safetensors`;
  copyFileSync(path, copy);
  await choose.setInputFiles(copy);
  await status('writes and chats from now on.');
});

test('texts come from files, and an empty one cannot be taught', async () => {
  await openTab('Teach');
  expect(await button('Teach').isDisabled()).toBe(true);
  const add = page.getByLabel('Add text files');
  await add.setInputFiles([
    { name: 'a.txt', mimeType: 'text/plain', buffer: Buffer.from('one') },
    { name: 'b.md', mimeType: 'text/markdown', buffer: Buffer.from('two') },
  ]);
  await expect.poll(() => texts().inputValue()).toBe('one\n\ntwo');
  await add.setInputFiles({ name: 'c.txt', mimeType: 'text/plain', buffer: Buffer.from([0xff, 0xfe, 0xff]) });
  await page.locator('#status.error').filter({ hasText: 'c.txt' }).waitFor();
  expect(await texts().inputValue()).toBe('one\n\ntwo');
});

test('a lesson stays with its model: another one leaves it alone, and it goes on when that comes back', async () => {
  await teach(12);
  await progress('Step 2 of');
  await openTab('Models');
  await page
    .getByLabel('Choose files')
    .setInputFiles(fileURLToPath(new URL('tests/fixtures/oracle/v7-bf16.pth', repository)));
  await button('Load').click();
  await page.locator('.standing').filter({ hasText: 'v7-bf16' }).waitFor();
  await openTab('Teach');
  await page.locator('.progress:empty').waitFor({ state: 'attached' }); // behind the step that was being made
  expect(await page.locator('#losses-heading').count()).toBe(0);
  await openTab('Settings');
  await button('Load the storyteller again').click();
  await page.locator('.standing').filter({ hasText: 'Storyteller' }).waitFor();
  await openTab('Teach');
  await progress('The lesson is paused');
  await button('Start over').click();
});

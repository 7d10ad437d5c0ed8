// The programs of web/examples, with the packed package. Those of frameworks are run by tests/toolchains.
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { chromiumPath, launchChromium } from '../browser/chromium.js';
import { createProject, manifest, type Project, repository, run } from './packed.js';
import { deliver, serveFolder } from './server.js';
import { watchedPage } from './story.js';

const examples = join(repository, 'web/examples');
let project: Project;

beforeAll(() => {
  project = createProject({ 'story.mjs': readFileSync(join(examples, 'story.mjs')) });
  cpSync(join(examples, 'extension'), join(project.folder, 'extension'), { recursive: true });
  cpSync(join(project.installed, 'dist'), join(project.folder, 'extension/rwkv-wasm'), { recursive: true });
}, 120_000);
afterAll(() => project?.remove());

const isWritten = (page: Page, selector: string) =>
  page.waitForFunction((selector) => {
    const element = document.querySelector(selector);
    const text = element instanceof HTMLTextAreaElement ? element.value : element?.textContent;
    return /^Once upon a time.{20}/s.test(text ?? '');
  }, selector);

test('story.mjs tells a story in Node', () => {
  const told = run(process.execPath, ['story.mjs'], { cwd: project.folder });
  expect(told).toMatch(/^Once upon a time.{40}/s);
});

test('the page takes the package from a content delivery network and goes on where its text ends', async () => {
  const browser = await launchChromium();
  const server = await serveFolder(join(examples, 'page'));
  try {
    const context = await browser.newContext();
    const base = `https://cdn.jsdelivr.net/npm/rwkv-wasm@${manifest.version}/`;
    await deliver(context, base, project.installed);
    const { page, complaints } = await watchedPage(context);
    await page.goto(`${server.origin}/`);
    await page.click('button:enabled');
    await isWritten(page, 'textarea');
    expect(complaints).toEqual([]);
  } finally {
    await browser.close();
    server.close();
  }
});

test('the extension tells a story in its popup, by a model in an offscreen document', async () => {
  const profile = mkdtempSync(join(tmpdir(), 'rwkv-wasm-profile-'));
  const extension = join(project.folder, 'extension');
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: chromiumPath(),
    args: [
      '--no-sandbox',
      '--disable-gpu',
      `--disable-extensions-except=${extension}`,
      `--load-extension=${extension}`,
    ],
  });
  try {
    const [background = await context.waitForEvent('serviceworker')] = context.serviceWorkers();
    const { page, complaints } = await watchedPage(context);
    await page.goto(new URL('popup.html', background.url()).href);
    await isWritten(page, 'p');
    expect(complaints).toEqual([]);
  } finally {
    await context.close();
    rmSync(profile, { recursive: true });
  }
}, 60_000);

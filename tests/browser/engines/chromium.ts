// Chromium through playwright-core.
import type { BrowserContext, Page } from 'playwright-core';
import { launchChromium } from '../chromium.js';
import { callText, type Engine, type Role, type Tab } from './engine.js';

export async function startChromium(): Promise<Engine> {
  const browser = await launchChromium();
  const context = await browser.newContext();
  return {
    version: browser.version(),
    newTab: () => openTab(context),
    close: () => browser.close(),
  };
}

/** A tab of a page that a test drives further by itself. */
export async function openTab(context: BrowserContext): Promise<Tab & { readonly page: Page }> {
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(error.message));
  const find = (role: Role, name: string) => page.getByRole(role, { name, exact: true });
  return {
    page,
    complaints,
    async open(url) {
      await page.goto(url, { waitUntil: 'load' });
    },
    async reload() {
      await page.reload({ waitUntil: 'load' });
    },
    activate: () => page.bringToFront(),
    async evaluate(run, ...given) {
      return JSON.parse(await page.evaluate<string>(callText(run, given)));
    },
    click: (role, name) => find(role, name).click(),
    async type(role, name, keys) {
      await find(role, name).press('ControlOrMeta+End');
      await page.keyboard.type(keys);
    },
    screenshot: () => page.screenshot(),
    close: () => page.close(),
  };
}

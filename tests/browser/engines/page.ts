// The page as one uses it: what is written, what is chosen, what it says of its model.
import { expect } from 'vitest';
import type { Tab } from './engine.js';

export const patient = { timeout: 20_000, interval: 50 };

/** Waits until a model is loaded, nothing is being written, and the field shows all that was (a frame after its mirror). */
export async function ready(tab: Tab): Promise<void> {
  const canGoOn = () =>
    tab.evaluate(() => {
      const buttons = [...document.querySelectorAll('button')];
      const field = document.querySelector('textarea[aria-label="Text"]');
      const shown = document.querySelector('.mirror')?.textContent?.replace(/\r\n?/g, '\n');
      return (
        buttons.some((button) => button.textContent?.trim() === 'Continue' && !button.disabled) &&
        field instanceof HTMLTextAreaElement &&
        shown === `${field.value}\u200b`
      );
    });
  await expect.poll(canGoOn, patient).toBe(true);
}

/** Opens the page where a host keeps nothing of it yet: it opens itself again when its service worker serves it. */
export async function visit(tab: Tab, url: string): Promise<void> {
  await tab.open(url);
  await offlineReady(tab);
  await expect.poll(() => tab.evaluate(() => crossOriginIsolated).catch(() => false), patient).toBe(true);
  await ready(tab);
}

/** What stands in "Text". */
export function text(tab: Tab): Promise<string> {
  return tab.evaluate(() => {
    const field = document.querySelector('textarea[aria-label="Text"]');
    return field instanceof HTMLTextAreaElement ? field.value : '';
  });
}

/** Puts another text in the place of what stands there. */
export function write(tab: Tab, next: string): Promise<void> {
  return tab.evaluate((next) => {
    const field = document.querySelector('textarea[aria-label="Text"]');
    if (!(field instanceof HTMLTextAreaElement)) return;
    field.value = next;
    field.dispatchEvent(new InputEvent('input', { bubbles: true }));
  }, next);
}

/** What the page says of the model in use: its name, size, build and threads. */
export function standing(tab: Tab): Promise<string> {
  return tab.evaluate(() => document.querySelector('footer')?.textContent ?? '');
}

/** What the page told last. */
export function notice(tab: Tab): Promise<string> {
  return tab.evaluate(() => document.querySelector('[role=status]')?.textContent ?? '');
}

/** Chooses what the settings offer, and opens the page again with it. */
export async function choose(
  tab: Tab,
  choices: {
    readonly [name in 'length' | 'temperature' | 'threads' | 'candidateCount']?: number;
  } & { readonly build?: 'baseline' },
): Promise<void> {
  await tab.evaluate((chosen) => {
    const kept = JSON.parse(localStorage.getItem('settings') ?? '{}');
    localStorage.setItem('settings', JSON.stringify({ ...kept, ...chosen }));
  }, choices);
  await tab.reload();
  await ready(tab);
}

/** Lets the model go on to its end; what it has written. */
export async function goOn(tab: Tab): Promise<string> {
  const before = await text(tab);
  await tab.click('button', 'Continue');
  await expect.poll(() => text(tab), patient).not.toBe(before);
  await ready(tab);
  return (await text(tab)).slice(before.length);
}

/** Resolves when the service worker has the site and serves this page. */
export async function offlineReady(tab: Tab): Promise<void> {
  const isControlled = () =>
    tab.evaluate(() => navigator.serviceWorker?.controller?.state === 'activated').catch(() => false);
  await expect.poll(isControlled, patient).toBe(true);
}

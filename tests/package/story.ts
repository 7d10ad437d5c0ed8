// The same story everywhere: what a page or a script of a user tells must be what Node tells here.
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { type AssetOptions, RWKV } from '../../dist/node.js';

/** What a consumer tells of the storyteller. */
export interface Told {
  readonly text: string;
  readonly build: string;
  readonly threads: number;
  readonly warnings: readonly string[];
}

export interface TellOptions extends AssetOptions {
  readonly build?: 'auto' | 'baseline' | 'relaxed';
  readonly threads?: number;
  readonly tokenizer?: string;
}

/** Options that give the same bits on every machine. */
export const exact = { build: 'baseline', threads: 1 } as const;

/** A module that has `tell(options)`; `Told` as JSON in scripts, as it is in pages. */
export const teller = `
import { RWKV } from 'rwkv-wasm';
globalThis.tell = async (options) => {
  const model = await RWKV.load(undefined, options);
  const session = await model.createSession({ seed: 7 });
  const { text } = await session.complete('Once upon a time', { maxTokens: 40 }).result;
  await model.dispose();
  const { build, threads, warnings } = model.info;
  return { text, build, threads, warnings };
};
`;

/** What Node tells, without detours. */
export async function nodeStory(): Promise<string> {
  const model = await RWKV.load(undefined, exact);
  const session = await model.createSession({ seed: 7 });
  const { text } = await session.complete('Once upon a time', { maxTokens: 40 }).result;
  await model.dispose();
  return text;
}

/** A page that is watched: `complaints` gathers its warnings and errors, `requests` the URLs that it asks for. */
export interface WatchedPage {
  readonly page: Page;
  readonly complaints: string[];
  readonly requests: string[];
}

export async function watchedPage(browser: Browser | BrowserContext): Promise<WatchedPage> {
  const page = await browser.newPage();
  const complaints: string[] = [];
  const requests: string[] = [];
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(error.message));
  page.context().on('request', (request) => requests.push(request.url()));
  return { page, complaints, requests };
}

/** A page with the teller, opened. */
export interface OpenPage extends WatchedPage {
  tell(options: TellOptions): Promise<Told>;
  /** The code and message of the error that telling ends in. */
  refusal(options: TellOptions): Promise<{ code: string; message: string }>;
}

export async function openPage(browser: Browser | BrowserContext, url: string): Promise<OpenPage> {
  const watched = await watchedPage(browser);
  const { page, complaints } = watched;
  await page.goto(url);
  await page
    .waitForFunction(() => 'tell' in globalThis)
    .catch((cause) => {
      throw new Error(`the page does not start: ${complaints.join('; ')}`, { cause });
    });
  return {
    ...watched,
    tell: (options) =>
      page.evaluate((given) => {
        const { tell } = globalThis as unknown as { tell(options: TellOptions): Promise<Told> };
        return tell(given);
      }, options),
    refusal: (options) =>
      page.evaluate(async (given) => {
        const { tell } = globalThis as unknown as { tell(options: TellOptions): Promise<Told> };
        return tell(given).then(
          () => ({ code: 'none', message: '' }),
          ({ code, message }) => ({ code, message }),
        );
      }, options),
  };
}

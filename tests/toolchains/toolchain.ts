// What a tool is to the suite, and how a project of it is made to tell the story.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Browser, Page } from 'playwright-core';
import { launchChromium } from '../browser/chromium.js';
import { type Project, run } from '../package/packed.js';
import { serveFolder } from '../package/server.js';
import { watchedPage } from '../package/story.js';

export type Files = Readonly<Record<string, string>>;

export interface Toolchain {
  readonly name: string;
  /** What npm installs; the version of the first is told. */
  readonly packages: readonly string[];
  readonly files: Files;
  /** What an app has to say for the package's sake: part of `files`, and written in README.md. */
  readonly lines?: readonly string[];
  /** Runs on the Node of `node24.ts`: the tool wants a newer one than the package. */
  readonly newerNode?: true;
  /** What the text must match: the story, by default. */
  readonly tells?: RegExp;
  /** Builds, runs and tells. */
  tell(project: Project): Told | Promise<Told>;
}

export interface Told {
  readonly text: string;
  /** From the start of the program, or of the page, until the text is there; undefined where nothing is told. */
  readonly seconds?: number;
}

/** How the text begins that `tale` tells. */
export const story = 'just as the farmer';

/** A module whose `tale(options)` gives the text. */
export const tale: Files = {
  'tale.js': `import { RWKV } from 'rwkv-wasm';

export async function tale(options) {
  const model = await RWKV.load(undefined, { build: 'baseline', ...options });
  const session = await model.createSession({ seed: 7 });
  const { text } = await session.complete('Once upon a time', { maxTokens: 8 }).result;
  await model.dispose();
  return text;
}
`,
};
/** An entry that shows it on a page, as every bundler takes it. */
export const shown = (options = '') =>
  `import { tale } from './tale.js';\ntale(${options}).then((text) => document.body.append(text));\n`;
/** An entry that prints it, also where modules have no top-level await. */
export const printed = (options = '') =>
  `import { tale } from './tale.js';\ntale(${options}).then((text) => console.log(text));\n`;
export const html = (script = '', type = 'module') =>
  `<!doctype html><html lang="en"><meta charset="utf-8"><title>app</title><body>${script && `<script type="${type}" src="${script}"></script>`}</body></html>\n`;

export const bin = (project: Project, name: string) => join(project.folder, 'node_modules/.bin', name);
const minutes = (count: number) => count * 60_000;

/** Runs a command of an installed package, such as a build. */
export function call(project: Project, command: string, ...args: readonly string[]): string {
  return run(bin(project, command), args, { cwd: project.folder, timeout: minutes(6), env: environment() });
}

/** Tells by a program that prints the story. */
export function program(project: Project, command: string, ...args: readonly string[]): Told {
  const start = performance.now();
  const text = run(command, args, { cwd: project.folder, timeout: minutes(2), env: environment() });
  return { text, seconds: (performance.now() - start) / 1000 };
}
export const node = (project: Project, ...args: readonly string[]) => program(project, 'node', ...args);

/** As users have it: not in a test of Vitest. Tools that ask whether somebody is there, or count their users, do not. */
function environment(): NodeJS.ProcessEnv {
  const { NODE_ENV: _, VITEST: __, ...inherited } = process.env;
  return { ...inherited, CI: '1', NEXT_TELEMETRY_DISABLED: '1', ASTRO_TELEMETRY_DISABLED: '1' };
}
/** Puts a folder of programs before the others, for npm too: it chooses versions that the Node at hand can run. */
export function usePrograms(folder: string): () => void {
  const { PATH } = process.env;
  Object.assign(process.env, { PATH: `${folder}:${PATH}` });
  return () => void Object.assign(process.env, { PATH });
}

/** The text that a page shows, and what is done there before. */
type What = [text?: string, act?: (page: Page) => Promise<void>];

let browser: Promise<Browser> | undefined;
export const closeBrowser = async () => (await browser)?.close();

/** Tells by a page that shows the story and complains of nothing, nor is covered by a tool's complaints. */
export async function page(url: string, ...[text = story, act]: What): Promise<Told> {
  browser ??= launchChromium();
  const { page, complaints } = await watchedPage(await browser);
  try {
    await page.route('**/favicon.ico', (route) => route.fulfill({ status: 204 })); // browsers ask by themselves
    await page.goto(url);
    await act?.(page);
    const there = await page
      .waitForFunction((words) => document.body?.innerText.includes(words) && performance.now(), text, {
        timeout: minutes(1),
      })
      .catch((cause) => {
        throw new Error(`'${text}' does not come; ${complaints.join('; ')}`, { cause });
      });
    const seconds = Number(await there.jsonValue()) / 1000;
    const overlays = await page.locator('iframe, vite-error-overlay').count();
    if (overlays > 0) complaints.push('something lies over the page');
    if (complaints.length > 0) throw new Error(complaints.join('; '));
    return { text: await page.innerText('body'), seconds };
  } finally {
    await page.close();
  }
}

/** Tells by the page of a folder that was built. */
export async function built(project: Project, folder = 'dist', ...what: What): Promise<Told> {
  const server = await serveFolder(join(project.folder, folder));
  try {
    return await page(`${server.origin}/`, ...what);
  } finally {
    server.close();
  }
}

/** While a tool's own server runs: `PORT` in its arguments becomes a free port. */
export async function served<T>(
  project: Project,
  [command = '', ...args]: readonly string[],
  use: (origin: string) => Promise<T>,
): Promise<T> {
  const port = await freePort();
  const said: string[] = [];
  const given = args.map((arg) => arg.replace('PORT', port));
  const options = { cwd: project.folder, env: environment(), detached: true }; // a group, which ends as one
  const child = spawn(bin(project, command), given, options);
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (piece) => said.push(String(piece)));
  const closed = once(child, 'close');
  const origin = `http://localhost:${port}`;
  try {
    while (!(await fetch(origin).catch(() => undefined))) {
      if (child.exitCode !== null) throw new Error(`${command} ended: ${said.join('')}`);
      await sleep(200);
    }
    return await use(origin);
  } catch (cause) {
    throw new Error(`${cause}\n${said.join('').slice(-2000)}`, { cause });
  } finally {
    if (child.exitCode === null && child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
    await closed;
  }
}

async function freePort(): Promise<string> {
  const server = createServer().listen(0);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return String(port);
}

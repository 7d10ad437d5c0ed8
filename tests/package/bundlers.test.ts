// The packed package in apps of Vite and webpack, in a real browser.
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { build, createServer, preview } from 'vite';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import webpack from 'webpack';
import { launchChromium } from '../browser/chromium.js';
import { createProject, type Project } from './packed.js';
import { isolation, serveFolder } from './server.js';
import { exact, nodeStory, openPage, teller } from './story.js';

const policy = {
  'Content-Security-Policy':
    "default-src 'none'; img-src data:; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; connect-src 'self'",
};
const html = (script: string) => `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <title>app</title>
    <link rel="icon" href="data:," />
    <script type="module" src="${script}"></script>
  </head>
</html>
`;

let browser: Browser;
let project: Project;
let story: string;

beforeAll(async () => {
  project = createProject({
    'index.html': html('/main.js'),
    'main.js': teller,
    'vite.config.js': `export default {
      optimizeDeps: { exclude: ['rwkv-wasm'] },
      worker: { format: 'es' },
    };`,
  });
  browser = await launchChromium();
  story = await nodeStory();
}, 120_000);
afterAll(async () => {
  await browser?.close();
  project?.remove();
});

/** Tells the story as Node does, on the fastest build too, and asks nobody else for anything. */
async function works(url: string): Promise<void> {
  const { page, tell, complaints, requests } = await openPage(browser, url);
  expect(await tell(exact)).toEqual({ text: story, build: 'baseline', threads: 1, warnings: [] });
  const free = await tell({});
  expect(free).toMatchObject({ build: 'relaxed', warnings: [] });
  expect(free.text.length).toBeGreaterThan(60);
  if (await page.evaluate(() => crossOriginIsolated))
    for (const build of ['baseline', 'relaxed'] as const)
      expect(await tell({ build, threads: 2 })).toMatchObject({ build, threads: 2, warnings: [] });
  expect(complaints).toEqual([]);
  const { origin } = new URL(url);
  expect(requests.filter((request) => !request.startsWith(origin) && !/^(data|blob):/.test(request))).toEqual(
    [],
  );
  await page.close();
}

describe('Vite', () => {
  test('builds an app that runs under a strict policy, with threads where it is isolated', async () => {
    const root = project.folder;
    await build({ root, logLevel: 'error' });
    const headers = { ...policy, ...isolation };
    const server = await preview({
      root,
      logLevel: 'warn',
      preview: { port: 0, host: '127.0.0.1', headers },
    });
    try {
      await works(server.resolvedUrls?.local[0] ?? '');
    } finally {
      await server.close();
    }
  }, 60_000);

  test('serves it while it is being developed', async () => {
    const server = await createServer({
      root: project.folder,
      logLevel: 'warn',
      server: { port: 0, host: '127.0.0.1' },
    });
    try {
      await server.listen();
      await works(server.resolvedUrls?.local[0] ?? '');
    } finally {
      await server.close();
    }
  }, 60_000);
});

test('webpack builds an app without any settings for the package', async () => {
  project.write({ 'webpack/app.html': html('main.js') });
  const folder = join(project.folder, 'webpack');
  const compiler = webpack({
    mode: 'production',
    context: project.folder,
    entry: './main.js',
    output: { path: folder, filename: 'main.js' },
    performance: false,
  });
  if (!compiler) throw new Error('webpack gives no compiler');
  const stats = await new Promise<webpack.Stats | undefined>((resolve, reject) => {
    compiler.run((error, found) => compiler.close(() => (error ? reject(error) : resolve(found))));
  });
  const { errors = [], warnings = [] } = stats?.toJson({ all: false, errors: true, warnings: true }) ?? {};
  expect([...errors, ...warnings].map(({ message, moduleName }) => `${moduleName}: ${message}`)).toEqual([]);
  const server = await serveFolder(folder, { ...policy, ...isolation });
  try {
    await works(`${server.origin}/app.html`);
  } finally {
    server.close();
  }
}, 60_000);

// The packed package in apps of Vite and webpack, in a real browser.
import { cpSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { build, createServer, preview } from 'vite';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import webpack from 'webpack';
import type { AssetOptions } from '../../dist/index.js';
import { launchChromium } from '../browser/chromium.js';
import { createProject, type Project } from './packed.js';
import { isolation, serveFolder } from './server.js';
import { exact, nodeStory, openPage, teller, watchedPage } from './story.js';

const policy = {
  'Content-Security-Policy':
    "default-src 'none'; img-src data:; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; connect-src 'self'; " +
    "require-trusted-types-for 'script'; trusted-types rwkv-wasm webpack",
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

const patient = 120_000;

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
async function works(url: string, assets: AssetOptions = {}): Promise<void> {
  const { page, tell, complaints, requests } = await openPage(browser, url);
  expect(await tell({ ...exact, ...assets })).toEqual({
    text: story,
    build: 'baseline',
    threads: 1,
    warnings: [],
  });
  const free = await tell(assets);
  expect(free).toMatchObject({ build: 'relaxed', warnings: [] });
  expect(free.text.length).toBeGreaterThan(60);
  if (await page.evaluate(() => crossOriginIsolated))
    for (const build of ['baseline', 'relaxed'] as const)
      expect(await tell({ build, threads: 2, ...assets })).toMatchObject({ build, threads: 2, warnings: [] });
  expect(complaints).toEqual([]);
  const { origin } = new URL(url);
  expect(requests.filter((request) => !request.startsWith(origin) && !/^(data|blob):/.test(request))).toEqual(
    [],
  );
  await page.close();
}

describe('Vite', () => {
  test(
    'builds an app that runs under a strict policy, with threads where it is isolated',
    async () => {
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
    },
    patient,
  );

  test(
    'serves it while it is being developed',
    async () => {
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
    },
    patient,
  );

  test(
    'builds an app whose scripts lie on another origin',
    async () => {
      const network = await serveFolder(join(project.folder, 'elsewhere'), {
        'Access-Control-Allow-Origin': '*',
      });
      const code = `import workerUrl from 'rwkv-wasm/worker-web.js?worker&url'; globalThis.workerUrl = workerUrl;`;
      project.write({ 'index.html': html('/elsewhere.js'), 'elsewhere.js': teller + code });
      const outDir = 'elsewhere';
      await build({ root: project.folder, base: `${network.origin}/`, build: { outDir }, logLevel: 'error' });
      project.write({ 'page/index.html': readFileSync(join(project.folder, 'elsewhere/index.html')) });
      const server = await serveFolder(join(project.folder, 'page'), isolation);
      try {
        const { page, tell, complaints } = await openPage(browser, `${server.origin}/`);
        const workerUrl = await page.evaluate(
          () => (globalThis as unknown as { workerUrl: string }).workerUrl,
        );
        expect(workerUrl).toMatch(new RegExp(`^${network.origin}/assets/worker-web-`));
        expect(await tell({ ...exact, workerUrl })).toMatchObject({ text: story, warnings: [] });
        expect(await tell({ workerUrl })).toMatchObject({ build: 'relaxed' });
        expect(complaints).toEqual([]);
        await page.close();
      } finally {
        server.close();
        network.close();
      }
    },
    patient,
  );
});

/** Lets webpack bundle main.js into a folder of the project; what it has to say against it. */
async function pack(folder: string, settings: webpack.Configuration = {}): Promise<string[]> {
  project.write({ [`${folder}/app.html`]: html('main.js') });
  const compiler = webpack({
    mode: 'production',
    context: project.folder,
    entry: './main.js',
    output: { path: join(project.folder, folder), filename: 'main.js', trustedTypes: 'webpack' }, // for its chunks
    performance: false,
    ...settings,
  });
  if (!compiler) throw new Error('webpack gives no compiler');
  const stats = await new Promise<webpack.Stats | undefined>((resolve, reject) => {
    compiler.run((error, found) => compiler.close(() => (error ? reject(error) : resolve(found))));
  });
  const { errors = [], warnings = [] } = stats?.toJson({ all: false, errors: true, warnings: true }) ?? {};
  return [...errors, ...warnings].map(({ message, moduleName }) => `${moduleName}: ${message}`);
}

test(
  'webpack builds an app without any settings for the package',
  async () => {
    expect(await pack('webpack')).toEqual([]);
    const server = await serveFolder(join(project.folder, 'webpack'), { ...policy, ...isolation });
    try {
      await works(`${server.origin}/app.html`);
    } finally {
      server.close();
    }
  },
  patient,
);

test(
  'a bundler that knows of scripts only needs a copy of dist and assetBase',
  async () => {
    const module = { parser: { javascript: { url: false, worker: false } } };
    const settings = { module, optimization: { minimize: false } };
    expect(await pack('plain', settings)).toEqual([]);
    const scripts = readdirSync(join(project.folder, 'plain')).filter((name) => !name.endsWith('.html'));
    expect(scripts.filter((name) => !name.endsWith('.js'))).toEqual([]);
    cpSync(join(project.installed, 'dist'), join(project.folder, 'plain/rwkv'), { recursive: true });
    const server = await serveFolder(join(project.folder, 'plain'), { ...policy, ...isolation });
    try {
      await works(`${server.origin}/app.html`, { assetBase: 'rwkv' });
    } finally {
      server.close();
    }
  },
  patient,
);

describe('an app that imports the grammar engine', () => {
  // The engine's own worker is one more script of the app; nothing else is asked for.
  async function rules(url: string): Promise<void> {
    const { page, complaints } = await watchedPage(browser);
    await page.goto(url);
    await page.waitForFunction(() => 'rule' in globalThis);
    const colours = () => page.evaluate(() => (globalThis as unknown as { rule(): Promise<string> }).rule());
    expect(JSON.parse(await colours())).toMatchObject({ colour: expect.stringMatching(/^(red|green)$/) });
    expect(complaints).toEqual([]);
    await page.close();
  }
  const main = `
    import { RWKV } from 'rwkv-wasm';
    import { grammar } from 'rwkv-wasm/grammar';
    globalThis.rule = async () => {
      const model = await RWKV.load(undefined, { grammar });
      const session = await model.createSession();
      const jsonSchema = { type: 'object', properties: { colour: { enum: ['red', 'green'] } }, required: ['colour'] };
      const { text } = await session.complete('The rose is', { jsonSchema }).result;
      await model.dispose();
      return text;
    };
  `;
  const headers = { ...policy, ...isolation };

  test(
    'is built by Vite',
    async () => {
      project.write({ 'ruled/index.html': html('/main.js'), 'ruled/main.js': main });
      const root = join(project.folder, 'ruled');
      await build({ root, configFile: join(project.folder, 'vite.config.js'), logLevel: 'error' });
      const server = await serveFolder(join(root, 'dist'), headers);
      try {
        await rules(`${server.origin}/`);
      } finally {
        server.close();
      }
    },
    patient,
  );

  test(
    'is built by webpack without any settings',
    async () => {
      project.write({ 'ruled.js': main });
      expect(await pack('ruled-webpack', { entry: './ruled.js', optimization: { minimize: false } })).toEqual(
        [],
      );
      const server = await serveFolder(join(project.folder, 'ruled-webpack'), headers);
      try {
        await rules(`${server.origin}/app.html`);
      } finally {
        server.close();
      }
    },
    patient,
  );

  test(
    'needs no bundler',
    async () => {
      const map = JSON.stringify({
        imports: { 'rwkv-wasm': '/rwkv/index.js', 'rwkv-wasm/grammar': '/rwkv/grammar.js' },
      });
      const page = `<!doctype html><link rel="icon" href="data:," /><script type="importmap">${map}</script><script type="module">${main}</script>`;
      project.write({ 'bare/index.html': page });
      cpSync(join(project.installed, 'dist'), join(project.folder, 'bare/rwkv'), { recursive: true });
      const server = await serveFolder(join(project.folder, 'bare'), isolation);
      try {
        await rules(`${server.origin}/`);
      } finally {
        server.close();
      }
    },
    patient,
  );
});

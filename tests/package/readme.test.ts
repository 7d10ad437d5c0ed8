// Every example of the README, and of the pages that it sends its readers to, runs on the packed package.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, existsSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Browser } from 'playwright-core';
import ts from 'typescript';
import { build } from 'vite';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { launchChromium } from '../browser/chromium.js';
import { createProject, manifest, type Project, repository, run } from './packed.js';
import { type Block, blocksOf, commandsOf } from './readme-blocks.js';
import { serveFolder } from './server.js';
import { watchedPage } from './story.js';

const minute = 60_000;
const pages = ['README.md', 'web/adapters/README.md', 'web/cli/batch.md', 'web/serve/README.md'];
const markdownOf = (page: string) => readFileSync(join(repository, page), 'utf8');

/** A block and the page that it stands on. */
interface Example extends Block {
  readonly page: string;
}
const blocks: readonly Example[] = pages.flatMap((page) =>
  blocksOf(markdownOf(page)).map((block) => ({ page, ...block })),
);

// The files that examples name, and what stands for them.
const models = join(repository, 'build/models');
const files: Readonly<Record<string, string>> = {
  'rwkv7-g1-0.1b.pth': join(models, 'v7-bf16.pth'),
  'model.pth': join(models, 'v7-bf16.pth'),
  'model.gguf': join(models, 'v7-bf16.gguf'),
};
const vocabulary = readFileSync(join(repository, 'web/storyteller/rwkv7-tales-8.0M-vocab.txt'), 'utf8');
const texts: Readonly<Record<string, string>> = {
  'story.txt': 'Once upon a time there was a king who had three sons.\n',
  'letters.txt':
    'Dear Anna,\n\nthe geese have come home, and the pond is full of their talk.\n\nYours, Will\n',
  'more-letters.txt': 'Dear Will,\n\nkeep two of them for me.\n\nYours, Anna\n',
  'prompt.txt': 'Once upon a time',
  'prompts.jsonl': '{"id": "a", "prompt": "Once upon a time", "maxTokens": 60}\n',
  // The bytes: these models know the ids 0 to 255.
  'rwkv_vocab_v20230424.txt': vocabulary.split('\n').slice(0, 255).join('\n'),
};

let project: Project;
let browser: Browser | undefined;

beforeAll(() => {
  project = createProject(texts);
  for (const [name, path] of Object.entries(files)) copyFileSync(path, join(project.folder, name));
  lendPackages();
  for (const { file, code } of blocks) if (file !== undefined) project.write({ [file]: code });
}, 2 * minute);
afterAll(async () => {
  await browser?.close();
  project?.remove();
});

// What examples and adapters import is lent from this repository, as far as it is here.
function lendPackages(): void {
  const imported = blocks.flatMap(({ code }) => [...code.matchAll(/from '((?:@[\w-]+\/)?[\w-]+)/g)]);
  const names = [...imported.map(([, name = '']) => name), ...Object.keys(manifest.peerDependencies ?? {})];
  for (const name of new Set(names)) {
    const [here, there] = [repository, project.folder].map((folder) => join(folder, 'node_modules', name));
    if (here === undefined || there === undefined || !existsSync(here) || existsSync(there)) continue;
    mkdirSync(dirname(there), { recursive: true });
    symlinkSync(here, there, 'dir');
  }
}

/** A name for files of a block: no other has it. */
const nameOf = ({ page, line }: Example) => `${page.replaceAll(/\W/g, '-')}-${line}`;

/** A block as a module that finds the names of the package, and the model and session that it speaks of. */
function moduleOf({ code, language, run }: Block): string {
  const needs = run.startsWith('with') ? 'globalThis.model = await rwkv.RWKV.load();' : '';
  const session = run === 'with session' ? 'globalThis.session = await model.createSession();' : '';
  const given = `import * as rwkv from 'rwkv-wasm'; Object.assign(globalThis, rwkv); ${needs} ${session}`;
  const name = `given-${run.replaceAll(' ', '-')}.js`;
  project.write({ [name]: given });
  const options = { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext };
  const script = language === 'ts' ? ts.transpile(code, options) : code;
  return `import './${name}';\n${script}`;
}

/** Serves a folder to a page and waits until `ready`, which may throw what the page complains of. */
async function inPage(folder: string, path: string, shown: string): Promise<void> {
  browser ??= await launchChromium();
  const server = await serveFolder(folder);
  const { page, complaints } = await watchedPage(browser);
  try {
    await page.goto(`${server.origin}/${path}`);
    await page
      .waitForFunction((text) => document.body?.innerText.includes(text), shown)
      .catch((cause) => {
        throw new Error(`'${shown}' does not come; ${complaints.join('; ')}`, { cause });
      });
    expect(complaints).toEqual([]);
  } finally {
    await page.close();
    server.close();
  }
}

const runs: Readonly<Record<Block['run'], (block: Example) => unknown>> = {
  no() {},
  'as it stands'(block) {
    if (block.language === 'html') throw new Error('html wants a comment: see readme-blocks.ts');
    if (block.language === 'sh')
      for (const command of commandsOf(block.code)) run('sh', ['-c', command], { cwd: project.folder });
    else {
      const name = `${nameOf(block)}.js`;
      project.write({ [name]: moduleOf(block) });
      run(process.execPath, [name], { cwd: project.folder });
    }
  },
  'with model': (block) => runs['as it stands'](block),
  'with session': (block) => runs['as it stands'](block),
  async browser(block) {
    const map = { imports: { 'rwkv-wasm': '/node_modules/rwkv-wasm/dist/index.js' } };
    const script = `${nameOf(block)}.js`;
    if (block.language !== 'html') project.write({ [script]: moduleOf(block) });
    const icon = '<link rel="icon" href="data:," />';
    const head = `<!doctype html><meta charset="utf-8">${icon}<script type="importmap">${JSON.stringify(map)}</script>`;
    const done = `document.body.append('The example has run.');`;
    const body = block.language === 'html' ? block.code : '';
    const name = `${nameOf(block)}.html`;
    const start = block.language === 'html' ? done : `import './${script}'; ${done}`;
    project.write({ [name]: `${head}<body>${body}<script type="module">${start}</script></body>` });
    await inPage(project.folder, name, 'The example has run.');
  },
  async until({ code, text }) {
    const [command = ''] = commandsOf(code);
    const direct = command.replace(/^npx /, 'exec node_modules/.bin/'); // signals go to it and to nobody between
    const child = spawn('sh', ['-c', direct], { cwd: project.folder, detached: true });
    let printed = '';
    const ended = once(child, 'close');
    const said = new Promise<void>((resolve) => {
      for (const stream of [child.stdout, child.stderr])
        stream.setEncoding('utf8').on('data', (piece) => {
          printed += piece;
          if (printed.includes(text)) resolve();
        });
    });
    await Promise.race([said, ended]);
    if (child.exitCode === null && child.pid !== undefined) process.kill(-child.pid, 'SIGTERM');
    const [status] = await ended;
    expect(printed).toContain(text);
    expect(status, printed).toBe(0);
  },
  printed({ code, text }) {
    // A page breaks lines; empty lines part paragraphs.
    const told = code.trimEnd().replaceAll(/(?<!\n)\n(?!\n)/g, ' ');
    expect(run('sh', ['-c', text], { cwd: project.folder })).toBe(`${told}\n`);
  },
};

const isRun = ({ run, language, code }: Block) =>
  run !== 'no' && (language !== 'sh' || commandsOf(code).length > 0);

for (const block of blocks) {
  const title = `${block.page}:${block.line}, ${block.language}, ${block.run} ${block.text}`.trim();
  test.skipIf(!isRun(block))(title, () => runs[block.run](block), minute);
}

const apps = blocks.filter(({ file }) => file?.endsWith('/index.html'));
test.each(apps.map(({ file = '', text }) => [dirname(file), text]))(
  'the Vite app %s is built and shows: %s',
  async (app, text) => {
    await build({ root: join(project.folder, app), logLevel: 'error' });
    await inPage(join(project.folder, app, 'dist'), '', text);
  },
  minute,
);

test('there are examples, and they are run', () => {
  expect(blocks.filter(({ run }) => run !== 'no').length).toBeGreaterThan(3);
  expect(pages.filter((page) => !blocks.some((block) => block.page === page && isRun(block)))).toEqual([]);
});

test('the README leads to every other page', () => {
  for (const page of pages.slice(1)) expect(markdownOf('README.md')).toContain(`](${page})`);
});

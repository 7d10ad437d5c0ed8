// The page as it is built, on a static host, in every engine that this machine has.
import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'vite';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { learning, newModel, trainVocabulary } from '../../dist/learning-node.js';
import { RWKV } from '../../dist/node.js';
import { quantizations } from '../../dist/shared/number-formats.js';
import { knownSums, knownText } from '../web/known-logits.js';
import { lesson } from './bare/lesson.js';
import type { Engine, Tab } from './engines/engine.js';
import { type Host, startHost } from './engines/host.js';
import { engines } from './engines/installed.js';
import { modelTests } from './engines/models.js';
import { choose, goOn, ready, standing, text, visit } from './engines/page.js';

declare global {
  interface Window {
    RWKV: typeof RWKV;
    teach(): ReturnType<typeof lesson>;
  }
}

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const site = here('../../build/engines/site');
const otherSite = here('../../build/engines/other-site');
const bare = here('../../build/engines/bare');

/** The likeliest story, the same in every engine that computes in the baseline build. */
let story: string;

beforeAll(async () => {
  await build({ root: here('../../web/demo'), logLevel: 'warn', build: { outDir: site } });
  await build({
    root: here('bare'),
    base: './',
    logLevel: 'warn',
    build: { outDir: bare, emptyOutDir: true },
    worker: { format: 'es' },
  });
  await cp(here('../fixtures/oracle/v7-bf16.pth'), join(bare, 'v7-bf16.pth'));
  await cp(site, otherSite, { recursive: true });
  await change(join(otherSite, 'index.html'), '</head>', '<!-- another --></head>');
  await change(join(otherSite, 'service-worker.js'), /(index\.html\W+revision:\W)\w{4}/, '$1beef');
  const model = await RWKV.load(undefined, { build: 'baseline' });
  const session = await model.createSession();
  const writing = session.complete('Once upon a time', {
    ...model.info.sampling, // as the page does
    ...{ maxTokens: 64, temperature: 0 },
  });
  for await (const _ of writing);
  story = (await writing.result).text;
  await model.dispose();
}, 120_000);

async function change(path: string, from: string | RegExp, to: string) {
  const before = await readFile(path, 'utf8');
  const after = before.replace(from, to);
  if (after === before) throw new Error(`${path}: expected ${from}`);
  await writeFile(path, after);
}

for (const { name, start, install } of engines)
  if (!start) console.log(`${name} is not here, and its tests are skipped: ${install}`);

describe.each(engines)('in $name', { timeout: 60_000 }, ({ name, start }) => {
  if (!start) {
    test.skip('it is not installed', () => {});
    return;
  }
  let engine: Engine;
  let host: Host;
  let tab: Tab;
  const at = {
    get tab() {
      return tab;
    },
    get host() {
      return host;
    },
  };

  beforeAll(async () => {
    engine = await start();
    console.log(`${name} ${engine.version}`);
  }, 90_000);
  afterAll(() => engine?.close());

  // An origin for each test: nothing is kept from the others.
  beforeEach(async () => {
    host = await startHost(site);
    tab = await engine.newTab();
    return async () => {
      await tab.close();
      await host.cut().catch(() => {}); // it may be cut already
    };
  });

  test('the logits behind a known text are those of every machine', async () => {
    const own = await startHost(bare);
    try {
      await tab.open(own.url);
      const found = await tab.evaluate(
        async (text, formats) => {
          const { RWKV } = window;
          const sums: Record<string, string> = {};
          for (const quantization of formats) {
            const model = await RWKV.load('v7-bf16.pth', {
              ...{ quantization, tokenizer: 'bytes', build: 'baseline', cache: false },
            });
            const session = await model.createSession();
            await session.append(new TextEncoder().encode(text));
            const logits = new Float32Array(await session.logits());
            await model.dispose();
            const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', logits));
            sums[quantization] = Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
          }
          return sums;
        },
        knownText,
        [...quantizations],
      );
      expect(found).toEqual(knownSums);
    } finally {
      await own.cut();
    }
  });

  test('a model from scratch learns, and comes to the same bits as in Node', async () => {
    const own = await startHost(bare);
    try {
      await tab.open(own.url);
      const found = await tab.evaluate(() => window.teach());
      expect(found).toEqual(await lesson({ RWKV, learning, newModel, trainVocabulary }));
    } finally {
      await own.cut();
    }
  });

  // What serves devices comes as a chunk that imports from the worker's script, which WebKit begins once more for that.
  test('where there is no device, the processor computes, once', async () => {
    const own = await startHost(bare);
    try {
      await tab.open(own.url);
      const { device, warnings, logits } = await tab.evaluate(async () => {
        const model = await window.RWKV.load('v7-bf16.pth', { tokenizer: 'bytes', device: 'gpu' });
        const session = await model.createSession();
        await session.append('once');
        const { length } = await session.logits();
        await model.dispose();
        return { ...model.info, logits: length };
      });
      expect([device, logits]).toEqual(['cpu', 256]);
      expect(warnings).toEqual([expect.stringMatching(/^device: this processor computes: /)]);
    } finally {
      await own.cut();
    }
  });

  test('a story streams into the text; Stop stops it, and Continue goes on from there', async () => {
    await visit(tab, host.url);
    await choose(tab, { length: 1024 });
    // Counts the lengths that the text has had; presses Stop when it is longer than `enough`.
    const watch = (enough: number) =>
      tab.evaluate((enough) => {
        const field = document.querySelector('textarea');
        const stop = [...document.querySelectorAll('button')].find(
          ({ textContent }) => textContent === 'Stop',
        );
        const lengths = new Set<number>();
        const look = () => {
          if (field) lengths.add(field.value.length);
          document.documentElement.setAttribute('data-lengths', String(lengths.size));
          if (field && field.value.length > enough) stop?.click();
          else setTimeout(look, 1);
        };
        look();
      }, enough);

    await watch(1e6);
    const story = `Once upon a time${await goOn(tab)}`;
    expect(
      await tab.evaluate(() => Number(document.documentElement.getAttribute('data-lengths'))),
    ).toBeGreaterThan(2);
    await watch(story.length);
    await goOn(tab);
    const stopped = await text(tab);
    expect(stopped.startsWith(story)).toBe(true);
    expect(stopped.length - story.length).toBeLessThan(3000); // 1024 tokens have about 4000 characters
    await goOn(tab);
    expect((await text(tab)).startsWith(stopped)).toBe(true);
    expect(tab.complaints ?? []).toEqual([]);
  });

  test('the text that is typed is what the model goes on with', async () => {
    await visit(tab, host.url);
    await tab.type('textbox', 'Text', ', a dragon');
    expect(await text(tab)).toBe('Once upon a time, a dragon');
    await goOn(tab);
    expect(await text(tab)).toMatch(/^Once upon a time, a dragon./);
  });

  test('the build is what the engine can, and the story is that of Node', async () => {
    await visit(tab, host.url);
    const hasRelaxed = await tab.evaluate(() => {
      const [head, types] = [
        [0, 97, 115, 109, 1, 0, 0, 0],
        [1, 5, 1, 96, 0, 1, 123],
      ];
      const zero = [65, 0, 253, 15]; // i32.const 0; i8x16.splat
      const code = [10, 15, 1, 13, 0, ...zero, ...zero, 253, 128, 2, 11]; // i8x16.relaxed_swizzle
      return WebAssembly.validate(Uint8Array.of(...head, ...types, 3, 2, 1, 0, ...code));
    });
    expect(await standing(tab)).toContain(hasRelaxed ? 'relaxed, 1 thread' : 'baseline, 1 thread');
    await choose(tab, { build: 'baseline', temperature: 0, length: 64 });
    expect(await goOn(tab)).toBe(story);
    console.log(`${name}: ${hasRelaxed ? 'relaxed' : 'no relaxed'} SIMD`);
  });

  test('threads share memory on a host that sends no headers', async () => {
    await visit(tab, host.url);
    await choose(tab, { build: 'baseline', temperature: 0, length: 64, threads: 2 });
    expect(await standing(tab)).toContain('baseline, 2 threads');
    expect(await goOn(tab)).toBe(story);
    expect(tab.complaints ?? []).toEqual([]);
  });

  test('with the network cut off the page opens and writes', async () => {
    await visit(tab, host.url);
    await host.cut();
    await tab.reload();
    await ready(tab);
    expect((await goOn(tab)).length).toBeGreaterThan(0);
    await tab.open(`${host.url}index.html?from=elsewhere`);
    await ready(tab);
    expect((await goOn(tab)).length).toBeGreaterThan(0);
  });

  test('two tabs write side by side', async () => {
    const other = await engine.newTab();
    await visit(tab, host.url);
    await other.open(host.url);
    await ready(other);
    await other.click('button', 'Continue');
    await tab.activate();
    await tab.click('button', 'Continue');
    for (const each of [tab, other]) {
      await each.activate();
      await ready(each);
      expect((await text(each)).length).toBeGreaterThan('Once upon a time'.length);
    }
    await other.close();
  });

  test('another version of the site waits until it is asked for', async () => {
    await visit(tab, host.url);
    await tab.reload();
    await ready(tab);
    await tab.evaluate(() => {
      window.addEventListener('update-ready', (event) => Object.assign(window, { update: event }));
    });
    const isAnother = () => tab.evaluate(() => document.documentElement.outerHTML.includes('another'));
    const isTold = () => tab.evaluate(() => 'update' in window);
    host.serve(otherSite);
    await tab.evaluate(async () => {
      await (await navigator.serviceWorker.getRegistration())?.update();
    });
    await expect.poll(isTold, { timeout: 15_000 }).toBe(true);
    await goOn(tab);
    expect(await isAnother()).toBe(false);
    await tab.evaluate(() => {
      const { update } = window as unknown as { update: CustomEvent<{ reload(): void }> };
      update.detail.reload();
    });
    await expect.poll(() => isAnother().catch(() => false), { timeout: 15_000 }).toBe(true);
    await ready(tab);
  });

  modelTests(at);
});

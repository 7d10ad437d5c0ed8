// Chromium as a place to measure in: one browser, a page of its own for every visit.
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { chromium } from 'playwright-core';
import { home } from './models.mjs';
import { serve } from './server.mjs';

const empty = '<!doctype html><meta charset="utf-8"><input type="file">';
const startUp = `<!doctype html><meta charset="utf-8">
<link rel="modulepreload" href="/dist/rwkv.min.js">
<link rel="preload" as="fetch" crossorigin href="/dist/storyteller/rwkv7-tales-8.0M-q4.safetensors">
<script type="module" src="/tests/bench/lib/start-up.mjs"></script>`;

export async function openChromium() {
  const executablePath = process.env.CHROMIUM_PATH ?? '/usr/bin/chromium';
  if (!existsSync(executablePath))
    throw new Error(`${executablePath} is missing: name a browser by CHROMIUM_PATH`);
  const [{ site, close }, kept] = await Promise.all([
    serve({ '/empty': empty }),
    serve({ '/start-up': startUp }, true),
  ]);
  const quiet = ['networking', 'timer-throttling'].map((name) => `--disable-background-${name}`);
  const args = ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-component-update', ...quiet];
  const browser = await chromium.launch({ executablePath, args });

  /** Runs `work` in a page that has chosen the file `source`, if any. */
  async function visit(source, work, request) {
    const page = await browser.newPage();
    try {
      await page.goto(`${site}empty`);
      if (source) await page.setInputFiles('input', source);
      return await page.evaluate(work, request);
    } finally {
      await page.close();
    }
  }
  return {
    name: 'Chromium',
    version: browser.version(),
    visit,
    limits: (file, threads, plan) =>
      visit(null, limitsInPage, { url: `/${relative(home, file)}`, threads, plan }),
    measure: (source, options, plan) => visit(source, measureInPage, { options, plan }),
    async startUp() {
      const profile = mkdtempSync(join(tmpdir(), 'reader-')); // nothing cached; where nothing is kept, no compiled scripts are
      const context = await chromium.launchPersistentContext(profile, { executablePath, args });
      try {
        const visits = [];
        for (let i = 0; i < 4; i++) {
          const page = await context.newPage();
          await page.waitForTimeout(1000); // the browser is busy with a new tab
          const told = page.waitForEvent('console', (message) => message.type() === 'log'); // costs the page nothing
          await page.goto(`${kept.site}start-up`, { waitUntil: 'commit' });
          visits.push(JSON.parse((await told).text()));
          await page.waitForTimeout(1000); // what was compiled is kept a while after
          await page.close();
        }
        return { first: visits[0], later: visits.at(-1) };
      } finally {
        await context.close();
        rmSync(profile, { recursive: true, force: true });
      }
    },
    async close() {
      await browser.close();
      await Promise.all([close(), kept.close()]);
    },
  };
}

// These two run in the page.
async function measureInPage({ options, plan }) {
  const { RWKV } = await import('/dist/index.js');
  const { measure } = await import('/tests/bench/lib/measure.mjs');
  const [file] = globalThis.document.querySelector('input').files;
  return measure(RWKV, file, options, plan);
}

async function limitsInPage({ url, threads, plan }) {
  const { measureWork } = await import('/tests/bench/lib/limits.mjs');
  const workers = Array.from({ length: threads }, () => {
    const worker = new Worker('/tests/bench/lib/limits-worker.mjs', { type: 'module' });
    return (message) =>
      new Promise((resolve, reject) => {
        worker.onmessage = ({ data }) => resolve(data);
        worker.onerror = ({ message }) => reject(new Error(message));
        worker.postMessage(message);
      });
  });
  const module = await WebAssembly.compileStreaming(fetch(url));
  return measureWork(workers, module, plan);
}

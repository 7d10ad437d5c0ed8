// Memory and time that loading takes: node tests/bench/load.mjs [LAYERS CHANNELS VOCABULARY]
//
// Makes a version 7 with random bf16 weights (by default of the 0.1B shape, 382 MB) and loads it in every quantization, in
// Node from its path and in Chromium as a file that the user chose. Prints for each the packed size, the peak by which the
// process grew, the bound on it (packed size + largest tensor, + 10 %), the seconds (median of 5), and the bound on these:
// 1.5 times reading the file, as that host reads, and quantising it at 1 GB/s. The peak is that of the resident set, which holds WebAssembly's
// memory, the JavaScript heap, and everything else that the process allocates.
import { execFileSync } from 'node:child_process';
import { closeSync, openSync, readFileSync, readSync, statSync } from 'node:fs';
import { chromium } from 'playwright-core';
import { preview } from 'vite';
import { RWKV } from '../../dist/node.js';
import { ensureRandomModel, home } from './lib/models.mjs';
import { median } from './lib/statistics.mjs';

const [layers = '12', channels = '768', vocabulary = '65536'] = process.argv.slice(2);
const file = await ensureRandomModel([layers, channels, vocabulary]);
const quantizations = (process.env.TYPES ?? 'f32,f16,q8,q4').split(',');
const runs = Number(process.env.RUNS ?? 5);
const megabytes = (bytes) => (bytes / 1e6).toFixed(1).padStart(7);

// Bytes of the resident set: now, and at its highest.
function resident(pid) {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const kilobytes = (name) => Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1]) * 1024;
  return { now: kilobytes('VmRSS'), peak: kilobytes('VmHWM') };
}

function secondsToRead(path) {
  const buffer = Buffer.alloc(1 << 20);
  const descriptor = openSync(path, 'r');
  const start = performance.now();
  while (readSync(descriptor, buffer) > 0);
  closeSync(descriptor);
  return (performance.now() - start) / 1000;
}

// In a process of its own, so that the peak is this load's.
function loadInNode(quantization) {
  const script = `
    import { readFileSync } from 'node:fs';
    import { RWKV } from ${JSON.stringify(new URL('../../dist/node.js', import.meta.url).href)};
    await (await RWKV.load()).dispose(); // the worker's own memory is not this model's
    const start = performance.now();
    const model = await RWKV.load(${JSON.stringify(file)}, { quantization: '${quantization}', tokenizer: false });
    const seconds = (performance.now() - start) / 1000;
    const status = readFileSync('/proc/self/status', 'utf8');
    console.log(JSON.stringify({ seconds, bytes: model.info.bytes, build: model.info.build,
      peak: Number(/VmHWM:\\s+(\\d+)/.exec(status)[1]) * 1024 }));
    await model.dispose();`;
  const base = `
    import { readFileSync } from 'node:fs';
    import { RWKV } from ${JSON.stringify(new URL('../../dist/node.js', import.meta.url).href)};
    await (await RWKV.load()).dispose();
    console.log(Number(/VmHWM:\\s+(\\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))[1]) * 1024);`;
  const run = (text) =>
    JSON.parse(execFileSync(process.execPath, ['--input-type=module', '-e', text], { encoding: 'utf8' }));
  const result = run(script);
  return { ...result, grown: result.peak - run(base), reading: secondsToRead(file) };
}

// Runs in the page: the chosen file read as the package reads it, 4 MB at a time in a worker.
async function secondsToReadChosen() {
  const script = `onmessage = ({ data: file }) => {
    const reader = new FileReaderSync();
    const start = performance.now();
    for (let at = 0; at < file.size; at += 4 << 20) reader.readAsArrayBuffer(file.slice(at, at + (4 << 20)));
    postMessage((performance.now() - start) / 1000);
  }`;
  const worker = new Worker(URL.createObjectURL(new Blob([script])));
  return new Promise((resolve) => {
    worker.onmessage = ({ data }) => resolve(data);
    worker.postMessage(document.querySelector('input').files[0]);
  });
}

async function loadInChromium(quantization) {
  const server = await preview({
    root: home,
    configFile: false,
    logLevel: 'error',
    build: { outDir: '.' },
    preview: { port: 0 },
  });
  const site = server.resolvedUrls.local[0];
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM_PATH ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu'],
  });
  try {
    const page = await browser.newPage();
    await page.route(`${site}empty`, (route) =>
      route.fulfill({ contentType: 'text/html', body: '<!doctype html><input type="file">' }),
    );
    await page.goto(`${site}empty`);
    await page.addScriptTag({
      type: 'module',
      content: "import { RWKV } from '/dist/index.js'; globalThis.RWKV = RWKV;",
    });
    await page.waitForFunction(() => globalThis.RWKV !== undefined);
    await page.evaluate(async () => (await RWKV.load()).dispose());
    await page.setInputFiles('input', file);
    const session = await browser.newBrowserCDPSession();
    const { processInfo } = await session.send('SystemInfo.getProcessInfo');
    const renderers = processInfo.filter(({ type }) => type === 'renderer').map(({ id }) => id);
    const before = new Map(renderers.map((id) => [id, resident(id).now]));
    const result = await page.evaluate(async (quantization) => {
      const [chosen] = document.querySelector('input').files;
      const start = performance.now();
      const model = await RWKV.load(chosen, { quantization, tokenizer: false });
      return {
        seconds: (performance.now() - start) / 1000,
        bytes: model.info.bytes,
        build: model.info.build,
      };
    }, quantization);
    const grown = Math.max(...renderers.map((id) => resident(id).peak - before.get(id)));
    return { ...result, grown, reading: await page.evaluate(secondsToReadChosen) };
  } finally {
    await browser.close();
    await server.close();
  }
}

const { size } = statSync(file);
const largest = Number(vocabulary) * Number(channels) * 2;
console.log(`${megabytes(size).trim()} MB, largest tensor ${megabytes(largest).trim()} MB\n`);
console.log('host      build     type  packed MB  peak MB  bound MB  seconds  bound  reading');
for (const [host, load] of [
  ['Node', loadInNode],
  ['Chromium', loadInChromium],
]) {
  for (const quantization of quantizations) {
    const results = [];
    for (let i = 0; i < runs; i++) results.push(await load(quantization));
    const [{ bytes, build }] = results;
    const peak = Math.max(...results.map(({ grown }) => grown));
    const seconds = median(results.map((result) => result.seconds));
    const bound = 1.1 * (bytes + largest);
    const reading = median(results.map((result) => result.reading));
    const secondsBound = 1.5 * (reading + size / 1e9);
    console.log(
      `${host.padEnd(9)} ${build.padEnd(9)} ${quantization}   ${megabytes(bytes)}    ${megabytes(peak)}  ${megabytes(bound)}   ` +
        `${seconds.toFixed(2).padStart(6)}   ${secondsBound.toFixed(2)}  ${reading.toFixed(2).padStart(7)}`,
    );
  }
}

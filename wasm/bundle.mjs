// Makes of what was built one minified script for each half, for pages without a bundler: `node wasm/bundle.mjs`. Such a page asks for
// 8 files then instead of a hundred, and the worker has its libraries, which import maps cannot give it. Beside them: whose code ships.
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';
import { noticesName, noticesOf, takenFiles } from './notices.mjs';
import { filesBelow, isCurrent, make } from './stamps.mjs';
import { librariesOfModules } from './toolchain.mjs';

const home = fileURLToPath(new URL('..', import.meta.url));
const scripts = {
  'index.js': 'rwkv.min.js',
  'worker-web.js': 'worker-web.min.js',
  'thread-web.js': 'thread-web.min.js',
  'learning.js': 'learning.min.js',
  'learning-worker-web.js': 'learning-worker-web.min.js',
  // Workers start without what few models want.
  '@huggingface/tokenizers': 'tokenizers.min.js',
  'worker/gpu/device-model.js': 'gpu.min.js',
};

const part = {
  root: home,
  stamp: 'build/stamps/bundle.json',
  inputs: () =>
    filesBelow(
      home,
      ['dist', 'wasm/licenses', 'wasm/bundle.mjs', 'wasm/notices.mjs', 'package-lock.json'],
      /(?<!\.min|NOTICES)\.(js|json|mjs|txt)$/,
    ),
  outputs: () =>
    filesBelow(
      home,
      [...Object.values(scripts), noticesName].map((name) => `dist/${name}`),
    ),
  settings: librariesOfModules(),
};

/** They start each other, and import a library and a part. */
const renamed = {
  name: 'renamed',
  transform: (code) =>
    code
      .replaceAll(/\b(learning-worker|worker|thread)-web\.js/g, (name) => scripts[name])
      .replaceAll(/(?<=import\(')@huggingface\/tokenizers/g, (name) => `../../${scripts[name]}`)
      .replace(/(?<=import\('\.\/)worker\/gpu\/device-model\.js/, 'gpu.min.js'),
};

async function bundle(name, files) {
  const bundling = await rolldown({
    input: name.startsWith('@') ? name : join(home, 'dist', name),
    cwd: home,
    external: /\/wasm\/rwkv-[\w-]+\.mjs$|\.min\.js$/, // one of the modules is loaded
    plugins: [renamed, takenFiles(files)],
  });
  const { output } = await bundling.generate({ format: 'esm', minify: true, codeSplitting: false });
  await bundling.close();
  return output[0].code;
}

/** The minified scripts by name, and `files`: all that ships of which something is made. */
export async function bundleScripts() {
  const files = new Set(filesBelow(home, ['dist/wasm', 'dist/grammar']).map((file) => join(home, file)));
  const texts = new Map();
  for (const [name, made] of Object.entries(scripts)) texts.set(made, await bundle(name, files));
  return { texts, files };
}

/** Makes them of the scripts that are there. What would not change is not touched, for programs that run side by side. */
export async function bundleAll() {
  if (isCurrent(part)) return;
  await make(part, async () => {
    const { texts, files } = await bundleScripts();
    for (const [name, text] of texts) write(name, text);
    write(noticesName, noticesOf(files));
  });
}

function write(name, text) {
  const path = join(home, 'dist', name);
  if (existsSync(path) && readFileSync(path, 'utf8') === text) return;
  const half = join(home, 'build', `${name}.${process.pid}`);
  writeFileSync(half, text);
  renameSync(half, path); // whole, or not at all
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await bundleAll();

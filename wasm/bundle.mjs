// Makes of what was built one minified script for each half, for pages without a bundler: `node wasm/bundle.mjs`. Such a page asks for
// 8 files then instead of a hundred, and the worker has its libraries, which import maps cannot give it.
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';
import { filesBelow, isCurrent, make } from './stamps.mjs';

const home = fileURLToPath(new URL('..', import.meta.url));
const scripts = {
  'index.js': 'rwkv.min.js',
  'worker-web.js': 'worker-web.min.js',
  'thread-web.js': 'thread-web.min.js',
};

const part = {
  root: home,
  stamp: 'build/stamps/bundle.json',
  inputs: () =>
    filesBelow(home, ['dist', 'wasm/bundle.mjs', 'package-lock.json'], /(?<!\.min)\.(js|json|mjs)$/),
  outputs: () => Object.values(scripts).flatMap((name) => filesBelow(home, [`dist/${name}`])),
};

/** They start each other. */
const renamed = {
  name: 'renamed',
  transform: (code) => code.replaceAll(/\b(worker|thread)-web\.js/g, (name) => scripts[name]),
};

async function bundle(name) {
  const bundling = await rolldown({
    input: join(home, 'dist', name),
    external: /\/wasm\/rwkv-[\w-]+\.mjs$/, // one of them is loaded
    plugins: [renamed],
  });
  const { output } = await bundling.generate({ format: 'esm', minify: true, codeSplitting: false });
  await bundling.close();
  return output[0].code;
}

/** Makes them of the scripts that are there. What would not change is not touched, for programs that run side by side. */
export async function bundleAll() {
  if (isCurrent(part)) return;
  await make(part, async () => {
    for (const [name, made] of Object.entries(scripts)) {
      const path = join(home, 'dist', made);
      const code = await bundle(name);
      if (existsSync(path) && readFileSync(path, 'utf8') === code) continue;
      const half = join(home, 'build', `${made}.${process.pid}`);
      writeFileSync(half, code);
      renameSync(half, path); // whole, or not at all
    }
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await bundleAll();

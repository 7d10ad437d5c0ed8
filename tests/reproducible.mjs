// The same sources give the same bytes, wherever they lie: `npm run reproducible` builds two copies of this checkout from nothing, the
// modules too (ten minutes and more), and compares all that ships. tests/package/reproducible.test.ts compares all but the modules.
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { filesBelow } from '../wasm/stamps.mjs';
import { ensureToolchain } from '../wasm/toolchain.mjs';

const home = fileURLToPath(new URL('..', import.meta.url));

const runIn = (folder, command, args, env = {}) =>
  execFileSync(command, args, {
    cwd: folder,
    env: { ...process.env, ...env },
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });

/** Builds all that ships in a folder into which the tracked files are copied; without modules those of this checkout are taken. */
export async function buildCopy(folder, { modules = true } = {}) {
  const tracked = runIn(home, 'git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard']).split(
    '\0',
  );
  for (const file of filesBelow(home, tracked.filter(Boolean))) cpSync(join(home, file), join(folder, file));
  symlinkSync(join(home, 'node_modules'), join(folder, 'node_modules'));
  let env = {};
  if (modules)
    ({ env } = await ensureToolchain({ forTests: false })); // of this checkout: a copy would fetch its own
  else symlinkSync(join(home, '.toolchain'), join(folder, '.toolchain')); // only its versions are read
  const build = `import { buildAll } from './wasm/build.mjs'; await buildAll(${modules ? '' : '{ modules: [], checksTypes: true }'});`;
  runIn(folder, process.execPath, ['--input-type=module', '-e', build], env);
  if (!modules) cpSync(join(home, 'dist/wasm'), join(folder, 'dist/wasm'), { recursive: true });
  runIn(folder, process.execPath, ['wasm/bundle.mjs'], env);
}

/** What ships, of a checkout that is built: the files of dist/, the tarball and the site. */
export function productsOf(checkout) {
  const folder = mkdtempSync(join(tmpdir(), 'rwkv-wasm-products-'));
  try {
    mkdirSync(join(folder, 'packed'));
    runIn(checkout, 'npm', ['pack', '--ignore-scripts', '--pack-destination', join(folder, 'packed')]);
    const vite = join(home, 'node_modules/vite/bin/vite.js');
    const site = ['--outDir', join(folder, 'site'), '--emptyOutDir', '--logLevel', 'error'];
    runIn(checkout, process.execPath, [vite, 'build', 'web/demo', ...site]);
    const read = (root, paths) =>
      filesBelow(root, paths).map((file) => [file, readFileSync(join(root, file))]);
    return new Map([...read(checkout, ['dist']), ...read(folder, ['packed', 'site'])]);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** The names of files that are not the same in both. */
export function differences(some, others) {
  const names = new Set([...some.keys(), ...others.keys()]);
  const isSame = (name) => some.has(name) && others.has(name) && some.get(name).equals(others.get(name));
  return [...names].filter((name) => !isSame(name)).sort();
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const parent = mkdtempSync(join(tmpdir(), 'rwkv-wasm-reproducible-'));
  try {
    const products = [];
    for (const name of ['one', 'another, with a longer name']) {
      console.log(`builds ${name}`);
      await buildCopy(join(parent, name));
      products.push(productsOf(join(parent, name)));
    }
    const [some, others] = products;
    const different = differences(some, others);
    console.log(
      different.length === 0
        ? `${some.size} files, and all are the same`
        : `not the same:\n${different.join('\n')}`,
    );
    process.exitCode = different.length === 0 ? 0 : 1;
  } finally {
    rmSync(parent, { recursive: true, force: true });
  }
}

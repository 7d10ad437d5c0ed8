// Builds all that the package ships into dist/: `node wasm/build.mjs`. Installs what is missing first (npm packages,
// toolchain), does again only what changed, and writes to stderr alone, so that programs may follow it in a pipe.
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readdirSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ensureToolchain } from './toolchain.mjs';

const home = dirname(dirname(fileURLToPath(import.meta.url)));
const modules = {
  wasm: 'rwkv-baseline',
  'wasm-relaxed': 'rwkv-relaxed',
  'wasm-threads': 'rwkv-baseline-threads',
  'wasm-relaxed-threads': 'rwkv-relaxed-threads',
};
const maxModuleBytes = 350_000;
const started = performance.now();

function log(message) {
  console.error(`[${((performance.now() - started) / 1000).toFixed(1).padStart(5)} s] ${message}`);
}

// Runs a command; what it prints is shown only if it fails.
function run(command, args, env = {}) {
  const options = { cwd: home, env: { ...process.env, ...env }, encoding: 'utf8', maxBuffer: 1 << 28 };
  const { status, error, stdout, stderr } = spawnSync(command, args, options);
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}\n${error?.message ?? stdout + stderr}`);
}

function ensurePackages() {
  const installed = join(home, 'node_modules/.package-lock.json');
  const isFresh =
    existsSync(installed) && statSync(installed).mtimeMs >= statSync(join(home, 'package-lock.json')).mtimeMs;
  if (isFresh) return;
  log('installing npm packages');
  run('npm', ['ci', '--no-audit', '--no-fund']);
}

// Configures and builds a preset of CMakePresets.json.
export function buildPreset(preset, tools, targets = []) {
  log(`building ${preset} (the first time takes a minute)`);
  if (!existsSync(join(home, 'build', preset, 'build.ninja')))
    run(tools.cmake, ['--preset', preset, `-DCMAKE_MAKE_PROGRAM=${tools.ninja}`], tools.env);
  run(
    tools.cmake,
    ['--build', '--preset', preset, ...targets.flatMap((target) => ['--target', target])],
    tools.env,
  );
}

function copyInto(folder, files) {
  mkdirSync(folder, { recursive: true });
  for (const file of files) copyFileSync(file, join(folder, basename(file)));
}

export async function buildAll() {
  ensurePackages();
  const tools = await ensureToolchain();
  for (const [preset, name] of Object.entries(modules)) {
    buildPreset(preset, tools, ['rwkv_module']);
    const files = ['mjs', 'wasm'].map((suffix) => join(home, 'build', preset, 'wasm', `${name}.${suffix}`));
    copyInto(join(home, 'dist/wasm'), files);
    const bytes = statSync(files[1]).size;
    log(`${name}.wasm: ${bytes} bytes`);
    if (bytes > maxModuleBytes)
      throw new Error(`${name}.wasm has ${bytes} bytes, more than ${maxModuleBytes}`);
  }
  const storyteller = join(home, 'web/storyteller');
  const shipped = readdirSync(storyteller).filter((name) => /\.(safetensors|txt|md)$/.test(name));
  copyInto(
    join(home, 'dist/storyteller'),
    shipped.map((name) => join(storyteller, name)),
  );
  log('compiling TypeScript');
  run(process.execPath, [join(home, 'node_modules/typescript/bin/tsc'), '--build']);
  return tools;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    await buildAll();
  } catch (error) {
    console.error(error.message);
    process.exitCode = 1;
  }
}

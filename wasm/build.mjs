// Builds what the package ships into dist/: `node wasm/build.mjs`. Installs what is missing first (npm packages, toolchain),
// makes only what is not there of the same sources, and writes to stderr alone, so that programs may follow it in a pipe.
import { spawn } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { forEachInParallel } from './debian-packages.mjs';
import { grammarLibrary, libraryInputs } from './grammar-library.mjs';
import { npmPackagesAreInstalled } from './npm-packages.mjs';
import { Progress } from './progress.mjs';
import { shaderFolder, shaderModule } from './shaders.mjs';
import { filesBelow, forget, isCurrent, make } from './stamps.mjs';
import { emscriptenVersion, ensureToolchain, toolchainIsComplete } from './toolchain.mjs';

const home = dirname(dirname(fileURLToPath(import.meta.url)));
const presets = {
  baseline: 'wasm',
  relaxed: 'wasm-relaxed',
  'baseline-threads': 'wasm-threads',
  'relaxed-threads': 'wasm-relaxed-threads',
};
/** What is made of each preset: modules that run models, and those that teach them too. */
const kinds = {
  rwkv: { target: 'rwkv_module', maxBytes: 350_000, seconds: 50 },
  'rwkv-learning': { target: 'rwkv_learning', maxBytes: 530_000, seconds: 40 },
};
const builds = [
  ...Object.entries(presets).flatMap(([build, preset]) =>
    Object.entries(kinds).map(([kind, of]) => ({ name: `${kind}-${build}`, preset, ...of })),
  ),
  // For devices, whatever the processor has.
  { name: 'rwkv-gpu', preset: presets.baseline, target: 'rwkv_gpu', maxBytes: 255_000, seconds: 30 },
];
const allModules = builds.map(({ name }) => name);
/** When one thing has failed, this ends the others that run beside it. */
export const stopped = new AbortController();

// Runs a command; what it prints is shown only if it fails. `onLine` hears the lines of its stdout.
function run(command, args, { env = {}, onLine = () => {} } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd: home,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      signal: stopped.signal,
    });
    const printed = [];
    child.stdout.setEncoding('utf8').on('data', (text) => {
      printed.push(text);
      for (const line of text.split('\n')) onLine(line);
    });
    child.stderr.setEncoding('utf8').on('data', (text) => printed.push(text));
    const fail = (reason) => reject(new Error(`${[command, ...args].join(' ')}\n${reason}`));
    child.on('error', (error) => fail(error.message));
    child.on('close', (status) => (status === 0 ? resolve(printed.join('')) : fail(printed.join(''))));
  });
}

// Configures a preset of CMakePresets.json, once for each place in which the checkout lies; with the tests once there is
// what they need.
async function configure(preset, tools) {
  const folder = join(home, 'build', preset);
  const cache = join(folder, 'CMakeCache.txt');
  const settings = existsSync(cache) ? readFileSync(cache, 'utf8') : '';
  const isOfHere = settings.includes(`CMAKE_HOME_DIRECTORY:INTERNAL=${home}\n`);
  const catch2 = tools.catch2Source ?? ''; // a build alone does not bring it
  const isCurrent = isOfHere && (!catch2 || settings.includes(`CATCH2_SOURCE_DIR:PATH=${catch2}\n`));
  if (isCurrent && existsSync(join(folder, 'build.ninja'))) return;
  if (!isOfHere) rmSync(folder, { recursive: true, force: true });
  const flags = [
    `-DCMAKE_MAKE_PROGRAM=${tools.ninja}`,
    `-DCATCH2_SOURCE_DIR:PATH=${catch2}`,
    `-DRWKV_TESTS=${catch2 ? 'ON' : 'OFF'}`,
  ];
  await run(tools.cmake, ['--preset', preset, ...flags], { env: tools.env });
}

/** Builds targets of a preset of CMakePresets.json, all of them unless named. `onStep` hears how many of how many are done. */
export async function buildPreset(preset, tools, targets = [], onStep = () => {}) {
  await configure(preset, tools);
  const env = { ...tools.env, NINJA_STATUS: '[%f/%t] ' };
  const onLine = (line) => {
    const [, done, all] = /^\[(\d+)\/(\d+)\]/.exec(line) ?? [];
    if (done) onStep(Number(done), Number(all));
  };
  await run(tools.ninja, ['-C', join('build', preset), ...targets], { env, onLine });
}

const modulePart = (name, emscripten) => ({
  root: home,
  stamp: `build/stamps/${name}.json`,
  inputs: () =>
    filesBelow(
      home,
      ['src', 'wasm', 'CMakeLists.txt', 'CMakePresets.json'],
      /\.(cpp|h|json|cmake)$|CMakeLists\.txt$/,
    ),
  outputs: () => filesBelow(home, [`dist/wasm/${name}.mjs`, `dist/wasm/${name}.wasm`]),
  settings: { emscripten },
});

// `isChecked`: whether types were checked, which takes most of the time; undefined: it does not matter.
const typesPart = (isChecked) => ({
  root: home,
  stamp: 'build/stamps/typescript.json',
  inputs: () =>
    filesBelow(home, ['web', 'tsconfig.json', 'tsconfig.base.json', 'package-lock.json'], /\.(ts|json)$/),
  outputs: () => filesBelow(home, ['dist'], /(?<!\.min)\.(js|d\.ts)$/), // those are bundle.mjs's
  settings: { isChecked },
});

const storytellerPart = {
  root: home,
  stamp: 'build/stamps/storyteller.json',
  inputs: () => filesBelow(home, ['web/storyteller'], /\.(safetensors|txt|md)$/),
  outputs: () => filesBelow(home, ['dist/storyteller']),
};

const libraryPart = {
  root: home,
  stamp: 'build/stamps/grammar-library.json',
  inputs: () => filesBelow(home, [...libraryInputs, 'wasm/grammar-library.mjs']),
  outputs: () => filesBelow(home, ['dist/grammar/xgrammar.mjs']),
};

const shadersPart = {
  root: home,
  stamp: 'build/stamps/shaders.json',
  inputs: () => filesBelow(home, [shaderFolder, 'wasm/shaders.mjs']),
  outputs: () => filesBelow(home, ['dist/worker/gpu/kernels.mjs']),
};

function makeShaders() {
  mkdirSync(join(home, 'dist/worker/gpu'), { recursive: true });
  writeFileSync(join(home, 'dist/worker/gpu/kernels.mjs'), shaderModule(home));
}

function makeLibrary() {
  mkdirSync(join(home, 'dist/grammar'), { recursive: true });
  writeFileSync(join(home, 'dist/grammar/xgrammar.mjs'), grammarLibrary(home));
}

function copyInto(folder, files) {
  mkdirSync(join(home, folder), { recursive: true });
  for (const file of files) copyFileSync(join(home, file), join(home, folder, basename(file)));
}

// Emscripten compiles its system libraries when something is first linked with them, and then does not use all cores. So
// link something beside the compilation of what they will be linked with.
function compileSystemLibraries(preset, tools) {
  const folder = join(home, 'build', preset, 'wasm');
  const output = join(folder, 'nothing.mjs');
  const args = [`@${join(folder, 'link-flags')}`, '-x', 'c++', '/dev/null', '-o', output];
  return run(join(tools.emscriptenRoot, 'em++'), args, { env: tools.env });
}

// Modules of one preset, which share their objects.
async function buildModules(modules, tools, progress) {
  const [{ preset }] = modules;
  for (const { name } of modules) progress.at(name, 0);
  // The last steps, the links, take long where they are the first: see below.
  const onStep = (done, all) => {
    for (const { name } of modules) progress.at(name, done / all - 0.01, `${done} of ${all} steps`);
  };
  await configure(preset, tools);
  const targets = modules.map(({ target }) => target);
  await Promise.all([compileSystemLibraries(preset, tools), buildPreset(preset, tools, targets, onStep)]);
  for (const { name, maxBytes } of modules) {
    const built = ['mjs', 'wasm'].map((suffix) => `build/${preset}/wasm/${name}.${suffix}`);
    copyInto('dist/wasm', built);
    const bytes = statSync(join(home, built[1])).size;
    if (bytes > maxBytes) throw new Error(`${name}.wasm has ${bytes} bytes, more than ${maxBytes}`);
    progress.at(name, 1);
  }
}

async function compileTypeScript(part) {
  for (const file of part.outputs()) rmSync(join(home, file)); // so that none is left whose source has gone
  const flags = ['--build', '--force', ...(part.settings.isChecked ? [] : ['--noCheck'])];
  await run(process.execPath, [join(home, 'node_modules/typescript/bin/tsc'), ...flags]);
}

/**
 * The module that `rwkv-wasm complete` takes by itself in this Node with such arguments, as web/worker/engine.ts chooses: the storyteller as
 * it is needs no threads (web/page/load.ts).
 */
export function moduleOfThisNode(args) {
  const build = 'groupBy' in Object ? 'rwkv-relaxed' : 'rwkv-baseline';
  const isSmall = !args.some((arg) => /^(-[mq]|--(model|quantization)\b)/.test(arg));
  return availableParallelism() > 1 && !isSmall ? `${build}-threads` : build;
}

/**
 * Builds all that the package ships, or all but the modules that are not asked for. What dist/ holds afterwards is of the
 * same sources: a module that was built of others and is not asked for is taken out. `checksTypes`: what is shipped is checked, and
 * then its declarations may name the parts of a union in another order. `forTests`: the core's tests will be built in the same folders.
 */
export async function buildAll({
  modules = allModules,
  checksTypes = modules.length === allModules.length,
  forTests = false,
} = {}) {
  const version = emscriptenVersion();
  const stale = allModules.filter((name) => !isCurrent(modulePart(name, version)));
  const wanted = modules.filter((name) => stale.includes(name));
  const needs = {
    'npm packages': npmPackagesAreInstalled(home) ? 0 : 11,
    toolchain: wanted.length === 0 || toolchainIsComplete() ? 0 : 14,
    ...Object.fromEntries(
      builds.filter(({ name }) => wanted.includes(name)).map(({ name, seconds }) => [name, seconds]),
    ),
    TypeScript: isCurrent(typesPart(checksTypes || undefined)) ? 0 : 8,
  };
  const progress = new Progress(
    Object.fromEntries(Object.entries(needs).filter(([, seconds]) => seconds > 0)),
  );

  for (const name of stale) {
    forget(modulePart(name));
    for (const file of modulePart(name).outputs()) rmSync(join(home, file));
  }
  if (!isCurrent(storytellerPart))
    await make(storytellerPart, () => {
      rmSync(join(home, 'dist/storyteller'), { recursive: true, force: true }); // a former model is not shipped too
      copyInto('dist/storyteller', storytellerPart.inputs());
    });

  const packageHalf = async () => {
    await task('npm packages', () => run('npm', ['ci', '--no-audit', '--no-fund']));
    if (!isCurrent(libraryPart)) await make(libraryPart, makeLibrary);
    if (!isCurrent(shadersPart)) await make(shadersPart, makeShaders);
    const types = typesPart(checksTypes);
    await task('TypeScript', () => make(types, () => compileTypeScript(types)));
  };
  const moduleHalf = async () => {
    if (wanted.length === 0) return;
    const tools = await task('toolchain', () => ensureToolchain({ forTests }), true);
    const makeAll = (modules) =>
      modules.reduce(
        (work, { name }) =>
          () =>
            make(modulePart(name, emscriptenVersion()), work),
        () => buildModules(modules, tools, progress),
      )();
    const groups = Object.values(presets).map((preset) =>
      builds.filter((build) => build.preset === preset && wanted.includes(build.name)),
    );
    await forEachInParallel(
      groups.filter((modules) => modules.length > 0),
      makeAll,
      2, // so that one computes while the other is linked
    );
  };
  const task = async (name, work, always = false) => {
    if (!always && !needs[name]) return undefined;
    progress.at(name, 0);
    const result = await work();
    progress.at(name, 1);
    return result;
  };
  try {
    await Promise.all([packageHalf(), moduleHalf()]);
  } catch (error) {
    stopped.abort();
    throw error;
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    await buildAll();
  } catch (error) {
    console.error(error.message);
    process.exitCode = 1;
  }
}

// All tests, from nothing: `node tests/run.mjs`. Installs and builds what is missing, then runs the core's tests in every
// build, the package's in Node and in a real browser, and the linters. Stops at the first failure, and tells what each part took.
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildAll, buildPreset, stopped } from '../wasm/build.mjs';
import { ensureToolchain } from '../wasm/toolchain.mjs';
import { installCommand, installPackages, modernNode, onPath } from './programs.mjs';
import { installDawn } from './web/gpu/install-dawn.mjs';

const home = dirname(dirname(fileURLToPath(import.meta.url)));
const parts = []; // { name, began, ended }: milliseconds since the start
let failure;
const minutes = (milliseconds) => (milliseconds / 60_000).toFixed(1);

async function part(name, work) {
  const began = performance.now();
  console.log(`\n== ${name} (${minutes(began)} min)`);
  try {
    await work();
  } catch (error) {
    failure ??= error; // the first: others fail because they are stopped
    stopped.abort();
    throw error;
  } finally {
    parts.push({ name, began, ended: performance.now() });
  }
}

// What each part took; those that ran side by side overlap.
function printTable() {
  console.log(`\n${'part'.padEnd(40)}  began  took (min)`);
  for (const { name, began, ended } of parts)
    console.log(`${name.padEnd(40)} ${minutes(began).padStart(6)} ${minutes(ended - began).padStart(6)}`);
}

function run(command, args) {
  return new Promise((resolve, reject) => {
    const options = { cwd: home, stdio: ['ignore', 'inherit', 'inherit'], signal: stopped.signal };
    const fail = (reason) => reject(new Error(`Failed: ${command} ${args.join(' ')} ${reason}`));
    const child = spawn(command, args, options);
    child.on('error', (error) => fail(error.message));
    child.on('close', (status) => (status === 0 ? resolve() : fail('')));
  });
}

const runPackage = (bin, ...args) => run(process.execPath, [join(home, 'node_modules', bin), ...args]);

// The browser of the page's test is the system's own: Debian's package, installed where we may.
function ensureChromium() {
  if (process.env.CHROMIUM_PATH || onPath('chromium')) return;
  if (installPackages('chromium')) return;
  throw new Error(
    `The page is tested in a real browser: \`${installCommand('chromium')}\`, or name one by CHROMIUM_PATH.`,
  );
}

const testOf = (name) => `tests/web/${name}.test.ts`;

// The other engines are tested where they are or may be installed; their tests say so when they are skipped.
function ensureOtherBrowsers() {
  const missing = [
    ...(process.env.FIREFOX_PATH || onPath('firefox-esr') || onPath('firefox') ? [] : ['firefox-esr']),
    ...(onPath('WebKitWebDriver') ? [] : ['webkit2gtk-driver']),
    ...(onPath('Xvfb') ? [] : ['xvfb']),
  ];
  if (missing.length > 0) installPackages(...missing);
}

// Kernels of graphics processors are tested where it can be had; their tests say so when they are skipped.
function ensureDawn() {
  try {
    installDawn();
  } catch (error) {
    console.log(`Dawn is not here: ${error.message}`);
  }
}

const output = (command, args) => spawnSync(command, args, { cwd: home, encoding: 'utf8' }).stdout ?? '';

async function lint() {
  await runPackage('@biomejs/biome/bin/biome', 'check', '--error-on-warnings', '.');
  for (const project of [
    ...['tests/web', 'tests/browser', 'tests/package', 'tests/toolchains', 'tests/types'],
    ...['web/demo', 'web/demo/service-worker'],
  ])
    await runPackage('typescript/bin/tsc', '--project', project);
  // Each version of clang-format formats in its own way.
  if (/version 14\./.test(output('clang-format', ['--version']))) {
    const sources = output('git', ['ls-files', '*.h', '*.cpp']).trim().split('\n');
    await run('clang-format', ['--dry-run', '--Werror', ...sources]);
  } else console.log('clang-format 14 is not here: the format of C++ is not checked');
}

const runCore = (preset, tools) =>
  preset === 'wasm-relaxed'
    ? run(modernNode(), ['build/wasm-relaxed/tests/core_tests.cjs'])
    : run(join(dirname(tools.cmake), 'ctest'), ['--preset', preset]);

async function testAll() {
  await part('the package: build', () => buildAll({ forTests: true }));
  const tools = await ensureToolchain();
  const presets = ['native', 'native-128', 'wasm', 'wasm-relaxed', 'wasm-threads'];
  if (onPath('clang++')) presets.splice(1, 0, 'native-clang');
  else console.log('clang++ is not here: its build is skipped');

  // The core's tests use one core for the most part: while those of one build run, the next is built. Those under the sanitizers take
  // the longest: the ones in WebAssembly do not wait for them.
  const lines = { native: Promise.resolve(), wasm: Promise.resolve() };
  const check = (line, name, work) => {
    lines[line] = lines[line].then(() => part(name, work));
    lines[line].catch(() => {}); // awaited below, when all is built
  };
  check('native', 'lint and types', lint);
  for (const preset of presets) {
    await part(`${preset}: build`, () => buildPreset(preset, tools));
    check(preset.startsWith('wasm') ? 'wasm' : 'native', `${preset}: core tests`, () =>
      runCore(preset, tools),
    );
  }
  await part('fuzzers: build, 5 seconds each', () => run(process.execPath, ['tests/fuzz/run.mjs', '5']));
  await part('model files of every kind', async () => {
    await buildPreset('native', tools, ['write_models']);
    mkdirSync(join(home, 'build/models'), { recursive: true });
    await run(join(home, 'build/native/tests/write_models'), ['build/models']);
  });
  await part('browsers: install', () => {
    ensureChromium();
    ensureOtherBrowsers();
    ensureDawn();
  });
  // These use one core too: those of the other line follow the core's under the sanitizers. The browsers' have the machine for themselves.
  const vitest = (...folders) => runPackage('vitest/vitest.mjs', 'run', ...folders);
  check('native', 'package as it is installed', () => vitest('tests/package'));
  check('native', 'fuzzing in JavaScript, 2 seconds each', () =>
    run(process.execPath, ['tests/fuzz/js/run.mjs', '2']),
  );
  check('native', 'long runs, in short', () =>
    run(process.execPath, ['--expose-gc', 'tests/soak/run.mjs', '--short']),
  );
  await part('package', () => vitest('tests/web'));
  await Promise.all(Object.values(lines));
  await part('page', () => vitest('tests/browser'));
  if (modernNode() === process.execPath) return;
  const tests = ['model', 'states', 'threads'].map(testOf);
  await part('package, relaxed SIMD', () =>
    run(modernNode(), ['node_modules/vitest/vitest.mjs', 'run', ...tests]),
  );
}

try {
  await testAll();
  printTable();
  console.log(`\nAll tests passed in ${minutes(performance.now())} minutes.`);
} catch (error) {
  printTable();
  console.error(`\n${(failure ?? error).message}`);
  process.exitCode = 1;
}

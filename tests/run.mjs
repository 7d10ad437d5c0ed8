// All tests, from nothing: `node tests/run.mjs`. Installs and builds what is missing, then runs the core's tests in every
// build, the package's in Node and in a real browser, and the linters. Stops at the first failure.
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildAll, buildPreset } from '../wasm/build.mjs';
import { ensureToolchain } from '../wasm/toolchain.mjs';
import { installCommand, installPackages, modernNode, onPath } from './programs.mjs';

const home = dirname(dirname(fileURLToPath(import.meta.url)));
const started = performance.now();
const minutes = () => ((performance.now() - started) / 60_000).toFixed(1);

function title(text) {
  console.log(`\n== ${text} (${minutes()} min)`);
}

function run(command, args) {
  const { status, error } = spawnSync(command, args, { cwd: home, stdio: ['ignore', 'inherit', 'inherit'] });
  if (status === 0) return;
  console.error(`\nFailed: ${command} ${args.join(' ')} ${error?.message ?? ''}`);
  process.exit(1);
}

const runPackage = (bin, ...args) => run(process.execPath, [join(home, 'node_modules', bin), ...args]);

// The browser of the page's test is the system's own: Debian's package, installed where we may.
function ensureChromium() {
  if (process.env.CHROMIUM_PATH || onPath('chromium')) return;
  if (installPackages('chromium')) return;
  console.error(
    `The page is tested in a real browser: \`${installCommand('chromium')}\`, or name one by CHROMIUM_PATH.`,
  );
  process.exit(1);
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

title('building the package');
await buildAll();
const tools = await ensureToolchain();

const presets = ['native', 'native-128', 'wasm', 'wasm-relaxed', 'wasm-threads'];
if (onPath('clang++')) presets.splice(1, 0, 'native-clang');
else console.log('clang++ is not here: its build is skipped');
for (const preset of presets) {
  title(`core tests, ${preset}`);
  await buildPreset(preset, tools);
  if (preset === 'wasm-relaxed') run(modernNode(), ['build/wasm-relaxed/tests/core_tests.cjs']);
  else run(join(dirname(tools.cmake), 'ctest'), ['--preset', preset]);
}

title('fuzzers, 5 seconds each');
run(process.execPath, ['tests/fuzz/run.mjs', '5']);

title('lint and types');
runPackage('@biomejs/biome/bin/biome', 'check', '--error-on-warnings', '.');
for (const project of [
  ...['tests/web', 'tests/browser', 'tests/package', 'tests/types'],
  ...['web/demo', 'web/demo/service-worker'],
])
  runPackage('typescript/bin/tsc', '--project', project);
const output = (command, args) => spawnSync(command, args, { cwd: home, encoding: 'utf8' }).stdout ?? '';
if (/version 14\./.test(output('clang-format', ['--version'])))
  // each version formats in its own way
  run('clang-format', [
    '--dry-run',
    '--Werror',
    ...output('git', ['ls-files', '*.h', '*.cpp']).trim().split('\n'),
  ]);
else console.log('clang-format 14 is not here: the format of C++ is not checked');

title('model files of every kind');
await buildPreset('native', tools, ['write_models']);
mkdirSync(join(home, 'build/models'), { recursive: true });
run(join(home, 'build/native/tests/write_models'), ['build/models']);

ensureChromium();
ensureOtherBrowsers();
title('package and page');
runPackage('vitest/vitest.mjs', 'run');
if (modernNode() !== process.execPath) {
  title('package, relaxed SIMD');
  run(modernNode(), ['node_modules/vitest/vitest.mjs', 'run', ...['model', 'states', 'threads'].map(testOf)]);
}
console.log(`\nAll tests passed in ${minutes()} minutes.`);

// Which lines of src/ run in the core's tests, and where fuzzers have gathered files (`npm run fuzz`) while those are read.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildPreset } from '../../wasm/build.mjs';
import { ensureToolchain } from '../../wasm/toolchain.mjs';

const home = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const built = join(home, 'build/native-coverage');
const corpus = join(home, 'build/fuzz/corpus');

function run(program, args) {
  const { status, stdout, stderr, error } = spawnSync(program, args, {
    cwd: built,
    encoding: 'utf8',
    maxBuffer: 2 ** 29,
  });
  if (status === 0) return stdout;
  throw new Error(`${program} failed\n${error?.message ?? stderr + stdout.slice(-2000)}`);
}

// Beside each object: what there is to count, .gcno, and the counts, .gcda, to which runs add.
const countsOf = (suffix) =>
  readdirSync(join(built, 'CMakeFiles'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith(suffix))
    .map((file) => join(built, 'CMakeFiles', file));

export async function coreLines() {
  await buildPreset('native-coverage', await ensureToolchain(), ['core_tests', 'fuzz_replay']);
  for (const file of countsOf('.gcda')) rmSync(file);
  run('tests/core_tests', []);
  if (existsSync(corpus))
    console.log(`the fuzzers' corpora: ${run('tests/fuzz/fuzz_replay', [corpus]).trim()}`);
  else console.log('no corpora of fuzzers are here: `npm run fuzz` gathers some');

  const files = new Map();
  const told = run('gcov', ['--json-format', '--stdout', ...countsOf('.gcno')]);
  for (const json of told.split('\n').filter(Boolean))
    for (const { file, lines } of JSON.parse(json).files) {
      const path = relative(home, resolve(built, file));
      if (path.startsWith('src/')) add(files, path, lines);
    }
  return files;
}

// A header's line has run where it has in any object.
function add(files, path, counted) {
  const lines = files.get(path) ?? new Map();
  for (const { line_number: line, count } of counted) lines.set(line, lines.get(line) || count > 0);
  files.set(path, lines);
}

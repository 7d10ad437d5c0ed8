// Fuzzes every reader of untrusted bytes: `node tests/fuzz/run.mjs [SECONDS each]`, 60 where not said. Writes the files that
// the fuzzers start from, and keeps what they add, in build/fuzz/corpus/; stops at the first broken promise and names the
// file that shows it: put it, made small, into tests/fuzz/findings/NAME/, where it becomes a test.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildPreset } from '../../wasm/build.mjs';
import { ensureToolchain } from '../../wasm/toolchain.mjs';
import { ensureClang } from '../clang.mjs';

const home = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const built = join(home, 'build/fuzz');
const programs = join(built, 'tests/fuzz');
// A file of the corpus is small, so any step of its reading that takes a second or 64 MB is a bug.
const limits = ['-timeout=1', '-malloc_limit_mb=64', '-rss_limit_mb=2048', '-max_len=32768'];

const stop = new AbortController(); // ends the fuzzers that still run when one has failed

// Runs a fuzzer and resolves to its status and what it printed.
function run(name, args) {
  const dictionary = join(home, 'tests/fuzz', `${name}.dict`);
  const options = [
    ...limits,
    ...(existsSync(dictionary) ? [`-dict=${dictionary}`] : []),
    `-artifact_prefix=${join(built, 'found', name)}-`,
  ];
  const program = spawn(join(programs, `fuzz_${name}`), [...options, ...args], {
    env: { ...process.env, UBSAN_OPTIONS: 'print_stacktrace=1' },
    signal: stop.signal,
  });
  let text = '';
  program.stderr.on('data', (chunk) => {
    text += chunk;
  });
  return new Promise((resolve, reject) => {
    program.on('error', reject);
    program.on('close', (status) => resolve({ status, text }));
  });
}

async function fuzz(name, seconds) {
  const findings = join(home, 'tests/fuzz/findings', name);
  const corpora = [join(built, 'corpus', name), ...(existsSync(findings) ? [findings] : [])];
  const { status, text } = await run(name, [`-max_total_time=${seconds}`, ...corpora]);
  const [, runs, coverage] = /#(\d+)\s+DONE\s+(cov: \d+ ft: \d+)/.exec(text) ?? [];
  if (status === 0 && runs !== undefined) {
    console.log(`${name.padEnd(20)} ${runs.padStart(10)} executions  ${coverage}  ${seconds} s`);
    return;
  }
  const file = /Test unit written to (\S+)/.exec(text)?.[1];
  // On a busy machine anything may take a second once.
  if (file && (await run(name, [file])).status === 0) {
    console.log(`${name.padEnd(20)} stopped at ${relative(home, file)}, which is in order when read again`);
    return;
  }
  const told = text.split('\n').filter((line) => !/^#\d|^INFO|NEW_FUNC/.test(line));
  throw new Error(
    `${told.slice(0, 60).join('\n')}\n\nfuzz_${name} failed; again: ${relative(home, join(programs, `fuzz_${name}`))} ${
      file ? relative(home, file) : corpora.map((corpus) => relative(home, corpus)).join(' ')
    }`,
  );
}

async function fuzzAll(seconds) {
  if (!ensureClang('the fuzzers', ['-fsanitize=fuzzer,address,undefined'])) return;
  await buildPreset('fuzz', await ensureToolchain());
  mkdirSync(join(built, 'found'), { recursive: true });
  const seeds = spawnSync(join(programs, 'fuzz_seeds'), [join(built, 'corpus')], { stdio: 'inherit' });
  if (seeds.status !== 0) throw new Error('fuzz_seeds failed');
  const waiting = readdirSync(join(built, 'corpus'));
  const worker = async () => {
    for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) await fuzz(name, seconds);
  };
  await Promise.all(Array.from({ length: Math.min(2, availableParallelism()) }, worker));
}

try {
  await fuzzAll(Number(process.argv[2] ?? 60));
} catch (error) {
  stop.abort();
  console.error(error.message);
  process.exit(1);
}

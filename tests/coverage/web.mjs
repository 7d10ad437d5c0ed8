// Which lines of web/ run in tests/web: in the tests' own threads, in the package's workers and in the processes that tests start, all
// of which Node counts for by itself (NODE_V8_COVERAGE).
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { SourceMap } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import ts from 'typescript';

const home = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const ours = pathToFileURL(join(home, '/')).href;
/** What only browsers run: the page, and doors, of which Node has its own. */
const ofBrowsers =
  /^demo\/|(^|\/)(web-[a-z]+|[a-z-]+-web)\.ts$|^(index|grammar|adapters\/[a-z-]+(?<!-node))\.ts$/;

const { config } = ts.readConfigFile(join(home, 'tsconfig.base.json'), ts.sys.readFile);
const { options } = ts.convertCompilerOptionsFromJson(config.compilerOptions, home);
const compilerOptions = { ...options, module: ts.ModuleKind.ESNext, sourceMap: true };

/** REQUIRES: a built package. */
export async function webLines() {
  const folder = mkdtempSync(join(tmpdir(), 'rwkv-wasm-coverage-'));
  try {
    const args = [
      join(home, 'node_modules/vitest/vitest.mjs'),
      'run',
      'tests/web',
      '--silent',
      '--reporter=dot',
    ];
    const env = { ...process.env, NODE_V8_COVERAGE: folder };
    const { status } = spawnSync(process.execPath, args, { cwd: home, env, stdio: 'inherit' });
    if (status !== 0) process.exitCode = 1; // Vitest has said why
    return linesOf(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Of what Node has written into `folder`. */
export function linesOf(folder) {
  const ran = bytesThatRan(folder);
  const files = new Map();
  for (const source of readdirSync(join(home, 'web'), { recursive: true, encoding: 'utf8' })) {
    if (!source.endsWith('.ts') || source.endsWith('.d.ts') || ofBrowsers.test(source)) continue;
    const lines = linesOfFile(source, ran.get(source.replace(/ts$/, 'js')));
    if (lines.size > 0) files.set(`web/${source}`, lines);
  }
  return files;
}

// For each script of dist/, a byte for each character: whether it has run anywhere.
function bytesThatRan(folder) {
  const all = new Map();
  for (const file of readdirSync(folder)) {
    for (const { url, functions } of JSON.parse(readFileSync(join(folder, file), 'utf8')).result) {
      const [, name] = url.startsWith(ours) ? url.split('/dist/') : []; // copies too, as that with a broken core
      if (!name) continue;
      const [whole] = functions[0]?.ranges ?? [];
      if (!whole) continue;
      const here = new Uint8Array(whole.endOffset);
      // Outer ranges come before those within, and what has none is as its surroundings.
      for (const { ranges } of functions)
        for (const { startOffset, endOffset, count } of ranges)
          here.fill(count > 0 ? 1 : 0, startOffset, endOffset);
      const before = all.get(name);
      all.set(name, before ? here.map((ran, i) => ran | (before[i] ?? 0)) : here);
    }
  }
  return all;
}

// A line has run where its first character has; those of closing brackets and remarks alone are none.
function linesOfFile(source, ran) {
  const text = readFileSync(join(home, 'web', source), 'utf8');
  const { outputText, sourceMapText } = ts.transpileModule(text, { compilerOptions, fileName: source });
  const [code] = outputText.split('//# sourceMappingURL');
  if (code !== readFileSync(join(home, 'dist', source.replace(/ts$/, 'js')), 'utf8'))
    throw new Error(`dist/ is not of the same sources: ${source}; build first`);
  const map = new SourceMap(JSON.parse(sourceMapText));
  const lines = new Map();
  let offset = 0;
  let inRemark = false;
  for (const [row, line] of code.split('\n').entries()) {
    const column = line.search(/\S/);
    const words = line.trim();
    if (words.startsWith('/*')) inRemark = true;
    const counts = !inRemark && !/^(\/\/.*|[\])};,]*|export \{\};)$/.test(words);
    if (words.endsWith('*/')) inRemark = false;
    const { originalLine } = counts ? map.findEntry(row, column) : {};
    if (originalLine !== undefined)
      lines.set(originalLine + 1, lines.get(originalLine + 1) || ran?.[offset + column] === 1);
    offset += line.length + 1;
  }
  return lines;
}

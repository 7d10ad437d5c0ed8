// The packed package in projects that others begin, with the versions that npm has today: what is not in a lock file of ours.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, expect, test } from 'vitest';
import { createProject, type Project, run, tarball } from '../package/packed.js';

interface Toolchain {
  readonly name: string;
  /** What npm installs; the first one's version is told. */
  readonly packages: readonly string[];
  readonly files?: Readonly<Record<string, string>>;
  /** Builds, and gives what the story or the check came to. */
  readonly tell: (project: Project) => string | Promise<string>;
}

const story = /just as the farmer/;
const tale = (source: string, options = '{}') => `
import { RWKV } from '${source}';
(async () => {
  const model = await RWKV.load(undefined, ${options});
  const session = await model.createSession({ seed: 7 });
  console.log((await session.complete('Once upon a time', { maxTokens: 8 }).result).text);
  await model.dispose();
})();
`;
const generate = (settings: string) => `
import { generateText, streamText } from 'ai';
import { rwkv } from 'rwkv-wasm/ai-sdk';
const model = rwkv(undefined, ${settings});
const call = { model, prompt: 'Once upon a time', seed: 7, maxOutputTokens: 8 };
const { text } = await generateText(call);
let streamed = '';
for await (const piece of streamText(call).textStream) streamed += piece;
if (streamed !== text) throw new Error(streamed);
console.log(text);
await model.dispose();
`;

const node = (file: string) => (project: Project) =>
  run(process.execPath, [join(project.folder, file)], { cwd: project.folder });
const sdk = (version: number, settings: string): Toolchain => ({
  name: `the AI SDK ${version}`,
  packages: [`ai@${version}`],
  files: { 'main.mjs': generate(settings) },
  tell: node('main.mjs'),
});
const esbuild = (format: string, extension: string): Toolchain => ({
  name: `esbuild, a ${format} bundle for Node`,
  packages: ['esbuild'],
  files: { 'main.js': tale('rwkv-wasm', '{ assetBase: process.env.BASE }') },
  tell(project) {
    const out = `--outfile=out.${extension}`;
    const flags = ['main.js', '--bundle', '--platform=node', `--format=${format}`, out, '--log-level=error'];
    run('npx', ['esbuild', ...flags], { cwd: project.folder });
    const env = { ...process.env, BASE: join(project.installed, 'dist') };
    return run(process.execPath, [join(project.folder, `out.${extension}`)], { env });
  },
});

const toolchains: readonly Toolchain[] = [
  {
    name: 'the AI SDK 4, beside the core alone',
    packages: ['ai@4'],
    files: { 'main.mjs': tale('rwkv-wasm') },
    tell: node('main.mjs'),
  },
  sdk(5, `{ specification: 'v2' }`),
  sdk(6, `{ specification: 'v2' }`),
  sdk(7, '{}'),
  esbuild('esm', 'mjs'),
  esbuild('cjs', 'cjs'),
  esbuild('iife', 'cjs'),
  {
    name: 'Next.js, a route of an app built by Turbopack',
    packages: ['next@16', 'react', 'react-dom'],
    files: {
      'app/layout.jsx': 'export default ({ children }) => <html lang="en"><body>{children}</body></html>;',
      'app/page.jsx': `'use client';
        import { RWKV } from 'rwkv-wasm';
        export default () => <button onClick={() => RWKV.load()}>load</button>;`,
      'app/tale/route.js': `import { RWKV } from 'rwkv-wasm';
        export const dynamic = 'force-dynamic';
        export async function GET() {
          const model = await RWKV.load();
          const session = await model.createSession({ seed: 7 });
          const { text } = await session.complete('Once upon a time', { maxTokens: 8 }).result;
          await model.dispose();
          return new Response(text);
        }`,
    },
    async tell(project) {
      const next = join(project.folder, 'node_modules/next/dist/bin/next');
      run(process.execPath, [next, 'build'], { cwd: project.folder, timeout: 400_000 });
      const server = spawn(process.execPath, [next, 'start', '-p', '3987'], {
        cwd: project.folder,
        stdio: 'ignore',
      });
      try {
        return await answerOf('http://127.0.0.1:3987/tale', server);
      } finally {
        const closed = once(server, 'close');
        server.kill();
        await closed;
      }
    },
  },
];

async function answerOf(url: string, server: ChildProcess): Promise<string> {
  for (;;) {
    if (server.exitCode !== null) throw new Error(`the server ended with ${server.exitCode}`);
    const reply = await fetch(url).catch(() => undefined);
    if (reply) return reply.text();
    await sleep(200);
  }
}

const rows: string[] = [];
afterAll(() => console.log(rows.join('\n')));

test.each(toolchains)('$name', async ({ name, packages, files, tell }) => {
  const project = createProject(files);
  try {
    // Both named, as npm sees them in a project that saves what it installs: ranges of peers that do not fit fail here.
    run('npm', ['install', '--no-audit', '--no-fund', tarball(), ...packages], {
      cwd: project.folder,
      timeout: 400_000,
    });
    const [first = ''] = packages;
    const installed = join(project.folder, 'node_modules', first.replace(/@\d+$/, ''), 'package.json');
    const { version } = JSON.parse(readFileSync(installed, 'utf8'));
    const start = performance.now();
    const told = await tell(project);
    rows.push(
      `${name.padEnd(48)} ${String(version).padEnd(10)} ${((performance.now() - start) / 1000).toFixed(1)} s`,
    );
    expect(told.trim()).not.toBe('');
    if (!name.startsWith('the AI SDK') || name.includes('core alone')) expect(told).toMatch(story);
  } finally {
    project.remove();
  }
});

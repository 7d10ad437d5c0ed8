// Package managers, runtimes and test runners; the AI SDK; TypeScript.
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type Project, repository, run, tarball } from '../package/packed.js';
import { bin, call, node, printed, program, story, type Told, type Toolchain, tale } from './toolchain.js';

const script = { ...tale, 'main.js': printed() };
const example = { 'main.js': readFileSync(join(repository, 'web/examples/story.mjs'), 'utf8') };

/** A project of its own inside one, which another package manager fills. */
function filled(project: Project, ...commands: readonly (readonly string[])[]): Project {
  const folder = join(project.folder, 'filled');
  mkdirSync(folder);
  const inside = { ...project, folder };
  project.write(Object.fromEntries(Object.entries(script).map(([name, text]) => [`filled/${name}`, text])));
  project.write({ 'filled/package.json': '{ "private": true, "type": "module" }', 'filled/yarn.lock': '' });
  const [registry = ''] = run('npm', ['config', 'get', 'registry']).split('\n');
  const env = {
    YARN_NPM_REGISTRY_SERVER: registry,
    YARN_GLOBAL_FOLDER: join(folder, '.yarn-global'),
    YARN_ENABLE_IMMUTABLE_INSTALLS: 'false',
    npm_config_store_dir: join(folder, '.store'),
  };
  for (const [command = '', ...args] of commands)
    run(bin(project, command), args, {
      cwd: folder,
      env: { ...process.env, ...env },
      timeout: 300_000,
    });
  return inside;
}

const suite = `import { expect, test } from 'TESTER';
import { tale } from './tale.js';
test('a story is told', async () => {
  expect(await tale()).toContain('${story}');
}, 60_000);
`;
const jest = (environment: string, settings: object, lines: readonly string[]): Toolchain => ({
  name: `Jest, ${environment}`,
  packages: ['jest', 'jest-environment-jsdom'],
  files: {
    ...tale,
    'story.test.js': suite.replace('TESTER', '@jest/globals'),
    'jest.config.json': JSON.stringify({ testEnvironment: environment, transform: {}, ...settings }),
  },
  lines: ['NODE_OPTIONS=--experimental-vm-modules', 'transform: {}', ...lines],
  tell(project) {
    const jest = join(project.folder, 'node_modules/jest/bin/jest.js');
    const told = node(project, '--experimental-vm-modules', '--no-warnings', jest);
    return { ...told, text: story };
  },
});

const generate = (settings: string) => `import { generateText, streamText } from 'ai';
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
const sdk = (version: number, settings: string): Toolchain => ({
  name: `AI SDK ${version}`,
  packages: [`ai@${version}`],
  files: { 'main.js': generate(settings) },
  tells: /\w{3}/, // it samples in its own way
  lines: version < 7 ? [settings.slice(2, -2)] : [],
  ...(version > 6 && { newerNode: true }),
  tell: (project) => node(project, 'main.js'),
});

const usage = `import { RWKV, RwkvError, presets, type LoadOptions, type Model, type Session } from 'rwkv-wasm';
import { openai } from 'rwkv-wasm/openai';
import { languageModel } from 'rwkv-wasm/prompt-api';

export async function tell(options: LoadOptions): Promise<string> {
  const model: Model = await RWKV.load(undefined, options);
  const session: Session = await model.createSession({ seed: 7 });
  let text = '';
  for await (const piece of session.complete('Once', { ...presets.chat, maxTokens: 5 })) text += piece.trim();
  return text;
}
export const others = [openai, languageModel, RwkvError];
`;
/** In each way to find modules, with the package's own declarations checked. */
const typescript = (version: string): Toolchain => ({
  name: `TypeScript ${version}`,
  packages: [`typescript@${version}`],
  files: {
    'usage.ts': usage,
    'tsconfig.json': JSON.stringify({
      compilerOptions: { noEmit: true, strict: true, skipLibCheck: false, target: 'es2022', types: [] },
    }),
  },
  tells: /no complaints/,
  tell(project): Told {
    const ways = [
      ['node16', 'node16'],
      ['nodenext', 'nodenext'],
      ['esnext', 'bundler'],
    ];
    for (const [module = '', resolution = ''] of ways)
      call(project, 'tsc', '--project', '.', '--module', module, '--moduleResolution', resolution);
    return { text: 'no complaints' };
  },
});

export const runtimes: readonly Toolchain[] = [
  {
    name: 'Bun',
    packages: ['bun'],
    files: example,
    tell: (project) => program(project, bin(project, 'bun'), 'main.js'),
  },
  {
    name: 'Deno',
    packages: ['deno'],
    files: example,
    tell: (project) => program(project, bin(project, 'deno'), 'run', '-A', 'main.js'),
  },
  {
    name: 'pnpm',
    packages: ['pnpm'],
    files: {},
    newerNode: true,
    tell: (project) => node(filled(project, ['pnpm', 'add', tarball()]), 'main.js'),
  },
  {
    name: "Yarn, Plug'n'Play",
    packages: ['@yarnpkg/cli-dist'],
    files: {},
    tell(project) {
      const inside = filled(project, ['yarn', 'add', `rwkv-wasm@file:${tarball()}`]);
      rmSync(join(project.folder, 'node_modules/rwkv-wasm'), { recursive: true }); // nor is it found above
      return program(inside, bin(project, 'yarn'), 'node', 'main.js');
    },
  },
  {
    name: 'Vitest',
    packages: ['vitest'],
    files: { ...tale, 'story.test.js': suite.replace('TESTER', 'vitest') },
    newerNode: true,
    tell: (project) => ({ ...program(project, bin(project, 'vitest'), 'run'), text: story }),
  },
  jest('node', {}, []),
  jest('jsdom', { testEnvironmentOptions: { customExportConditions: ['node'] } }, [
    `customExportConditions: ['node']`,
  ]),
  {
    name: 'AI SDK 4, beside the core alone',
    packages: ['ai@4'],
    files: script,
    tell: (project) => node(project, 'main.js'),
  },
  sdk(5, `{ specification: 'v2' }`),
  sdk(6, `{ specification: 'v2' }`),
  sdk(7, '{}'),
  ...['5.7', '5.8', '5.9', '6.0'].map(typescript),
];

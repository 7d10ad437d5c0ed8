// Bundlers: pages in Chromium, and programs of Node.
import { cpSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Project, repository } from '../package/packed.js';
import { blocksOf } from '../package/readme-blocks.js';
import { built, call, html, node, page, printed, served, shown, type Toolchain, tale } from './toolchain.js';

const app = {
  ...tale,
  'src/index.js': shown().replace('./tale', '../tale'),
  'dist/index.html': html('main.js', ''),
};
const based = `{ assetBase: process.env.BASE ?? 'node_modules/rwkv-wasm/dist/' }`;
const script = { ...tale, 'main.js': printed(based) };

/** Lets a server or a page find the package's files at `/rwkv-wasm/`. */
const copyAssets = ({ installed, folder }: Project, to = 'dist') =>
  cpSync(join(installed, 'dist'), join(folder, to, 'rwkv-wasm'), { recursive: true });
const assets = `{ assetBase: '/rwkv-wasm/' }`;

// The README's own app: its settings, its page.
const readme = blocksOf(readFileSync(join(repository, 'README.md'), 'utf8'));
const readmeApp = Object.fromEntries(
  readme.flatMap(({ file, code }) => (file?.startsWith('app/') ? [[file.slice(4), code]] : [])),
);
export const viteSettings = readmeApp['vite.config.js'] ?? '';
export const viteLines = viteSettings.split('\n').filter((line) => line.startsWith(' '));

const vite = (version: number): Toolchain => ({
  name: `Vite ${version}`,
  packages: [`vite@${version}`],
  files: readmeApp,
  lines: viteLines,
  tells: /Once upon a time/,
  async tell(project) {
    call(project, 'vite', 'build');
    await built(project, 'dist', 'Once upon a time');
    return served(project, ['vite', '--port', 'PORT'], (origin) => page(origin, 'Once upon a time'));
  },
});

const esbuild = (format: string, extension: string): Toolchain => ({
  name: `esbuild, ${format} for Node`,
  packages: ['esbuild'],
  files: script,
  lines: [`assetBase`],
  async tell(project) {
    const flags = [
      '--platform=node',
      `--format=${format}`,
      `--outfile=out.${extension}`,
      '--log-level=error',
    ];
    call(project, 'esbuild', 'main.js', '--bundle', ...flags);
    return node(project, `out.${extension}`);
  },
});

const rollup = (format: string, extension: string): Toolchain => ({
  name: `Rollup, ${format} for Node`,
  packages: ['rollup', '@rollup/plugin-node-resolve'],
  files: {
    ...script,
    'rollup.config.js': `import resolve from '@rollup/plugin-node-resolve';
export default {
  input: 'main.js',
  output: { file: 'out.${extension}', format: '${format}', inlineDynamicImports: true },
  plugins: [resolve({ exportConditions: ['node'] })],
  onwarn(warning) { throw new Error(warning.message); },
};`,
  },
  lines: [`assetBase`],
  async tell(project) {
    call(project, 'rollup', '--config');
    return node(project, `out.${extension}`);
  },
});

export const bundlers: readonly Toolchain[] = [
  ...[5, 6, 7, 8].map(vite),
  {
    name: 'webpack 5',
    packages: ['webpack@5', 'webpack-cli'],
    files: app,
    tell(project) {
      quiet(call(project, 'webpack', '--mode', 'production', '--no-performance'));
      return built(project);
    },
  },
  {
    name: 'webpack-dev-server',
    packages: ['webpack-dev-server', 'webpack@5', 'webpack-cli'],
    files: { ...app, 'public/index.html': html('main.js', '') },
    tell: (project) => served(project, ['webpack', 'serve', '--mode', 'development', '--port', 'PORT'], page),
  },
  {
    name: 'Rspack',
    packages: ['@rspack/core', '@rspack/cli'],
    files: { ...app, 'rspack.config.js': 'export default { performance: false }; // no hints of size' },
    tell(project) {
      quiet(call(project, 'rspack', 'build', '--mode', 'production'));
      return built(project);
    },
  },
  {
    name: 'Rsbuild',
    packages: ['@rsbuild/core'],
    files: { ...tale, 'src/index.js': app['src/index.js'] },
    tell(project) {
      quiet(call(project, 'rsbuild', 'build'));
      return built(project);
    },
  },
  {
    name: 'Parcel 2',
    packages: ['parcel@2'],
    files: {
      ...tale,
      'package.json': '{ "private": true, "type": "module", "source": "index.html" }',
      'index.html': html('index.js'),
      'index.js': shown(),
    },
    tell(project) {
      quiet(call(project, 'parcel', 'build', '--no-cache'));
      return built(project);
    },
  },
  {
    name: 'Rollup, es for pages',
    packages: ['rollup', '@rollup/plugin-node-resolve'],
    files: {
      ...tale,
      'main.js': shown(assets),
      'dist/index.html': html('main.js'),
      'rollup.config.js': `import resolve from '@rollup/plugin-node-resolve';
export default { input: 'main.js', output: { dir: 'dist', format: 'es' }, plugins: [resolve({ browser: true })] };`,
    },
    lines: ['assetBase'],
    tell(project) {
      call(project, 'rollup', '--config', '--failAfterWarnings');
      copyAssets(project);
      return built(project);
    },
  },
  rollup('es', 'mjs'),
  rollup('cjs', 'cjs'),
  {
    name: 'esbuild, esm for pages',
    packages: ['esbuild'],
    files: { ...tale, 'main.js': shown(assets), 'dist/index.html': html('main.js') },
    lines: ['assetBase'],
    tell(project) {
      call(project, 'esbuild', 'main.js', '--bundle', '--format=esm', '--outdir=dist', '--log-level=warning');
      copyAssets(project);
      return built(project);
    },
  },
  esbuild('esm', 'mjs'),
  esbuild('cjs', 'cjs'),
  esbuild('iife', 'cjs'),
];

/** @throws Error where a build warns of something */
function quiet(said: string): void {
  if (/\bwarn/i.test(said)) throw new Error(said);
}

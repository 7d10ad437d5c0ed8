// What an app leaves out of its build by the settings that the README names.
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'vite';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createProject, type Project, repository, run } from './packed.js';
import { blocksOf } from './readme-blocks.js';

const blocks = blocksOf(readFileSync(join(repository, 'README.md'), 'utf8'));
const settingsOf = (file: string) => blocks.find((block) => block.file === file)?.code ?? '';

let project: Project;

beforeAll(() => {
  project = createProject({
    'index.html': '<!doctype html><script type="module" src="./main.js"></script>',
    'main.js': `import { RWKV } from 'rwkv-wasm'; globalThis.model = RWKV.load('/model.pth');`,
    'vite.js': settingsOf('app/vite.config.js'),
    'vite-trimmed.js': settingsOf('trimmed/vite.config.js'),
    'webpack.js': 'export default {};',
    'webpack-trimmed.js': settingsOf('trimmed/webpack.config.js'),
    'pack.js': `import { pathToFileURL } from 'node:url';
      const [webpack, name, folder] = process.argv.slice(2);
      const { default: settings } = await import('./' + name);
      const { default: compile } = await import(pathToFileURL(webpack));
      const compiler = compile({ ...settings, mode: 'none', entry: './main.js', output: { path: folder } });
      compiler.run((error) => compiler.close(() => process.exit(error ? 1 : 0)));`,
  });
}, 120_000);
afterAll(() => project?.remove());

/** The files of a build by how their names end, and their bytes. */
function builtFiles(folder: string) {
  const files = readdirSync(join(project.folder, folder), { recursive: true, withFileTypes: true }).filter(
    (entry) => entry.isFile(),
  );
  const bytes = files.reduce((sum, { parentPath, name }) => sum + statSync(join(parentPath, name)).size, 0);
  const count = (ending: string) => files.filter(({ name }) => name.endsWith(ending)).length;
  return { bytes, modules: count('.wasm'), storyteller: count('.safetensors') + count('.txt') };
}

test.each([
  [
    'Vite',
    (name: string, outDir: string) => {
      const configFile = join(project.folder, `${name}.js`);
      return build({ root: project.folder, configFile, build: { outDir }, logLevel: 'error' });
    },
  ],
  [
    'webpack',
    (name: string, folder: string) => {
      const webpack = join(repository, 'node_modules/webpack/lib/index.js');
      run(process.execPath, ['pack.js', webpack, `${name}.js`, join(project.folder, folder)], {
        cwd: project.folder,
      });
    },
  ],
])(
  '%s leaves out the storyteller and the modules of threads and devices',
  async (name, pack) => {
    const settings = name.toLowerCase();
    await pack(settings, `${settings}-whole`);
    await pack(`${settings}-trimmed`, `${settings}-part`);
    const [before, after] = [builtFiles(`${settings}-whole`), builtFiles(`${settings}-part`)];
    console.log(`${name}: ${before.bytes} bytes, trimmed ${after.bytes}`);
    expect(before).toMatchObject({ modules: 5, storyteller: 2 });
    expect(after).toMatchObject({ modules: 2, storyteller: 0 });
    expect(before.bytes - after.bytes).toBeGreaterThan(6_600_000);
  },
  60_000,
);

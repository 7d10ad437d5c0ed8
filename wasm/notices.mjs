// Whose code is in what ships, and under which licence: told from the files that bundlers took, and from what the modules are
// linked of. dist/THIRD-PARTY-NOTICES.txt (bundle.mjs), the site's (web/demo/vite.config.ts) and sbom.mjs are made of it.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { librariesOfModules } from './toolchain.mjs';

const home = fileURLToPath(new URL('..', import.meta.url));
export const noticesName = 'THIRD-PARTY-NOTICES.txt';

const kept = (name) => readFileSync(join(home, 'wasm/licenses', name), 'utf8');
const llvm = { license: 'Apache-2.0 WITH LLVM-exception', homepage: 'https://llvm.org' };

/** What is compiled or linked into the modules; `libraries`: the archives of it that the linker reads. */
export function partsOfModules() {
  const versions = librariesOfModules();
  return [
    {
      name: 'Emscripten',
      version: versions.emscripten,
      license: 'MIT OR NCSA',
      homepage: 'https://emscripten.org',
      text: kept('emscripten.txt'),
      libraries: ['libembind', 'libemmalloc', 'libnoexit'],
    },
    {
      name: 'musl',
      version: versions.musl,
      license: 'MIT',
      homepage: 'https://musl.libc.org',
      text: kept('musl.txt'),
      libraries: ['libc'],
    },
    ...Object.entries({
      'libc++': 'libc++',
      'libc++abi': 'libc++abi',
      'compiler-rt': 'libclang_rt.builtins',
    }).map(([name, library]) => ({
      ...llvm,
      ...{ name, version: versions.llvm, text: kept('llvm.txt'), libraries: [library] },
    })),
    {
      name: 'xsimd',
      version: versions.xsimd,
      license: 'BSD-3-Clause',
      homepage: 'https://github.com/xtensor-stack/xsimd',
      text: kept('xsimd.txt'),
      libraries: [], // headers alone
    },
  ];
}

/** Within the WebAssembly of the grammar library, besides what our modules are linked of too. */
const picojson = {
  name: 'picojson',
  version: undefined, // a copy in xgrammar's sources
  license: 'BSD-2-Clause',
  homepage: 'https://github.com/kazuho/picojson',
  text: kept('picojson.txt'),
};

/** An npm package, by its folder. */
function packageIn(folder) {
  const { name, version, license, homepage } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  const texts = readdirSync(folder)
    .filter((file) => /^(licen[cs]e|copying|notice)(\.|$)/i.test(file))
    .sort()
    .map((file) => readFileSync(join(folder, file), 'utf8').split('\n# Licenses of bundled dependencies')[0]); // Vite's own
  if (texts.length === 0 && license === 'Apache-2.0') texts.push(readFileSync(join(home, 'LICENSE'), 'utf8'));
  if (texts.length === 0) throw new Error(`${name} ${version} comes without the text of its licence`);
  return { name, version, license, homepage, text: texts.join('\n'), isPackage: true };
}

/** Whose a file is, as bundlers name it: nobody's but ours in most cases. */
function partsOf(file) {
  if (/\/wasm\/rwkv-[\w-]+\.(mjs|wasm)$/.test(file)) return partsOfModules();
  if (/\/grammar\/xgrammar\.m?js$/.test(file))
    return [packageIn(join(home, 'node_modules/@mlc-ai/web-xgrammar')), picojson];
  const [, helper] = /^\0(vite|rolldown)\//.exec(file) ?? []; // pieces that the bundler itself puts in
  if (helper) return [packageIn(join(home, 'node_modules', helper))];
  const [folder] = /^.*\/node_modules\/(@[^/]+\/)?[^/]+/.exec(file.replace(/^\0/, '')) ?? [];
  return folder && existsSync(folder) ? [packageIn(folder)] : [];
}

/** Whose code is in these files, by name. */
export function partsIn(files) {
  const parts = new Map();
  for (const file of files) for (const part of partsOf(file)) parts.set(`${part.name} ${part.version}`, part);
  return [...parts.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** A plugin of Rolldown and Vite, which puts what a bundle takes code of into `files`. */
export function takenFiles(files) {
  return {
    name: 'taken-files',
    generateBundle(_options, bundle) {
      for (const output of Object.values(bundle))
        for (const [id, module] of Object.entries(output.modules ?? {}))
          if (module.renderedLength > 0) files.add(id);
    },
  };
}

/** The text that goes with these files. */
export function noticesOf(files) {
  const titles = new Map();
  for (const { name, version, license, homepage, text } of partsIn(files)) {
    const title = [[name, version].filter(Boolean).join(' '), license, homepage].filter(Boolean).join(', ');
    titles.set(text, [...(titles.get(text) ?? []), title]);
  }
  const sections = [...titles].map(
    ([text, names]) => `${'='.repeat(80)}\n${names.join('\n')}\n\n${text.replace(/^\n+|\s+$/g, '')}\n`,
  );
  return `Besides its own code rwkv-wasm has here code of others, under their licences:\n\n${sections.join('\n')}`;
}

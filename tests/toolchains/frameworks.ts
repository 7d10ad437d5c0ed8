// Frameworks: the story in their own terms, in Chromium.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { type Project, repository } from '../package/packed.js';
import { viteLines, viteSettings } from './bundlers.js';
import {
  built,
  call,
  type Files,
  html,
  page,
  served,
  story,
  type Told,
  type Toolchain,
  tale,
} from './toolchain.js';

/** The files of an example of this repository. */
export function example(name: string): Files {
  const folder = join(repository, 'web/examples', name);
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return Object.fromEntries(paths.map((path) => [path.slice(folder.length + 1), readFileSync(path, 'utf8')]));
}

/** The README's settings of Vite, and a framework's plugin. */
const viteWith = (plugin: string, from: string) =>
  `import ${plugin} from '${from}';\n${viteSettings.replace('{', `{\n  plugins: [${plugin.replace(/\W/g, '')}()],`)}`;
/** The page as it is built, and as it is while it is being developed. */
async function bothOfVite(project: Project): Promise<Told> {
  await served(project, ['vite', '--port', 'PORT'], page);
  call(project, 'vite', 'build');
  return built(project);
}

async function asksOnce(page: Page): Promise<void> {
  await page.fill('input:enabled', 'Tell me a tale.');
  await page.keyboard.press('Enter');
  await page.waitForSelector('.assistant:not(:empty)');
}

async function nextTells(project: Project, ...start: readonly string[]): Promise<Told> {
  return served(project, ['next', ...start, '-p', 'PORT'], async (origin) => {
    const reply = await fetch(`${origin}/api/story`);
    const text = await reply.text();
    if (!text.includes(story)) throw new Error(`the route answers ${reply.status} ${text.slice(0, 2000)}`);
    return page(origin);
  });
}
const next = {
  packages: ['next@16', 'react', 'react-dom'],
  files: example('next'),
} satisfies Partial<Toolchain>;

const nextByWebpack = {
  ...next,
  files: { ...next.files, 'next.config.mjs': `export default { serverExternalPackages: ['rwkv-wasm'] };` },
  lines: [`serverExternalPackages: ['rwkv-wasm']`],
} satisfies Partial<Toolchain>;

const kit = viteWith('{ sveltekit }', '@sveltejs/kit/vite').replace('kit()', 'kit({ adapter: adapter() })');

export const frameworks: readonly Toolchain[] = [
  { ...next, name: 'Next.js 16, dev', tell: (project) => nextTells(project, 'dev') },
  {
    ...nextByWebpack,
    name: 'Next.js 16, dev --webpack',
    tell: (project) => nextTells(project, 'dev', '--webpack'),
  },
  {
    ...next,
    name: 'Next.js 16, build',
    tell(project) {
      call(project, 'next', 'build');
      return nextTells(project, 'start');
    },
  },
  {
    ...nextByWebpack,
    name: 'Next.js 16, build --webpack',
    tell(project) {
      call(project, 'next', 'build', '--webpack');
      return nextTells(project, 'start');
    },
  },
  {
    name: 'React, StrictMode (Vite)',
    packages: ['react', 'react-dom', 'vite', '@vitejs/plugin-react'],
    files: example('react'),
    lines: viteLines,
    tells: /Tell me a tale\.\s+\S/,
    async tell(project) {
      await served(project, ['vite', '--port', 'PORT'], (origin) =>
        page(origin, 'Tell me a tale.', asksOnce),
      );
      call(project, 'vite', 'build');
      return built(project, 'dist', 'Tell me a tale.', asksOnce);
    },
  },
  {
    name: 'Svelte 5 (Vite)',
    packages: ['svelte@5', 'vite', '@sveltejs/vite-plugin-svelte'],
    files: {
      ...tale,
      'vite.config.js': viteWith('{ svelte }', '@sveltejs/vite-plugin-svelte'),
      'index.html': html('/main.js'),
      'main.js': `import { mount } from 'svelte';
import App from './App.svelte';
mount(App, { target: document.body });`,
      'App.svelte': `<script>
  import { RWKV } from 'rwkv-wasm';
  const box = $state({ model: undefined, text: '' });
  $effect(() => {
    RWKV.load().then(async (model) => {
      box.model = model;
      const session = await box.model.createSession({ seed: 7 });
      for await (const piece of session.complete('Once upon a time', { maxTokens: 8 })) box.text += piece;
    });
  });
</script>
<p>{box.text}</p>`,
    },
    lines: viteLines,
    tell: bothOfVite,
  },
  {
    name: 'Vue 3 and Pinia (Vite)',
    packages: ['vue@3', 'pinia', 'vite', '@vitejs/plugin-vue'],
    files: {
      'vite.config.js': viteWith('vue', '@vitejs/plugin-vue'),
      'index.html': html('/main.js'),
      'main.js': `import { createPinia } from 'pinia';
import { createApp } from 'vue';
import App from './App.vue';
createApp(App).use(createPinia()).mount(document.body);`,
      'tales.js': `import { defineStore } from 'pinia';
import { RWKV } from 'rwkv-wasm';
export const useTales = defineStore('tales', {
  state: () => ({ model: null, session: null, text: '' }),
  actions: {
    async tell() {
      this.model = await RWKV.load();
      this.session = await this.model.createSession({ seed: 7 });
      for await (const piece of this.session.complete('Once upon a time', { maxTokens: 8 })) this.text += piece;
    },
  },
});`,
      'App.vue': `<script setup>
import { useTales } from './tales.js';
const tales = useTales();
tales.tell();
</script>
<template><p>{{ tales.text }}</p></template>`,
    },
    lines: viteLines,
    tell: bothOfVite,
  },
  {
    name: 'Solid (Vite)',
    packages: ['solid-js', 'vite@7', 'vite-plugin-solid'],
    files: {
      'vite.config.js': viteWith('solid', 'vite-plugin-solid'),
      'index.html': html('/main.jsx'),
      'main.jsx': `import { RWKV } from 'rwkv-wasm';
import { createStore } from 'solid-js/store';
import { render } from 'solid-js/web';
function App() {
  const [tales, setTales] = createStore({ model: undefined, text: '' });
  RWKV.load().then(async (model) => {
    setTales({ model });
    const session = await tales.model.createSession({ seed: 7 });
    for await (const piece of session.complete('Once upon a time', { maxTokens: 8 })) setTales('text', (text) => text + piece);
  });
  return <p>{tales.text}</p>;
}
render(App, document.body);`,
    },
    lines: viteLines,
    tell: bothOfVite,
  },
  {
    name: 'Astro',
    packages: ['astro'],
    files: {
      ...tale,
      'astro.config.mjs': `export default {\n  vite: {\n${viteLines.join('\n')}\n  },\n};`,
      'src/pages/index.astro': `<html lang="en"><head><meta charset="utf-8" /><title>app</title></head><body><script>
  import { tale } from '../../tale.js';
  tale().then((text) => document.body.append(text));
</script></body></html>`,
    },
    lines: viteLines,
    newerNode: true,
    tell(project) {
      call(project, 'astro', 'build');
      return built(project);
    },
  },
  {
    name: 'SvelteKit',
    packages: ['@sveltejs/kit', '@sveltejs/adapter-static', '@sveltejs/vite-plugin-svelte', 'svelte', 'vite'],
    files: {
      ...tale,
      'vite.config.js': `import adapter from '@sveltejs/adapter-static';
${kit}`,
      'src/app.html': `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>app</title>%sveltekit.head%</head><body><div style="display: contents">%sveltekit.body%</div></body></html>`,
      'src/routes/+layout.js': 'export const prerender = true;',
      'src/routes/+page.svelte': `<script>
  import { tale } from '../../tale.js';
  let text = $state('');
  $effect(() => void tale().then((told) => (text = told)));
</script>
<p>{text}</p>`,
    },
    lines: viteLines,
    newerNode: true,
    tell(project) {
      call(project, 'vite', 'build');
      return built(project, 'build');
    },
  },
];

import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';
import { takenFiles } from '../../wasm/notices.mjs';
import { offline } from './offline/plugin.js';

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

// With these a page may share memory among threads. Where a host sends none, the service worker adds them.
const headers = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
};

/** Of which code the site is made, for its notices. */
const files = new Set<string>();

export default defineConfig({
  root: here('.'),
  base: './',
  oxc: { jsx: { development: false } }, // whatever NODE_ENV says: with it paths of this machine would stand in the site
  resolve: {
    alias: {
      'rwkv-wasm/learning': here('../../dist/learning.js'),
      'rwkv-wasm': here('../../dist/index.js'),
    },
  },
  build: {
    outDir: here('../../site'),
    emptyOutDir: true,
    target: 'es2022',
    assetsInlineLimit: 0,
  },
  worker: { format: 'es', plugins: () => [takenFiles(files)] },
  plugins: [takenFiles(files), offline(files)],
  server: { headers },
  preview: { port: 4173, host: '127.0.0.1', headers },
});

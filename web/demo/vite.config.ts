import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';
import { offline } from './offline/plugin.js';

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

// With these a page may share memory among threads. Where a host sends none, the service worker adds them.
const headers = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
};

export default defineConfig({
  root: here('.'),
  base: './',
  resolve: { alias: { 'rwkv-wasm': here('../../dist/index.js') } },
  build: {
    outDir: here('../../site'),
    emptyOutDir: true,
    target: 'es2022',
    assetsInlineLimit: 0,
  },
  worker: { format: 'es' },
  plugins: [offline()],
  server: { headers },
  preview: { port: 4173, host: '127.0.0.1', headers },
});

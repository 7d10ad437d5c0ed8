// The WebAssembly modules of the package: the file of each build and its glue. Literal URLs and imports beside the doors, so
// that bundlers see them.
export const builds = {
  baseline: {
    file: 'rwkv-baseline.wasm',
    wasm: () => new URL('./wasm/rwkv-baseline.wasm', import.meta.url),
    glue: () => import('./wasm/rwkv-baseline.mjs'),
  },
  relaxed: {
    file: 'rwkv-relaxed.wasm',
    wasm: () => new URL('./wasm/rwkv-relaxed.wasm', import.meta.url),
    glue: () => import('./wasm/rwkv-relaxed.mjs'),
  },
} as const;

export const threadedBuilds = {
  baseline: {
    file: 'rwkv-baseline-threads.wasm',
    wasm: () => new URL('./wasm/rwkv-baseline-threads.wasm', import.meta.url),
    glue: () => import('./wasm/rwkv-baseline-threads.mjs'),
  },
  relaxed: {
    file: 'rwkv-relaxed-threads.wasm',
    wasm: () => new URL('./wasm/rwkv-relaxed-threads.wasm', import.meta.url),
    glue: () => import('./wasm/rwkv-relaxed-threads.mjs'),
  },
} as const;

/** Of what writes down the work of a graphics processor, and what has that done. */
export const device = {
  file: 'rwkv-gpu.wasm',
  wasm: () => new URL('./wasm/rwkv-gpu.wasm', import.meta.url),
  glue: () => import('./wasm/rwkv-gpu.mjs'),
  code: () => import('./worker/gpu/device-model.js'),
} as const;

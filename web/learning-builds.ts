// The WebAssembly modules that also teach models, for builds.ts in workers of `rwkv-wasm/learning`: the file of each build and its glue. Literal URLs and imports beside the doors, so
// that bundlers see them.
export const builds = {
  baseline: {
    file: 'rwkv-learning-baseline.wasm',
    wasm: () => new URL('./wasm/rwkv-learning-baseline.wasm', import.meta.url),
    glue: () => import('./wasm/rwkv-learning-baseline.mjs'),
  },
  relaxed: {
    file: 'rwkv-learning-relaxed.wasm',
    wasm: () => new URL('./wasm/rwkv-learning-relaxed.wasm', import.meta.url),
    glue: () => import('./wasm/rwkv-learning-relaxed.mjs'),
  },
} as const;

export const threadedBuilds = {
  baseline: {
    file: 'rwkv-learning-baseline-threads.wasm',
    wasm: () => new URL('./wasm/rwkv-learning-baseline-threads.wasm', import.meta.url),
    glue: () => import('./wasm/rwkv-learning-baseline-threads.mjs'),
  },
  relaxed: {
    file: 'rwkv-learning-relaxed-threads.wasm',
    wasm: () => new URL('./wasm/rwkv-learning-relaxed-threads.wasm', import.meta.url),
    glue: () => import('./wasm/rwkv-learning-relaxed-threads.mjs'),
  },
} as const;

// The generated glue of each build: an Emscripten module factory. `engine.ts` describes what it makes.
declare module '*/rwkv-baseline.mjs' {
  const create: import('./engine.js').Factory<import('./engine.js').WasmModule>;
  export default create;
}
declare module '*/rwkv-relaxed.mjs' {
  const create: import('./engine.js').Factory<import('./engine.js').WasmModule>;
  export default create;
}
declare module '*/rwkv-baseline-threads.mjs' {
  const create: import('./engine.js').Factory<import('./engine.js').ThreadedModule>;
  export default create;
}
declare module '*/rwkv-relaxed-threads.mjs' {
  const create: import('./engine.js').Factory<import('./engine.js').ThreadedModule>;
  export default create;
}

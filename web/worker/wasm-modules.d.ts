// The generated glue of each build: an Emscripten module factory. `module.ts` describes what it makes.
declare module '*/rwkv-baseline.mjs' {
  const create: import('./module.js').Factory<import('./module.js').WasmModule>;
  export default create;
}
declare module '*/rwkv-relaxed.mjs' {
  const create: import('./module.js').Factory<import('./module.js').WasmModule>;
  export default create;
}
declare module '*/rwkv-baseline-threads.mjs' {
  const create: import('./module.js').Factory<import('./module.js').ThreadedModule>;
  export default create;
}
declare module '*/rwkv-relaxed-threads.mjs' {
  const create: import('./module.js').Factory<import('./module.js').ThreadedModule>;
  export default create;
}
declare module '*/rwkv-learning-baseline.mjs' {
  const create: import('./module.js').Factory<import('./module.js').WasmModule>;
  export default create;
}
declare module '*/rwkv-learning-relaxed.mjs' {
  const create: import('./module.js').Factory<import('./module.js').WasmModule>;
  export default create;
}
declare module '*/rwkv-learning-baseline-threads.mjs' {
  const create: import('./module.js').Factory<import('./module.js').ThreadedModule>;
  export default create;
}
declare module '*/rwkv-learning-relaxed-threads.mjs' {
  const create: import('./module.js').Factory<import('./module.js').ThreadedModule>;
  export default create;
}

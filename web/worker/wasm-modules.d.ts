// The generated glue of each build: an Emscripten module factory. `module.ts` describes what it makes.
declare module '*-baseline.mjs' {
  const create: import('./module.js').Factory<import('./module.js').WasmModule>;
  export default create;
}
declare module '*-relaxed.mjs' {
  const create: import('./module.js').Factory<import('./module.js').WasmModule>;
  export default create;
}
declare module '*-threads.mjs' {
  const create: import('./module.js').Factory<import('./module.js').ThreadedModule>;
  export default create;
}
declare module '*-gpu.mjs' {
  const create: import('./gpu/module.js').GpuFactory;
  export default create;
}

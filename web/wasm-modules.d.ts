// The generated glue of each build: an Emscripten module factory. `engine.ts` describes what it makes.
declare module '*/rwkv-baseline.mjs' {
  const create: import('./engine.js').Factory;
  export default create;
}
declare module '*/rwkv-relaxed.mjs' {
  const create: import('./engine.js').Factory;
  export default create;
}

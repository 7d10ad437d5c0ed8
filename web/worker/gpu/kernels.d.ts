// The texts of kernels/*.wgsl by name, of which the build makes a module (wasm/shaders.mjs).
declare module '*/kernels.mjs' {
  export const kernels: Readonly<Record<string, string>>;
}

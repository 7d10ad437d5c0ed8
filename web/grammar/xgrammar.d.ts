// The grammar library, as the build makes a module of it (wasm/grammar-library.mjs). `library.ts` describes what is used of it.
declare module '*/xgrammar.mjs' {
  export const settings: import('./library.js').Settings;
  export const {
    TokenizerInfo,
    Grammar,
    GrammarCompiler,
    GrammarMatcher,
  }: import('./library.js').LibraryParts;
}

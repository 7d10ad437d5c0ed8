// Names that the types of Node 20 lack.
declare namespace WebAssembly {
  type Module = object;
  type Memory = object;
}

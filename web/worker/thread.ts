// A thread of the core: an instance of the module on the memory of the first one, which serves its loops
// (src/pool.h, wasm/threads.cpp). It has no glue and needs none: loops call nothing outside.

/** What a thread starts from. */
export interface ThreadStart {
  /** Compiled already. */
  readonly module: WebAssembly.Module;
  /** Shared. */
  readonly memory: WebAssembly.Memory;
  /** From 1; the first thread is 0. */
  readonly index: number;
  /** Addresses of its own: the bottom of its variables, the top of its stack. */
  readonly locals: number;
  readonly stack: number;
}

/** What a host lends for threads. */
export interface ThreadHost {
  /** What the machine can run at the same time. */
  readonly cores: number;
  /** Starts a thread; resolves when it is about to serve. It ends with the worker that started it. */
  start(thread: ThreadStart): Promise<void>;
}

interface ThreadExports {
  _emscripten_stack_restore(stack: number): void;
  rwkv_serve(index: number, locals: number): void;
}

/** Makes ready; the answer is what serves for ever. */
export function prepareThread({ module, memory, index, locals, stack }: ThreadStart): () => void {
  const imports: Record<string, Record<string, WebAssembly.ImportValue>> = {};
  for (const { module: from, name, kind } of WebAssembly.Module.imports(module)) {
    const outside = () => {
      throw new Error(`a thread called ${name}`);
    };
    imports[from] = { ...imports[from], [name]: kind === 'memory' ? memory : outside };
  }
  const exports = new WebAssembly.Instance(module, imports).exports as unknown as ThreadExports;
  return () => {
    exports._emscripten_stack_restore(stack);
    exports.rwkv_serve(index, locals);
  };
}

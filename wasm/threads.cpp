// What a thread needs that JavaScript lends to the pool: it makes an instance of its own of this module on
// the shared memory (web/worker/thread.ts), sets the stack pointer, and enters. The glue exists on the first thread
// only, so that nothing here may call JavaScript or allocate, and neither does a loop of the pool.
#include <emscripten/bind.h>

#include <cstdlib>

#include "pool.h"

extern "C" {

void __wasm_init_tls(void* block);  // the linker's: this thread's copies of thread_local variables

// Serves the pool as thread `index` for ever. REQUIRES: the stack pointer is this thread's.
__attribute__((export_name("rwkv_serve"))) void rwkv_serve(int index, void* locals) {
  __wasm_init_tls(locals);
  rwkv::pool.serve(index);
}
}

namespace rwkv {
namespace {

constexpr size_t kStackBytes = 64 << 10, kAlignment = 16;

// Memory of a thread: { locals, stack }, the bottom of one and the top of the other; 0: there is no memory.
emscripten::val thread_memory() {
  const size_t locals = (__builtin_wasm_tls_size() + kAlignment - 1) / kAlignment * kAlignment;
  auto* memory = static_cast<std::byte*>(std::aligned_alloc(kAlignment, locals + kStackBytes));
  emscripten::val result = emscripten::val::object();
  result.set("locals", uint32_t(uintptr_t(memory)));
  result.set("stack", memory ? uint32_t(uintptr_t(memory + locals + kStackBytes)) : 0u);
  return result;
}

void expect_threads(int count) { pool.expect(count); }

}  // namespace

EMSCRIPTEN_BINDINGS(rwkv_threads) {
  emscripten::function("threadMemory", &thread_memory);
  emscripten::function("expectThreads", &expect_threads);
}

}  // namespace rwkv

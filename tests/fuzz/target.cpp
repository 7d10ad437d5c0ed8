// A libFuzzer target for the reader RWKV_FUZZED.
#include <cstdio>
#include <cstdlib>

#include "fuzz/reader.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  bool good = false;
  const std::string broken =
      rwkv::fuzz::RWKV_FUZZED.broken_promise(std::as_bytes(std::span(data, size)), good);
  if (!broken.empty()) {
    std::fprintf(stderr, "Broken promise: %s\n", broken.c_str());
    std::abort();
  }
  return 0;
}

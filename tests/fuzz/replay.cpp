// Reads what fuzzers have gathered once more, as for coverage: fuzz_replay FOLDER reads FOLDER/NAME/ for every reader.
#include <cstdio>
#include <filesystem>

#include "fuzz/reader.h"

int main(int count, char** arguments) {
  if (count != 2) return std::fputs("usage: fuzz_replay FOLDER\n", stderr), 2;
  int files = 0, broken = 0;
  for (const rwkv::fuzz::Reader* reader : rwkv::fuzz::kReaders) {
    const std::filesystem::path folder = std::filesystem::path(arguments[1]) / reader->name;
    if (!std::filesystem::exists(folder)) continue;
    for (const auto& file : std::filesystem::directory_iterator(folder)) {
      bool good = false;
      const std::string promise = reader->broken_promise(rwkv::read_file(file.path().string()), good);
      if (!promise.empty()) ++broken, std::fprintf(stderr, "%s: %s\n", file.path().c_str(), promise.c_str());
      ++files;
    }
  }
  std::printf("%d files read\n", files);
  return broken > 0;
}

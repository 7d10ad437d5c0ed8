// Writes the files that each fuzzer starts from: fuzz_seeds FOLDER fills FOLDER/NAME/ for every reader.
#include <cstdio>
#include <filesystem>
#include <fstream>

#include "fuzz/reader.h"

int main(int count, char** arguments) {
  if (count != 2) return std::fputs("usage: fuzz_seeds FOLDER\n", stderr), 2;
  for (const rwkv::fuzz::Reader* reader : rwkv::fuzz::kReaders) {
    const std::filesystem::path folder = std::filesystem::path(arguments[1]) / reader->name;
    std::filesystem::create_directories(folder);
    int number = 0;
    for (const rwkv::Bytes& seed : reader->seeds()) {
      std::ofstream file(folder / ("seed-" + std::to_string(number++)), std::ios::binary);
      file.write(reinterpret_cast<const char*>(seed.data()), std::streamsize(seed.size()));
      if (!file.flush()) return std::fprintf(stderr, "cannot write into %s\n", folder.c_str()), 1;
    }
  }
}

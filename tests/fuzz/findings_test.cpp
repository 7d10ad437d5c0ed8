// Files that broke something once: findings/NAME/ holds those of the reader NAME.
#include <algorithm>
#include <catch_amalgamated.hpp>
#include <filesystem>

#include "fuzz/reader.h"

namespace rwkv::fuzz {
namespace {

std::vector<std::filesystem::path> findings_of(const Reader& reader) {
  const std::filesystem::path folder = std::filesystem::path(RWKV_FUZZ_FINDINGS) / reader.name;
  std::vector<std::filesystem::path> files;
  if (!std::filesystem::exists(folder)) return files;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  return files;
}

TEST_CASE("what the fuzzers found once breaks nothing any more") {
  int count = 0;
  for (const Reader* reader : kReaders) {
    for (const std::filesystem::path& file : findings_of(*reader)) {
      INFO(file);
      bool good = false;
      CHECK(reader->broken_promise(read_file(file.string()), good) == "");
      ++count;
    }
  }
  CHECK(count > 0);
}

TEST_CASE("the fuzzers start from good files") {
  for (const Reader* reader : kReaders) {
    INFO(reader->name);
    const std::vector<Bytes> seeds = reader->seeds();
    CHECK(!seeds.empty());
    for (const Bytes& seed : seeds) {
      bool good = false;
      CHECK(reader->broken_promise(seed, good) == "");
      CHECK(good);
    }
  }
}

}  // namespace
}  // namespace rwkv::fuzz

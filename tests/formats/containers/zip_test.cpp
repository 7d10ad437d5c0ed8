#include "formats/containers/zip.h"

#include <catch_amalgamated.hpp>

#include "formats/containers/zip_writer.h"
#include "support.h"

namespace rwkv {
namespace {

using Catch::Matchers::ContainsSubstring;

const std::vector<ZipPart> kParts = {{"b/two", to_bytes("second"), 64}, {"a", to_bytes("first")}, {"c", {}}};

std::string refusal(const Bytes& bytes, ErrorKind kind = ErrorKind::kBadFile) {
  const MemorySource source("tales", bytes);
  const Result<ZipDirectory> zip = ZipDirectory::open(source);
  if (zip) return "";
  CHECK(zip.error().kind == kind);
  return zip.error().message;
}

// Overwrites bytes at a place counted from the end of the last `mark`.
Bytes patched(Bytes file, std::string_view mark, size_t offset, std::string_view with) {
  const Bytes wanted = to_bytes(mark), replacement = to_bytes(with);
  const auto at = std::find_end(file.begin(), file.end(), wanted.begin(), wanted.end());
  std::copy(replacement.begin(), replacement.end(), at + static_cast<ptrdiff_t>(mark.size() + offset));
  return file;
}

void require_parts(const Bytes& bytes) {
  const MemorySource source("tales", bytes);
  const Result<ZipDirectory> zip = ZipDirectory::open(source);
  REQUIRE(zip);
  REQUIRE(zip->entries().size() == kParts.size());
  CHECK(zip->entries()[0].name == "a");
  for (const ZipPart& part : kParts) {
    const ZipEntry* entry = zip->find(part.name);
    REQUIRE(entry);
    REQUIRE(entry->bytes == part.data.size());
    const Result<uint64_t> offset = zip->data_offset(*entry);
    REQUIRE(offset);
    CHECK(*offset % part.alignment == 0);
    CHECK(std::equal(part.data.begin(), part.data.end(), bytes.begin() + static_cast<ptrdiff_t>(*offset)));
  }
  CHECK(zip->find("b") == nullptr);
  CHECK(zip->find("zzz") == nullptr);
}

TEST_CASE("the entries of a zip are found by name, their data behind the local header") {
  require_parts(zip_of(kParts));
}

TEST_CASE("a zip64 directory is read") {
  std::vector<ZipPart> parts = kParts;
  require_parts(zip_of(parts, {.zip64 = true}));
  for (ZipPart& part : parts) part.zip64 = true;
  require_parts(zip_of(parts));
  require_parts(zip_of(parts, {.zip64 = true, .comment = "both"}));
}

TEST_CASE("a zip's end is found behind comments of every length") {
  require_parts(zip_of(kParts, {.comment = "PK\5\6 a comment that looks like an end record, and is long"}));
  require_parts(zip_of(kParts, {.comment = std::string(65535, 'P')}));
  Bytes longer = zip_of(kParts, {.comment = std::string(65535, 'P')});
  longer.push_back(std::byte{0});
  CHECK_THAT(refusal(longer), ContainsSubstring("no zip directory at the end"));
}

TEST_CASE("an empty zip has no entries") { CHECK(refusal(zip_of({})).empty()); }

TEST_CASE("a zip64 entry beyond 4 GB is found") {
  // 5 GB of zeros stand between the local header of "a" and the directory.
  constexpr uint64_t kBytes = uint64_t{5} << 30;
  const Bytes local = zip_of({{"a", {}, 1}});
  Bytes head(local.begin(), local.begin() + 31), tail;
  put(tail, "PK\1\2");
  for (int k = 0; k < 8; ++k) put_le(tail, uint16_t{0});
  put_le(tail, UINT32_MAX);
  put_le(tail, UINT32_MAX);
  put_le(tail, uint16_t{1});
  put_le(tail, uint16_t{20});
  for (int k = 0; k < 5; ++k) put_le(tail, uint16_t{0});
  put_le(tail, uint32_t{0});
  put(tail, "a");
  put_le(tail, uint16_t{1});
  put_le(tail, uint16_t{16});
  put_le(tail, kBytes);
  put_le(tail, kBytes);
  const uint64_t directory_bytes = tail.size(), directory = head.size() + kBytes;
  put(tail, "PK\6\6");
  put_le(tail, uint64_t{44});
  put_le(tail, uint32_t{0});
  put_le(tail, uint64_t{0});
  for (uint64_t field : {uint64_t{1}, uint64_t{1}, directory_bytes, directory}) put_le(tail, field);
  put(tail, "PK\6\7");
  put_le(tail, uint32_t{0});
  put_le(tail, directory + directory_bytes);
  put_le(tail, uint32_t{1});
  put(tail, "PK\5\6");
  put_le(tail, uint32_t{0});
  put_le(tail, uint32_t{0xFFFFFFFF});
  put_le(tail, uint64_t{UINT64_MAX});
  put_le(tail, uint16_t{0});

  const uint64_t size = head.size() + kBytes + tail.size();
  const SparseSource source("tales", head, tail, size);
  const Result<ZipDirectory> zip = ZipDirectory::open(source);
  REQUIRE(zip);
  REQUIRE(zip->find("a"));
  CHECK(zip->find("a")->bytes == kBytes);
  const Result<uint64_t> offset = zip->data_offset(*zip->find("a"));
  REQUIRE(offset);
  CHECK(*offset == 31);
}

TEST_CASE("compressed and encrypted zip entries are refused by name") {
  CHECK(refusal(zip_of({{"a", to_bytes("x")}, {"b", to_bytes("y"), 1, 0, 8}}), ErrorKind::kUnsupported) ==
        "tales: b: compressed (zip method 8), expected a stored entry");
  CHECK(refusal(zip_of({{"b", to_bytes("y"), 1, 1}}), ErrorKind::kUnsupported) == "tales: b: encrypted");
}

TEST_CASE("a zip with two entries of one name is refused") {
  CHECK(refusal(zip_of({{"x", to_bytes("1")}, {"a", {}}, {"x", to_bytes("2")}})) ==
        "tales: x: twice in the zip directory");
}

TEST_CASE("a zip directory outside the file is refused") {
  for (const bool zip64 : {false, true}) {
    for (const ZipLayout& layout :
         {ZipLayout{.zip64 = zip64, .extra_bytes = 1000}, ZipLayout{.zip64 = zip64, .extra_offset = 1000},
          ZipLayout{.zip64 = zip64, .extra_bytes = -1}, ZipLayout{.zip64 = zip64, .extra_offset = -1},
          ZipLayout{.zip64 = zip64, .extra_count = 1}, ZipLayout{.zip64 = zip64, .extra_count = -1},
          ZipLayout{.zip64 = zip64, .extra_count = 60000}}) {
      CHECK_THAT(refusal(zip_of(kParts, layout)), ContainsSubstring("zip directory"));
    }
  }
  for (const ZipLayout& layout : {ZipLayout{.zip64 = true, .extra_count = INT64_MAX / 2},
                                  ZipLayout{.zip64 = true, .extra_offset = INT64_MAX / 2},
                                  ZipLayout{.zip64 = true, .extra_bytes = INT64_MAX / 2},
                                  ZipLayout{.zip64 = true, .extra_bytes = -100'000}}) {
    CHECK_THAT(refusal(zip_of(kParts, layout)), ContainsSubstring("zip directory"));
  }
}

TEST_CASE("a zip64 locator that points nowhere is refused") {
  const Bytes file = zip_of(kParts, {.zip64 = true});
  CHECK_THAT(refusal(patched(file, "PK\6\7", 4, "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF")),
             ContainsSubstring("zip64"));
  CHECK_THAT(refusal(patched(file, "PK\6\7", 4, std::string_view("\0\0\0\0", 4))),
             ContainsSubstring("zip64"));
}

TEST_CASE("a zip entry outside the file is refused") {
  const Bytes file = zip_of(kParts);  // the last central entry is c's: sizes at +16, offset at +38
  CHECK_THAT(refusal(patched(file, "PK\1\2", 38, "\xFE\xFF\xFF\xFF")),
             ContainsSubstring("c: zip entry outside the file"));
  CHECK_THAT(refusal(patched(file, "PK\1\2", 16, "\xFE\xFF\xFF\xFF\xFE\xFF\xFF\xFF")),
             ContainsSubstring("outside"));
  CHECK_THAT(refusal(patched(file, "PK\1\2", 16, "\x01")),
             ContainsSubstring("outside"));  // stored, but in fewer bytes
  CHECK_THAT(refusal(patched(file, "PK\1\2", 16, "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF")),
             ContainsSubstring("zip64 size missing"));
}

TEST_CASE("a zip64 entry of absurd size is refused") {
  ZipPart part{"a", to_bytes("x")};
  part.zip64 = true;
  const Bytes file = zip_of({part});
  const std::string_view absurd("\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF", 8);
  for (size_t field : {0, 8, 16}) {
    CHECK_THAT(refusal(patched(file, std::string_view("a\1\0\x18\0", 5), field, absurd)),
               ContainsSubstring("outside"));
  }
  const std::string both = std::string(absurd) + std::string(absurd);
  CHECK_THAT(refusal(patched(file, std::string_view("a\1\0\x18\0", 5), 0, both)),
             ContainsSubstring("outside"));
}

TEST_CASE("a zip entry whose local header lies is refused when it is asked for") {
  for (const auto& [offset, with] : {std::pair<size_t, std::string_view>{22, "\xFF\xFF"}, {24, "\xFF\xFF"}}) {
    const Bytes bytes = patched(zip_of({{"a", to_bytes("x")}}), "PK\3\4", offset, with);
    const MemorySource source("tales", bytes);
    const Result<ZipDirectory> zip = ZipDirectory::open(source);
    REQUIRE(zip);
    const Result<uint64_t> data = zip->data_offset(*zip->find("a"));
    REQUIRE_FALSE(data);
    CHECK(data.error().message == "tales: a: zip entry outside the file");
  }
  Bytes bytes = zip_of({{"a", to_bytes("x")}});
  bytes[3] = std::byte{5};
  const MemorySource source("tales", bytes);
  const Result<ZipDirectory> zip = ZipDirectory::open(source);
  REQUIRE(zip);
  CHECK(zip->data_offset(*zip->find("a")).error().message == "tales: a: no local zip header");
}

TEST_CASE("a directory beyond 16 MB is refused before it is read") {
  Bytes tail = zip_of({});
  tail = patched(tail, "PK\5\6", 8, std::string_view("\0\0\0\x10\0\0\0\0", 8));  // 256 MB at 0
  const SparseSource source("tales", {}, tail, uint64_t{1} << 30);
  const Result<ZipDirectory> zip = ZipDirectory::open(source);
  REQUIRE_FALSE(zip);
  CHECK(zip.error().kind == ErrorKind::kUnsupported);
}

TEST_CASE("a zip cut off anywhere is refused") {
  for (const bool zip64 : {false, true}) {
    const Bytes file = zip_of(kParts, {.zip64 = zip64});
    for (size_t length = 0; length < file.size(); ++length) {
      const MemorySource source("tales", std::span(file).first(length));
      CHECK_FALSE(ZipDirectory::open(source));
    }
  }
}

}  // namespace
}  // namespace rwkv

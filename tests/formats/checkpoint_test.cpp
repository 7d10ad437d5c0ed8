#include "formats/checkpoint.h"

#include <catch_amalgamated.hpp>

#include "formats/containers/pickle_writer.h"
#include "formats/containers/zip_writer.h"
#include "formats/hostile.h"
#include "support.h"

// Without it AddressSanitizer ends the program where an allocation fails.
extern "C" const char* __asan_default_options() { return "allocator_may_return_null=1"; }

namespace rwkv {
namespace {

using Catch::Matchers::ContainsSubstring;

Bytes small_safetensors() {
  const std::string_view header = R"({"w":{"dtype":"F16","shape":[4],"data_offsets":[0,8]}})";
  Bytes file;
  put_le(file, static_cast<uint64_t>(header.size()));
  put(file, header);
  put(file, "12345678");
  return file;
}

Bytes small_pth() {
  const Bytes pickle = PickleWriter::dict({{.name = "w", .elements = 4, .shape = {4}, .strides = {1}}});
  return zip_of({{"x/data.pkl", pickle, 64}, {"x/data/0", to_bytes("12345678"), 64}});
}

Error refusal(const Bytes& bytes) {
  const MemorySource source("tales.pth", bytes);
  const Result<Checkpoint> file = open_checkpoint(source);
  REQUIRE_FALSE(file);
  return file.error();
}

Error refusal(std::string_view start) { return refusal(to_bytes(std::string(start) + std::string(64, 'x'))); }

TEST_CASE("a checkpoint is opened by its bytes, whatever it is called") {
  for (const Bytes& bytes : {small_safetensors(), small_pth()}) {
    const MemorySource source("tales", bytes);
    const Result<Checkpoint> file = open_checkpoint(source);
    REQUIRE(file);
    REQUIRE(file->find("w"));
    Buffer buffer;
    const auto read = file->read(*file->find("w"), buffer);
    REQUIRE(read);
    CHECK(std::string_view(reinterpret_cast<const char*>(read->data()), read->size()) == "12345678");
  }
}

TEST_CASE("files that are something else are told what they are") {
  const std::pair<std::string_view, const char*> unsupported[] = {
      {"\x80\x02\x8a\x0al\xfc\x9c\x46", "tales.pth: this is a bare pickle (torch before 1.6)"},
      {"\x80\x04\x95", "tales.pth: this is a bare pickle"},
      {"\x1f\x8b\x08", "tales.pth: this is a gzip file"},
  };
  for (const auto& [start, message] : unsupported) {
    const Error error = refusal(start);
    CHECK_THAT(error.message, ContainsSubstring(message));
    CHECK(error.kind == ErrorKind::kUnsupported);
  }
  const std::pair<std::string_view, const char*> bad[] = {
      {"<!DOCTYPE html>", "tales.pth: this is an HTML page, not a model file"},
      {"\r\n <HTML lang=en>", "tales.pth: this is an HTML page, not a model file"},
      {"version https://git-lfs.github.com/spec/v1\n", "tales.pth: this is a Git LFS pointer"},
      {"{\n  \"metadata\": {\"total_size\": 1}",
       "tales.pth: this is JSON, the index or the config of a model"},
      {std::string_view("\0\x01\xFE", 3), "it starts with 00 01 fe 78 78 78 78 78 78 78 78 78 78 78 78 78"},
      {"Entry not found", "not a .pth, .safetensors, GGUF or rwkv.cpp file"},
  };
  for (const auto& [start, message] : bad) {
    const Error error = refusal(start);
    CHECK_THAT(error.message, ContainsSubstring(message));
    CHECK(error.kind == ErrorKind::kBadFile);
  }
}

TEST_CASE("a safetensors header as long as another format's signature is still a safetensors header") {
  for (const uint64_t length : {uint64_t{0x0280}, uint64_t{0x088b1f}}) {
    std::string header = R"({"w":{"dtype":"F16","shape":[4],"data_offsets":[0,8]}})";
    header.resize(length, ' ');
    Bytes file;
    put_le(file, length);
    put(file, header);
    put(file, "12345678");
    CHECK(keeps_promises(open_checkpoint, file));
    CHECK(open_checkpoint(MemorySource("tales", file)).ok());
  }
}

TEST_CASE("files of a few bytes are refused") {
  CHECK(refusal(Bytes()).message == "tales.pth: the file is empty");
  CHECK(refusal(to_bytes("P")).message ==
        "tales.pth: not a .pth, .safetensors, GGUF or rwkv.cpp file; it starts with 50");
  CHECK_THAT(refusal(to_bytes("PK\3\4")).message, ContainsSubstring("cut off"));
  CHECK_THAT(refusal(to_bytes(" ")).message, ContainsSubstring("starts with 20"));
}

TEST_CASE("reading a tensor grows the buffer and keeps it for smaller ones") {
  const Bytes bytes = small_pth();
  const MemorySource source("tales", bytes);
  const Result<Checkpoint> file = open_checkpoint(source);
  REQUIRE(file);
  Buffer buffer(1);
  REQUIRE(file->read(*file->find("w"), buffer));
  CHECK(buffer.bytes() == 8);
  Tensor part = *file->find("w");
  part.bytes = 3;
  const auto* before = buffer.as<std::byte>();
  const auto read = file->read(part, buffer);
  REQUIRE(read);
  CHECK(read->size() == 3);
  CHECK(read->data() == before);
  part.bytes = 0;
  Buffer none;
  CHECK(file->read(part, none).ok());
}

TEST_CASE("a tensor too large for the memory is an error, not an end") {
  const SparseSource source("tales", {}, {}, uint64_t{1} << 62);
  Checkpoint file;
  file.source = &source;
  Tensor tensor;
  Buffer buffer;
  for (const uint64_t bytes : {uint64_t{1} << 62, uint64_t{SIZE_MAX - 63}, uint64_t{SIZE_MAX}}) {
    tensor.bytes = bytes;
    const auto read = file.read(tensor, buffer);
    REQUIRE_FALSE(read);
    CHECK(read.error().kind == ErrorKind::kOutOfMemory);
  }
}

TEST_CASE("a source that fails while a tensor is read passes its error on") {
  const Bytes bytes = small_safetensors();
  const FaultySource source("tales", bytes, bytes.size() - 1);
  const Result<Checkpoint> file = open_checkpoint(source);
  REQUIRE(file);
  Buffer buffer;
  const auto read = file->read(*file->find("w"), buffer);
  REQUIRE_FALSE(read);
  CHECK(read.error().message == "tales: the line went dead");
  CHECK(open_checkpoint(FaultySource("tales", bytes, 3)).error().kind == ErrorKind::kReadFailed);
}

TEST_CASE("a checkpoint with any bytes changed gives an error or whole tensors") {
  require_survives_truncation(open_checkpoint, small_safetensors());
  require_survives_truncation(open_checkpoint, small_pth());
  // The readers' own tests make more of them.
  require_survives_mutation(open_checkpoint, small_safetensors(), 1'000);
  require_survives_mutation(open_checkpoint, small_pth(), 1'000);
}

}  // namespace
}  // namespace rwkv

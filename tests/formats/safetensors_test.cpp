#include <catch_amalgamated.hpp>

#include "formats/checkpoint.h"
#include "formats/hostile.h"
#include "support.h"

namespace rwkv {
namespace {

using Catch::Matchers::ContainsSubstring;

Bytes safetensors(std::string_view header, size_t data_bytes) {
  Bytes file;
  put_le(file, static_cast<uint64_t>(header.size()));
  put(file, header);
  for (size_t k = 0; k < data_bytes; ++k) file.push_back(static_cast<std::byte>(k));
  return file;
}

std::string entry(std::string_view dtype, std::string_view shape, std::string_view offsets) {
  return "{\"dtype\":\"" + std::string(dtype) + "\",\"shape\":" + std::string(shape) +
         ",\"data_offsets\":" + std::string(offsets) + "}";
}

// The error that the header with 64 bytes of data gives; "" where it is read.
std::string refusal(std::string_view header, ErrorKind kind = ErrorKind::kBadFile) {
  const Bytes bytes = safetensors(header, 64);
  const MemorySource source("tales", bytes);
  const Result<Checkpoint> file = open_safetensors(source);
  if (file) return "";
  CHECK(file.error().kind == kind);
  return file.error().message;
}

std::string refusal_of_tensor(std::string_view dtype, std::string_view shape, std::string_view offsets,
                              ErrorKind kind = ErrorKind::kBadFile) {
  return refusal("{\"w\":" + entry(dtype, shape, offsets) + "}", kind);
}

const std::string kSmall =
    R"({"__metadata__":{"format":"pt","note":"caf\u00e9"},)"
    R"("a":{"dtype":"F16","shape":[2,3],"data_offsets":[0,12]},)"
    R"("b.\u0031":{"shape":[1,1,4],"data_offsets":[12,20],"dtype":"BF16","extra":[{"x":null}]},)"
    R"("c":{"dtype":"F32","shape":[],"data_offsets":[20,24]},)"
    R"("empty":{"dtype":"F32","shape":[0,7],"data_offsets":[24,24]}}   )";

TEST_CASE("a safetensors file gives its tensors") {
  const Bytes bytes = safetensors(kSmall, 24);
  const MemorySource source("tales", bytes);
  const Result<Checkpoint> file = open_safetensors(source);
  REQUIRE(file);
  REQUIRE(file->tensors.size() == 4);
  const uint64_t data = 8 + kSmall.size();

  const Tensor* a = file->find("a");
  REQUIRE(a);
  CHECK(a->name == "a");
  CHECK(a->dtype == DType::kF16);
  CHECK(a->shape == Shape{2, 3});
  CHECK(a->offset == data);
  CHECK(a->bytes == 12);
  const Tensor* b = file->find("b.1");
  REQUIRE(b);
  CHECK(b->dtype == DType::kBF16);
  CHECK(b->shape == Shape{1, 1, 4});
  CHECK(b->offset == data + 12);
  REQUIRE(file->find("c"));
  CHECK(file->find("c")->shape.empty());
  CHECK(file->find("c")->bytes == 4);
  CHECK(file->find("empty")->bytes == 0);
  CHECK(file->find("d") == nullptr);
}

TEST_CASE("U8 tensors are what the metadata says they are, wherever it stands") {
  const std::string tensor = "\"w\":" + entry("U8", "[204]", "[0,204]"),
                    other = "\"v\":" + entry("F16", "[2]", "[204,208]");
  const std::string metadata = R"("__metadata__":{"w":"Q8_0 3 64"})";
  for (const std::string& header : {"{" + metadata + "," + tensor + "," + other + "}",
                                    "{" + other + "," + tensor + "," + metadata + "}"}) {
    const Bytes bytes = safetensors(header, 208);
    const MemorySource source("tales", bytes);
    const Result<Checkpoint> file = open_safetensors(source);
    REQUIRE(file);
    CHECK(file->find("w")->dtype == DType::kQ8_0);
    CHECK(file->find("w")->shape == Shape{3, 64});
    CHECK(file->find("w")->bytes == 204);
    CHECK(file->find("v")->dtype == DType::kF16);
    CHECK(keeps_promises(open_safetensors, bytes));
  }
}

TEST_CASE("a safetensors header longer than the file is refused") {
  Bytes bytes = safetensors("{}", 0);
  for (uint64_t length :
       {uint64_t{3}, uint64_t{100'000'001}, uint64_t{1} << 32, UINT64_MAX - 7, UINT64_MAX}) {
    for (size_t k = 0; k < 8; ++k) bytes[k] = static_cast<std::byte>(length >> (8 * k));
    const MemorySource source("tales", bytes);
    const Result<Checkpoint> file = open_safetensors(source);
    REQUIRE_FALSE(file);
    CHECK(file.error().message ==
          "tales: safetensors header of " + std::to_string(length) + " bytes in a file of 10");
  }
}

TEST_CASE("a safetensors header above the format's limit is refused before it is read") {
  Bytes head;
  put_le(head, uint64_t{100'000'001});
  const SparseSource source("tales", head, {}, uint64_t{1} << 40);
  const Result<Checkpoint> file = open_safetensors(source);
  REQUIRE_FALSE(file);
  CHECK(file.error().kind == ErrorKind::kBadFile);
}

TEST_CASE("tensors beyond 4 GB are found") {
  const std::string header = "{\"w\":" + entry("F32", "[2]", "[1099511627768,1099511627776]") + "}";
  const SparseSource source("tales", safetensors(header, 0),
                            to_bytes(std::string_view("\0\0\x80\x3F\0\0\0\x40", 8)),
                            8 + header.size() + (uint64_t{1} << 40));
  const Result<Checkpoint> file = open_safetensors(source);
  REQUIRE(file);
  Buffer buffer;
  const auto bytes = file->read(*file->find("w"), buffer);
  REQUIRE(bytes);
  CHECK(reinterpret_cast<const float*>(bytes->data())[0] == 1.0f);
  CHECK(reinterpret_cast<const float*>(bytes->data())[1] == 2.0f);
}

TEST_CASE("a tensor outside the data is refused") {
  for (const char* offsets :
       {"[0,66]", "[64,66]", "[66,68]", "[4,2]", "[18446744073709551614,0]", "[0,18446744073709551615]"}) {
    INFO(offsets);
    CHECK_THAT(refusal_of_tensor("F16", "[1]", offsets), ContainsSubstring("tales: w: data_offsets ["));
  }
}

TEST_CASE("a tensor whose size disagrees with its shape is refused") {
  CHECK(refusal_of_tensor("F16", "[2,16]", "[0,64]").empty());
  CHECK(refusal_of_tensor("F32", "[2,16]", "[0,64]") == "tales: w: 64 bytes do not hold F32 (2, 16)");
  for (const char* shape :
       {"[]", "[2,15]", "[2,17]", "[0]", "[0,32]", "[9223372036854775807,2]", "[4294967296,4294967296]",
        "[9223372036854775807]", "[4611686018427387936]", "[65536,65536,65536,65536]"}) {
    INFO(shape);
    CHECK_THAT(refusal_of_tensor("F16", shape, "[0,64]"), ContainsSubstring("do not hold"));
  }
  CHECK_THAT(refusal_of_tensor("F16", "[1]", "[0,3]"), ContainsSubstring("do not hold"));
  CHECK_THAT(refusal_of_tensor("F16", "[9223372036854775807,9223372036854775807,0]", "[0,0]"),
             ContainsSubstring("do not hold"));
}

TEST_CASE("a tensor description with missing, doubled or odd fields is refused") {
  const std::string expected = "w: expected dtype, shape (rank <= 8) and data_offsets, once each";
  CHECK(refusal_of_tensor("F32", "[1,1,1,1,1,1,1,1]", "[0,4]").empty());
  CHECK_THAT(refusal_of_tensor("F32", "[1,1,1,1,1,1,1,1,1]", "[0,4]"), ContainsSubstring(expected));
  CHECK_THAT(refusal_of_tensor("F32", "[9223372036854775808]", "[0,4]"), ContainsSubstring(expected));
  CHECK_THAT(refusal_of_tensor("F32", "[1]", "[0,4,4]"), ContainsSubstring(expected));
  CHECK_THAT(refusal_of_tensor("F32", "[1]", "[0]"), ContainsSubstring(expected));
  CHECK_THAT(refusal(R"({"w":{}})"), ContainsSubstring(expected));
  CHECK_THAT(refusal(R"({"w":{"dtype":"F32","shape":[1]}})"), ContainsSubstring(expected));
  CHECK_THAT(refusal(R"({"w":{"dtype":"F32","dtype":"F32","shape":[1],"data_offsets":[0,4]}})"),
             ContainsSubstring(expected));
  for (const char* shape : {"[-1]", "[1.0]", "[\"1\"]", "1", "null", "[[1]]", "[1,]"}) {
    INFO(shape);
    CHECK_THAT(refusal_of_tensor("F32", shape, "[0,4]"), ContainsSubstring("safetensors header: expected"));
  }
  CHECK_THAT(refusal(R"({"w":[]})"), ContainsSubstring("expected '{'"));
}

TEST_CASE("element types that no model of ours has are set aside with their name") {
  for (const std::string dtype : {"F64", "I64", "I8", "BOOL", "F8_E4M3", "f32", "", "U8"}) {
    const Bytes bytes = safetensors("{\"w\":" + entry(dtype, "[16]", "[0,16]") + "}", 16);
    const MemorySource source("tales", bytes);
    const Result<Checkpoint> file = open_safetensors(source);
    REQUIRE(file);
    CHECK(file->tensors.empty());
    CHECK_THAT(file->why_not("w"), Catch::Matchers::StartsWith("holds " + dtype));
  }
}

TEST_CASE("a tensor named twice is refused") {
  const std::string w = "\"w\":" + entry("F32", "[1]", "[0,4]"),
                    again = "\"\\u0077\":" + entry("F32", "[1]", "[4,8]");
  CHECK(refusal("{" + w + "," + again + "}") == "tales: w: named twice in the header");
}

TEST_CASE("overlapping tensors are refused and touching ones are not") {
  const auto two = [](std::string_view shape, std::string_view a, std::string_view b) {
    return refusal("{\"a\":" + entry("F32", shape, a) + ",\"b\":" + entry("F32", shape, b) + "}");
  };
  CHECK(two("[2]", "[8,16]", "[0,8]").empty());
  CHECK(two("[0]", "[4,4]", "[4,4]").empty());
  CHECK(two("[2]", "[0,8]", "[4,12]") == "tales: b: overlaps a");
  CHECK(two("[2]", "[7,15]", "[0,8]") == "tales: a: overlaps b");
  CHECK_THAT(two("[2]", "[0,8]", "[0,8]"), ContainsSubstring("overlaps"));
}

TEST_CASE("safetensors metadata other than strings is refused") {
  for (const char* metadata : {"[]", "1", "{\"a\":1}", "{\"a\":{}}", "\"a\""}) {
    INFO(metadata);
    CHECK_THAT(refusal("{\"__metadata__\":" + std::string(metadata) + "}"),
               ContainsSubstring("safetensors header: expected"));
  }
}

TEST_CASE("a safetensors file without tensors is refused") {
  CHECK(refusal("{}") == "tales: holds no tensors");
  CHECK(refusal(R"({"__metadata__":{"a":"b"}})") == "tales: holds no tensors");
}

TEST_CASE("a safetensors header that is not JSON is refused with its place") {
  CHECK(refusal("{\"w\" 1}") == "tales: safetensors header: expected ':' at byte 5");
  CHECK_THAT(refusal(""), ContainsSubstring("expected '{' at byte 0"));
  CHECK_THAT(refusal("{\"\xFF\":{}}"), ContainsSubstring("invalid UTF-8"));
  CHECK_THAT(refusal("{\"w\":" + entry("F32", "[1]", "[0,4]") + "}{"),
             ContainsSubstring("text behind the value"));
  CHECK_THAT(refusal("{\"w\":{\"a\":" + std::string(100'000, '[') + "}}"),
             ContainsSubstring("nested too deeply"));
}

TEST_CASE("a hostile tensor name reaches the message short and printable") {
  const std::string message = refusal("{\"\\u0007\\ud83d\\ude00" + std::string(1000, 'x') + "\":{}}");
  CHECK(message.size() < 200);
  CHECK_THAT(message, ContainsSubstring("tales: ?????xxx"));
}

TEST_CASE("a safetensors source that fails passes its error on") {
  const Bytes bytes = safetensors(kSmall, 24);
  for (uint64_t good : {uint64_t{0}, uint64_t{7}, uint64_t{8}, uint64_t{100}}) {
    const FaultySource source("tales", bytes, good);
    const Result<Checkpoint> file = open_safetensors(source);
    REQUIRE_FALSE(file);
    CHECK(file.error().kind == ErrorKind::kReadFailed);
  }
  CHECK(open_safetensors(FaultySource("tales", bytes, 8 + kSmall.size())).ok());
}

TEST_CASE("a safetensors file cut off anywhere gives an error or whole tensors") {
  const Bytes bytes = safetensors(kSmall, 24);
  require_survives_truncation(open_safetensors, bytes);
  const MemorySource cut("tales", std::span(bytes).first(bytes.size() - 1));
  CHECK_FALSE(open_safetensors(cut));
}

TEST_CASE("a safetensors file with any bytes changed gives an error or whole tensors") {
  require_survives_mutation(open_safetensors, safetensors(kSmall, 24), 20'000);
  const std::string q8 =
      R"({"w":{"dtype":"U8","shape":[34],"data_offsets":[0,34]},"__metadata__":{"w":"Q8_0 1 32"}})";
  require_survives_mutation(open_safetensors, safetensors(q8, 34), 5'000);
}

}  // namespace
}  // namespace rwkv

#include "formats/packed.h"

#include <bit>

#include "formats/hostile.h"

namespace rwkv {
namespace {

using Catch::Matchers::ContainsSubstring;

// A checkpoint of one U8 tensor `w` of so many bytes, after its metadata was applied.
Result<Checkpoint> describe(const std::string& description, uint64_t bytes, Metadata metadata = {}) {
  static const Bytes nothing;
  static const MemorySource source("tales", nothing);
  Checkpoint checkpoint{&source};
  checkpoint.tensors["w"] = Tensor{"w", DType::kU8, {int64_t(bytes)}, 100, bytes};
  metadata["w"] = description;
  if (Status status = apply_packed_metadata(metadata, 100, checkpoint); !status) return status.error();
  return checkpoint;
}

const std::string kVersion = std::to_string(kPackedVersion);

Metadata packed(std::string version) {
  return {{kPackedVersionKey, version}, {kPackedQuantizationKey, "q8"}, {kPackedEpsKey, "974651622"}};
}

TEST_CASE("a description gives a U8 tensor its type and shape") {
  CHECK(describe("f32 5 3", 8 * 3 * 4)->find("w")->dtype == DType::kPackedF32);
  CHECK(describe("f16 9 3", 16 * 3 * 2)->find("w")->shape == Shape{9, 3});
  CHECK(describe("q8 8 64", 2 * 288)->find("w")->dtype == DType::kPackedQ8);
  CHECK(describe("Q4_K 2 256", 2 * 144)->find("w")->dtype == DType::kQ4_K);
}

TEST_CASE("the transpose of a packed matrix has the authors' shape") {
  const Tensor w = *describe("f16.T 9 3", 16 * 3 * 2)->find("w");
  CHECK(w.shape == Shape{3, 9});
  CHECK(w.strides == Shape{1, 3});
  CHECK(packed_description(w.dtype, w.shape, true) == "f16.T 9 3");
}

TEST_CASE("a description that does not fit is refused with both") {
  for (const char* text :
       {"q8 8 63", "q8 16 64", "q8 8", "q8 8 8 8", "q8", "q9 8 64", "q8  8 64", "q8 8 -64", "q8 0 64",
        "q8 8 99999999999999999999", "Q8_0.T 8 64", "Q4_0 1 992", "F32 144", "U8 576"}) {
    INFO(text);
    const auto result = describe(text, 576);
    REQUIRE_FALSE(result.ok());
    CHECK_THAT(result.error().message, ContainsSubstring("tales: w: "));
  }
  CHECK(describe("", 576)->why_not("w") == "holds U8, expected F32, F16 or BF16");
  CHECK_THAT(describe("q8 9 64", 576).error().message, ContainsSubstring("w: 576 bytes are not q8 9 64"));
}

TEST_CASE("a packed file tells its quantization and its eps") {
  const auto checkpoint = describe("q8 8 64", 576, packed(kVersion));
  REQUIRE(checkpoint.ok());
  CHECK(checkpoint->packed_as == "q8");
  CHECK(checkpoint->group_norm_eps == std::bit_cast<float>(974651622u));
  CHECK(std::string(checkpoint->format) == "rwkv-wasm");
}

TEST_CASE("a packed file tells how to sample, in words") {
  Metadata metadata = packed(kVersion);
  CHECK(describe("q8 8 64", 576, metadata)->sampling.empty());
  metadata[kPackedSamplingKey] = "temperature 1 topP 0.6 presencePenalty -1e-3";
  CHECK(describe("q8 8 64", 576, metadata)->sampling == metadata[kPackedSamplingKey]);
  for (const std::string& text : {std::string("a\"b 1"), std::string("a  1"), std::string("\n"),
                                  std::string("topP 0,6"), std::string(kMaxSamplingBytes + 1, 'a')}) {
    INFO(text);
    metadata[kPackedSamplingKey] = text;
    const auto result = describe("q8 8 64", 576, metadata);
    REQUIRE_FALSE(result.ok());
    CHECK_THAT(result.error().message, ContainsSubstring("tales: expected words"));
  }
}

TEST_CASE("a newer packed file is refused with both versions") {
  const auto newer = describe("q8 8 64", 576, packed(std::to_string(kPackedVersion + 1)));
  REQUIRE_FALSE(newer.ok());
  CHECK(newer.error().kind == ErrorKind::kUnsupported);
  CHECK_THAT(newer.error().message,
             ContainsSubstring("format 3, written by a newer") && ContainsSubstring("reads format 2"));
  CHECK(describe("q8 8 64", 576, packed("one")).error().kind == ErrorKind::kBadFile);
  for (const char* bits : {"2143289344", "2139095040", "3212836864", "4294967296"}) {  // NaN, infinity, -1
    Metadata no_number = packed(kVersion);
    no_number[kPackedEpsKey] = bits;
    CHECK(describe("q8 8 64", 576, no_number).error().kind == ErrorKind::kBadFile);
  }
  Metadata no_eps = packed(kVersion);
  no_eps.erase(kPackedEpsKey);
  CHECK(describe("q8 8 64", 576, no_eps).error().kind == ErrorKind::kBadFile);
}

TEST_CASE("an older packed file is refused, and the error says what to do") {
  for (const char* version : {"0", "1"}) {
    const auto older = describe("q8 8 64", 576, packed(version));
    REQUIRE_FALSE(older.ok());
    CHECK(older.error().kind == ErrorKind::kUnsupported);
    CHECK_THAT(older.error().message,
               ContainsSubstring(std::string("tales: a packed file of format ") + version) &&
                   ContainsSubstring("written by an older rwkv-wasm") &&
                   ContainsSubstring("convert the original model again"));
  }
}

TEST_CASE("a vocabulary in a packed file is no tensor") {
  Metadata metadata = packed(kVersion);
  metadata[kPackedVocabularyKey] = "rwkv 3";
  CHECK(describe("q8 8 64", 576, metadata).error().kind == ErrorKind::kBadFile);  // says so, has none

  static const Bytes nothing;
  static const MemorySource source("tales", nothing);
  Checkpoint checkpoint{&source};
  const Tensor strings{kPackedVocabularyKey, DType::kU8, {30}, 100, 30};
  for (const char* text : {"rwkv 4", "rwkv", " 3", "a\"b 3"}) {  // no room for four lengths; no word
    metadata[kPackedVocabularyKey] = text;
    checkpoint.tensors[kPackedVocabularyKey] = strings;
    CHECK_FALSE(apply_packed_metadata(metadata, 100, checkpoint).ok());
  }
  metadata[kPackedVocabularyKey] = "rwkv 3";
  REQUIRE(apply_packed_metadata(metadata, 100, checkpoint).ok());
  CHECK(checkpoint.tensors.empty());
  CHECK(checkpoint.vocabulary.kind == "rwkv");
  CHECK(checkpoint.vocabulary.count == 3);
  CHECK(checkpoint.vocabulary.offset == 100);
  CHECK(checkpoint.vocabulary.bytes == 30);
}

}  // namespace
}  // namespace rwkv

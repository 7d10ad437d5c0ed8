// GGUF files that are not what they say.
#include "formats/gguf_samples.h"

namespace rwkv {
namespace {

using namespace gguf_samples;

TEST_CASE("impossible GGUF shapes are refused") {
  const auto shape = [](Shape shape, uint32_t type = kF32) {
    return refusal({"token_embd.weight", std::move(shape), type, Bytes(64)});
  };
  CHECK(shape({2, 8}).empty());
  CHECK(shape({0, 8}) == "tales: token_embd.weight: F32 (0, 8), expected sizes of at least 1");
  CHECK_THAT(shape({8, 0}), ContainsSubstring("expected sizes of at least 1"));
  CHECK_THAT(shape({-1, 8}), ContainsSubstring("expected sizes of at least 1"));
  CHECK_THAT(shape({INT64_MIN}), ContainsSubstring("expected sizes of at least 1"));
  CHECK_THAT(shape({INT64_MAX, 2}), ContainsSubstring("is too large"));
  CHECK_THAT(shape({int64_t(1) << 32, int64_t(1) << 32}), ContainsSubstring("is too large"));
  CHECK_THAT(shape({(int64_t(1) << 50) + 1}), ContainsSubstring("is too large"));
  CHECK_THAT(shape({int64_t(1) << 50}), ContainsSubstring("cut off"));
  CHECK(shape({2, 48}, kQ8_0) ==
        "tales: token_embd.weight: Q8_0 (2, 48), expected rows of whole blocks of 32");
  CHECK_THAT(shape({8, 32}, kQ4_K), ContainsSubstring("expected rows of whole blocks of 256"));
  CHECK_THAT(shape({32}, kQ8_0), !ContainsSubstring("blocks"));
  CHECK_THAT(shape({}, kQ8_0), ContainsSubstring("whole blocks"));
  CHECK_THAT(shape({1, 1, 1, 1, 1}), ContainsSubstring("token_embd.weight: 5 dimensions"));
  CHECK_THAT(refusal({"blk.0.time_mix_w1.weight", {8}, kF32, floats(8)}),
             ContainsSubstring("expected two dimensions or more, file has (8)"));
  // Without a gate there are five; such models are arwkv7.
  CHECK_THAT(refusal({"blk.0.time_mix_lerp_fused.weight", {5, 1, 1, 8}, kF32, floats(40)}),
             ContainsSubstring("expected the 6 vectors rwkvag, file has (5, 1, 1, 8)"));
  CHECK_THAT(refusal({"blk.0.time_mix_lerp_fused.weight", {6}, kF32, floats(6)}),
             ContainsSubstring("expected the 6 vectors"));
  GgufFile file = with({{"blk.0.time_mix_r_k.weight", {32}, kQ8_0, Bytes(34)}});
  CHECK_THAT(refusal(file), ContainsSubstring("each of whole blocks"));
}

TEST_CASE("GGUF tensors that lie outside the file or in each other are refused") {
  const auto two = [](std::optional<uint64_t> a, std::optional<uint64_t> b) {
    return refusal(with({{"token_embd.weight", {2, 8}, kF32, floats(16), a},
                         {"output.weight", {2, 8}, kF32, floats(16), b}}));
  };
  CHECK(two({}, {}).empty());
  CHECK_THAT(two({}, 32), ContainsSubstring("output.weight: overlaps or lies before token_embd.weight"));
  CHECK_THAT(two({}, 0), ContainsSubstring("overlaps or lies before"));
  CHECK_THAT(two(64, 0), ContainsSubstring("overlaps or lies before"));
  CHECK_THAT(two({}, 96), ContainsSubstring("output.weight: cut off, expected 160 bytes of data"));
  CHECK_THAT(two({}, uint64_t{1} << 40), ContainsSubstring("lies behind the end of the file"));
  CHECK_THAT(two({}, UINT64_MAX - 31), ContainsSubstring("lies behind the end of the file"));
  CHECK_THAT(two({}, 65), ContainsSubstring("offset is no multiple"));
}

TEST_CASE("GGUF tensors named twice, also by two names, are refused") {
  const GgufTensor mus{"blk.0.time_mix_lerp_fused.weight", {6, 8}, kF32, floats(48)};
  const GgufTensor mu{"blk.0.time_mix_lerp_w.weight", {8}, kF32, floats(8)};
  CHECK(refusal(with({mus, mu})) == "tales: blocks.0.att.x_w: in the file twice");
  CHECK(refusal(with({mu, mus})) == "tales: blocks.0.att.x_w: in the file twice");
  CHECK(refusal(with({mu, mu})) == "tales: blocks.0.att.x_w: in the file twice");
  GgufTensor same = mu;
  same.name = "blk.00.time_mix_lerp_w.weight";
  CHECK_THAT(refusal(with({mu, same})), ContainsSubstring("in the file twice"));
  CHECK(refusal(with({})) == "tales: holds no tensors");
}

TEST_CASE("absurd counts and lengths in a GGUF file are refused before they cost anything") {
  GgufFile file = small();
  file.tensor_count = uint64_t{1} << 40;
  CHECK_THAT(refusal(file), ContainsSubstring("1099511627776 tensors, expected at most 65536"));
  file = small();
  file.pair_count = UINT64_MAX;
  CHECK_THAT(refusal(file), ContainsSubstring("18446744073709551615 key-value pairs"));
  file.pair_count = 65536;
  CHECK(!refusal(file).empty());

  for (const uint64_t count : {uint64_t{1} << 30, uint64_t{1} << 61, UINT64_MAX}) {
    const auto pair = [&](uint32_t of) {
      Bytes bytes = gguf_key("an.array", kArray);
      put_le(bytes, of);
      put_le(bytes, count);
      return bytes;
    };
    CHECK_THAT(refusal_of_pair(pair(kU64)), ContainsSubstring("more than the file holds"));
    CHECK_THAT(refusal_of_pair(pair(kU8)), ContainsSubstring("more than the file holds"));
    CHECK(!refusal_of_pair(pair(kText)).empty());
    CHECK(!refusal_of_pair(pair(kArray)).empty());
    Bytes text = gguf_key("a.string", kText);
    put_le(text, count);
    CHECK_THAT(refusal_of_pair(text), ContainsSubstring("cut off"));
  }
  CHECK_THAT(refusal_of_pair(gguf_key(std::string(65536, 'k'), kU8)), ContainsSubstring("a text of 65536"));
  CHECK_THAT(refusal_of_pair(gguf_key("a.key", 13)), ContainsSubstring("a.key: unknown type 13"));
  CHECK_THAT(refusal_of_pair(gguf_string("tokenizer.ggml.model", std::string(257, 'm'))),
             ContainsSubstring("a text of 257 bytes"));
}

TEST_CASE("arrays nested too deeply are refused") {
  const auto nested = [](int depth) {
    Bytes pair = gguf_key("deep", kArray);
    for (int i = 1; i < depth; ++i) {
      put_le(pair, kArray);
      put_le(pair, uint64_t{1});
    }
    put_le(pair, kU32);
    put_le(pair, uint64_t{1});
    put_le(pair, 7u);
    return pair;
  };
  for (int depth = 1; depth <= 4; ++depth) CHECK(refusal_of_pair(nested(depth)).empty());
  CHECK_THAT(refusal_of_pair(nested(5)), ContainsSubstring("deep: arrays nested too deeply"));
  CHECK_THAT(refusal_of_pair(nested(100'000)), ContainsSubstring("nested too deeply"));
}

TEST_CASE("a sea of empty strings is not swum through") {
  Bytes head = with({}).bytes();
  head.resize(24);
  head[16] = std::byte{1};  // one pair
  Bytes pair = gguf_key("sea", kArray);
  put_le(pair, kText);
  put_le(pair, uint64_t{1} << 40);
  head.insert(head.end(), pair.begin(), pair.end());
  const SparseSource source("tales", head, {}, uint64_t{1} << 44);
  const Result<Checkpoint> file = open_gguf(source);
  REQUIRE_FALSE(file);
  CHECK(file.error().message == "tales: sea: more than 4194304 strings in the metadata");
}

TEST_CASE("GGUF tensors beyond 4 GB are found") {
  const uint64_t offset = uint64_t{1} << 40;
  GgufFile file = with({{"token_embd.weight", {2}, kF32, {}, 0}, {"output.weight", {2}, kF32, {}, offset}});
  const Bytes head = file.bytes();  // ends on a multiple of the alignment: where the data begin
  const SparseSource source("tales", head, floats(2, 5), head.size() + offset + 8);
  const Result<Checkpoint> opened = open_gguf(source);
  REQUIRE(opened);
  CHECK(values_of(*opened, *opened->find("head.weight")) == std::vector<float>{5, 6});
}

TEST_CASE("a GGUF source that fails passes its error on") {
  const Bytes bytes = small().bytes();
  for (const uint64_t good : {uint64_t{0}, uint64_t{3}, uint64_t{30}, uint64_t{400}}) {
    const FaultySource source("tales", bytes, good);
    const Result<Checkpoint> file = open_gguf(source);
    REQUIRE_FALSE(file);
    CHECK(file.error().kind == ErrorKind::kReadFailed);
  }
}

TEST_CASE("a GGUF file cut off anywhere gives an error or whole tensors") {
  const Bytes bytes = small().bytes();
  require_survives_truncation(open_gguf, bytes);
  CHECK_THAT(refusal(Bytes(bytes.begin(), bytes.end() - 1)), ContainsSubstring("output.weight: cut off"));
  CHECK_THAT(refusal(Bytes(bytes.begin(), bytes.begin() + 20)), ContainsSubstring("cut off"));
}

TEST_CASE("a GGUF file with any bytes changed gives an error or whole tensors") {
  require_survives_mutation(open_gguf, small().bytes(), 20'000);
  GgufFile v6 = with({{"blk.1.time_mix_w2.weight", {5, 8, 2}, kF32, floats(80)},
                      {"blk.1.time_mix_first.weight", {2, 4}, kF32, floats(8)},
                      {"blk.7.time_mix_output.weight", {2, 32}, kQ8_0, Bytes(68)},
                      {"blk.1.time_mix_lerp_fused.weight", {5, 1, 1, 8}, kF32, floats(40)}},
                     "rwkv6");
  v6.pairs.push_back(gguf_u32("rwkv6.rescale_every_n_layers", 6));
  require_survives_mutation(open_gguf, v6.bytes(), 20'000);
}

}  // namespace
}  // namespace rwkv

#include "formats/gguf_samples.h"

namespace rwkv {
namespace {

using namespace gguf_samples;

TEST_CASE("a GGUF file gives its tensors under the authors' names and in their shapes") {
  const Bytes bytes = small().bytes();
  const MemorySource source("tales", bytes);
  const Result<Checkpoint> file = open_checkpoint(source);
  REQUIRE(file);
  CHECK(file->tensors.size() == 13);
  const auto values = [&](const char* name) {
    REQUIRE(file->find(name));
    return values_of(*file, *file->find(name));
  };
  CHECK(file->find("emb.weight")->dtype == DType::kF16);
  CHECK(file->find("emb.weight")->shape == Shape{3, 8});
  CHECK(values("blocks.0.ln1.weight") == std::vector<float>{0, 1, 2, 3, 4, 5, 6, 7});
  CHECK(values("blocks.0.ln1.bias")[0] == 8);
  CHECK(file->find("blocks.1.att.w1")->shape == Shape{8, 2});
  CHECK(values("blocks.1.att.w1") ==
        std::vector<float>{0, 8, 1, 9, 2, 10, 3, 11, 4, 12, 5, 13, 6, 14, 7, 15});
  CHECK(file->find("blocks.1.att.r_k")->shape == Shape{2, 4});
  CHECK(values("blocks.1.att.x_r")[0] == 0);
  CHECK(values("blocks.1.att.x_w")[0] == 8);
  CHECK(values("blocks.1.att.x_k")[0] == 16);
  CHECK(values("blocks.1.att.x_v")[0] == 24);
  CHECK(values("blocks.1.att.x_a")[0] == 32);
  CHECK(values("blocks.1.att.x_g") == std::vector<float>{40, 41, 42, 43, 44, 45, 46, 47});
  CHECK(file->find("blocks.1.ffn.key.weight")->dtype == DType::kQ8_0);
  CHECK(file->find("blocks.1.ffn.key.weight")->bytes == 68);
  CHECK(file->find("head.weight")->dtype == DType::kQ4_K);
  CHECK(keeps_promises(open_gguf, bytes));
}

TEST_CASE("the vocabulary of a GGUF file is found, not copied") {
  const Bytes bytes = small().bytes();
  const MemorySource source("tales", bytes);
  const Result<Checkpoint> file = open_gguf(source);
  REQUIRE(file);
  const EmbeddedVocabulary& vocabulary = file->vocabulary;
  CHECK(vocabulary.kind == "rwkv");
  CHECK(vocabulary.count == 3);
  Bytes expected;
  for (const char* token : {"<s>", "a", "\\xff"}) put_gguf_text(expected, token);
  REQUIRE(vocabulary.bytes == expected.size());
  const auto* first = bytes.data() + vocabulary.offset;
  CHECK(Bytes(first, first + vocabulary.bytes) == expected);

  const Bytes without = with({{"token_embd.weight", {1, 8}, kF32, floats(8)}}).bytes();
  const MemorySource bare("tales", without);
  const Result<Checkpoint> none = open_gguf(bare);
  REQUIRE(none);
  CHECK(none->vocabulary.kind.empty());
  CHECK(none->vocabulary.count == 0);
}

TEST_CASE("bytes are spelled as Python spells them") {
  CHECK(python_repr("a\n\t\r\\") == "a\\n\\t\\r\\\\");
  CHECK(python_repr("\x7F\xE4\x01") == "\\x7f\\xe4\\x01");
  CHECK(python_repr("it's") == "it's");
  CHECK(python_repr("it's \"so\"") == "it\\'s \"so\"");
}

// Tells how much of a file was held at a time.
class WatchedSource final : public Source {
 public:
  explicit WatchedSource(Bytes bytes) : Source("tales"), bytes_(std::move(bytes)) {}
  uint64_t size() const override { return bytes_.size(); }
  Status read(uint64_t offset, std::span<std::byte> out) const override {
    largest = std::max(largest, out.size());
    std::copy_n(bytes_.begin() + ptrdiff_t(offset), out.size(), out.begin());
    return Done{};
  }
  mutable size_t largest = 0;

 private:
  Bytes bytes_;
};

TEST_CASE("a header of megabytes passes through a small window") {
  GgufFile file = with({{"token_embd.weight", {1, 8}, kF32, floats(8)}});
  std::vector<std::string> tokens;
  for (int id = 0; id < 65536; ++id) tokens.push_back("token number " + std::to_string(id));
  file.pairs.push_back(gguf_strings("tokenizer.ggml.tokens", tokens));
  file.pairs.push_back(gguf_string("tokenizer.ggml.model", "rwkv"));
  Bytes scores = gguf_key("tokenizer.ggml.scores", kArray);
  put_le(scores, uint32_t{6});
  put_le(scores, uint64_t{1} << 20);
  scores.resize(scores.size() + (size_t{4} << 20));
  file.pairs.push_back(std::move(scores));
  const WatchedSource source(file.bytes());
  REQUIRE(source.size() > 5'000'000);
  const Result<Checkpoint> opened = open_gguf(source);
  REQUIRE(opened);
  CHECK(opened->vocabulary.count == 65536);
  CHECK(source.largest <= 65536);
}

TEST_CASE("metadata of every type is read past") {
  GgufFile file = small();
  const int sizes[] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};
  for (uint32_t type = 0; type < std::size(sizes); ++type) {
    if (sizes[type] == 0) continue;
    Bytes one = gguf_key("a.key", type), many = gguf_key("another.key", kArray);
    one.resize(one.size() + size_t(sizes[type]), std::byte{0xFF});
    put_le(many, type);
    put_le(many, uint64_t{7});
    many.resize(many.size() + 7 * size_t(sizes[type]), std::byte{0xFF});
    file.pairs.push_back(one);
    file.pairs.push_back(many);
  }
  Bytes nested = gguf_key("arrays.of.arrays", kArray);
  put_le(nested, kArray);
  put_le(nested, uint64_t{2});
  for (int i = 0; i < 2; ++i) {
    put_le(nested, kText);
    put_le(nested, uint64_t{2});
    put_gguf_text(nested, "one");
    put_gguf_text(nested, "");
  }
  file.pairs.push_back(nested);
  CHECK(refusal(file).empty());
  CHECK(keeps_promises(open_gguf, file.bytes()));
}

TEST_CASE("a GGUF file's pairs come in any order") {
  GgufFile file = small();
  std::reverse(file.pairs.begin(), file.pairs.end());
  CHECK(refusal(file).empty());
}

TEST_CASE("GGUF versions and byte orders that are not read are named") {
  GgufFile file = small();
  file.version = 2;
  CHECK(refusal(file).empty());
  for (const uint32_t version : {0u, 1u, 4u, 99u}) {
    file.version = version;
    CHECK(refusal(file, ErrorKind::kUnsupported) ==
          "tales: GGUF version " + std::to_string(version) + ", expected 2 or 3");
  }
  file.version = 3 << 24;
  CHECK(refusal(file, ErrorKind::kUnsupported) == "tales: a big-endian GGUF file");
}

TEST_CASE("GGUF models of other architectures are named") {
  for (const char* name : {"llama", "rwkv6qwen2", "arwkv7", "qwen3"})
    CHECK(refusal(with({}, name), ErrorKind::kUnsupported) ==
          "tales: a GGUF model of architecture " + std::string(name) + ", expected rwkv6 or rwkv7");
  GgufFile file = small();
  file.pairs.erase(file.pairs.begin());
  CHECK(refusal(file) == "tales: general.architecture: missing");
  file.pairs.insert(file.pairs.begin(), gguf_u32("general.architecture", 7));
  CHECK(refusal(file) == "tales: general.architecture: expected a string");
}

TEST_CASE("one file of a split GGUF model is refused, and told how to join them") {
  Bytes pair = gguf_key("split.count", 2);
  put_le(pair, uint16_t{3});
  CHECK(refusal_of_pair(pair, ErrorKind::kUnsupported) ==
        "tales: one of the 3 files of a split model; give all of them, or the path of one");
  // The later ones do not even tell the architecture.
  CHECK_THAT(refusal(GgufFile{.pairs = {pair}, .tensors = small().tensors}, ErrorKind::kUnsupported),
             ContainsSubstring("one of the 3 files"));
  pair.end()[-2] = std::byte{1};
  CHECK(refusal_of_pair(pair).empty());
}

TEST_CASE("metadata that the tensors need is checked") {
  GgufFile file = small();
  file.pairs[1] = gguf_string("general.name", "x");
  CHECK(refusal(file) == "tales: rwkv7.wkv.head_size: missing");
  file.pairs[1] = gguf_u32("rwkv7.wkv.head_size", 1 << 21);
  CHECK_THAT(refusal(file), ContainsSubstring("rwkv7.wkv.head_size: file has 2097152"));
  file.pairs[1] = gguf_string("rwkv7.wkv.head_size", "64");
  CHECK(refusal(file) == "tales: rwkv7.wkv.head_size: expected a whole number");
  file.pairs[1] = gguf_u32("rwkv7.wkv.head_size", 3);
  CHECK_THAT(refusal(file), ContainsSubstring("blk.1.time_mix_r_k.weight: expected heads of 3"));

  CHECK(refusal_of_pair(gguf_f32("rwkv7.attention.layer_norm_epsilon", 1e-5f)).empty());
  CHECK(refusal_of_pair(gguf_f32("rwkv7.attention.layer_norm_epsilon", 1e-6f), ErrorKind::kUnsupported) ==
        "tales: rwkv7.attention.layer_norm_epsilon: expected 1e-5");
  CHECK_THAT(refusal_of_pair(gguf_u32("rwkv7.attention.layer_norm_epsilon", 1)),
             ContainsSubstring("expected a float"));
  CHECK_THAT(refusal_of_pair(gguf_string("tokenizer.ggml.tokens", "a")),
             ContainsSubstring("tokenizer.ggml.tokens: expected an array of strings"));
  CHECK_THAT(refusal_of_pair(gguf_u32("tokenizer.ggml.model", 1)), ContainsSubstring("expected a string"));
  CHECK_THAT(refusal_of_pair(gguf_string("tokenizer.ggml.model", "a\"b")),
             ContainsSubstring("expected a word"));
}

TEST_CASE("the alignment of a GGUF file is a power of two and is kept") {
  for (const uint32_t alignment : {0u, 3u, 48u, 1u << 31, UINT32_MAX})
    CHECK(refusal_of_pair(gguf_u32("general.alignment", alignment)) ==
          "tales: general.alignment: expected a power of two, file has " + std::to_string(alignment));
  GgufFile file = small();
  file.alignment = 256;
  file.pairs.push_back(gguf_u32("general.alignment", 256));
  CHECK(refusal(file).empty());
  CHECK(keeps_promises(open_gguf, file.bytes()));
  file.tensors[2].offset = 257;
  CHECK_THAT(refusal(file), ContainsSubstring("blk.0.attn_norm.bias: offset is no multiple"));
}

TEST_CASE("a GGUF version 6 model undoes its halvings by powers of two") {
  GgufFile file = with({{"blk.0.time_mix_output.weight", {2, 2}, kF32, floats(4)},
                        {"blk.5.time_mix_output.weight", {2, 2}, kF32, floats(4)},
                        {"blk.6.channel_mix_value.weight", {2, 2}, kF32, floats(4)},
                        {"blk.23.channel_mix_value.weight", {2, 2}, kF32, floats(4)},
                        {"blk.23.time_mix_value.weight", {2, 2}, kF32, floats(4)}},
                       "rwkv6");
  file.pairs.push_back(gguf_u32("rwkv6.rescale_every_n_layers", 6));
  const Bytes bytes = file.bytes();
  const MemorySource source("tales", bytes);
  const Result<Checkpoint> opened = open_gguf(source);
  REQUIRE(opened);
  CHECK(opened->find("blocks.0.att.output.weight")->scale == 1);
  CHECK(opened->find("blocks.5.att.output.weight")->scale == 1);
  CHECK(opened->find("blocks.6.ffn.value.weight")->scale == 2);
  CHECK(opened->find("blocks.23.ffn.value.weight")->scale == 8);
  CHECK(opened->find("blocks.23.att.value.weight")->scale == 1);

  file.pairs.back() = gguf_u32("rwkv6.rescale_every_n_layers", 1);
  file.tensors.push_back({"blk.127.time_mix_output.weight", {2, 2}, kF32, floats(4)});
  CHECK_THAT(refusal(file), ContainsSubstring("blk.127.time_mix_output.weight: divided by 2^127"));
}

TEST_CASE("GGUF tensor types that are not supported are named") {
  const std::pair<uint32_t, const char*> types[] = {{9, "Q8_1"}, {10, "Q2_K"}, {11, "Q3_K"}, {20, "IQ4_NL"},
                                                    {24, "I8"},  {28, "F64"},  {39, "MXFP4"}};
  for (const auto& [type, name] : types)
    CHECK(refusal({"token_embd.weight", {1, 256}, type, Bytes(2048)}, ErrorKind::kUnsupported) ==
          "tales: token_embd.weight: tensor type " + std::string(name) + " is not supported");
  for (const uint32_t type : {4u, 31u, 41u, 1000u, UINT32_MAX})
    CHECK(refusal({"token_embd.weight", {1, 256}, type, Bytes(2048)}) ==
          "tales: token_embd.weight: unknown tensor type " + std::to_string(type));
  for (const uint32_t type : {kF32, kF16, 2u, 3u, 6u, 7u, kQ8_0, kQ4_K, 13u, 14u, kBF16})
    CHECK(refusal({"token_embd.weight", {1, 256}, type, Bytes(2048)}).empty());
}

TEST_CASE("GGUF tensors that no RWKV model has are refused, not dropped") {
  for (const char* name :
       {"rope_freqs.weight", "blk.0.attn_q.weight", "blk.0.time_mix_key.bias", "blk.0.time_mix_key",
        "token_embd.bias", "time_mix_key.weight", "blk.0.token_embd.weight", "blk.x.time_mix_key.weight",
        "blk.-1.time_mix_key.weight", "blk.512.time_mix_key.weight", "blk.0time_mix_key.weight", "blk.0.",
        "blk.", "", ".weight", "blk.0.time_mix_lerp_x.weight", "blk.0.time_mix_w1.weight.lora_a"})
    CHECK(refusal({name, {8, 8}, kF32, floats(64)}, ErrorKind::kUnsupported) ==
          "tales: " + std::string(name) + ": not a tensor of rwkv7 that this version knows");
  CHECK_THAT(refusal({std::string(65, 'x'), {8}, kF32, floats(8)}), ContainsSubstring("a text of 65 bytes"));
}

TEST_CASE("the first layer's copies for llama.cpp's sake are left out") {
  std::vector<GgufTensor> tensors = {{"token_embd.weight", {1, 8}, kF32, floats(8)}};
  for (const char* layer : {"0", "1"})
    for (const char* name : {"v0", "v1", "v2", "value"})
      tensors.push_back(
          {"blk." + std::string(layer) + ".time_mix_" + name + ".weight", {8, 8}, kF32, floats(64)});
  const Bytes bytes = with(tensors).bytes();
  const MemorySource source("tales", bytes);
  const Result<Checkpoint> file = open_gguf(source);
  REQUIRE(file);
  for (const char* name : {"v0", "v1", "v2"}) {
    CHECK_FALSE(file->find("blocks.0.att." + std::string(name)));
    CHECK(file->find("blocks.1.att." + std::string(name)));
  }
  CHECK(file->find("blocks.0.att.value.weight"));
}

}  // namespace
}  // namespace rwkv

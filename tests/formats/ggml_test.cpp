#include <catch_amalgamated.hpp>

#include "formats/ggml_writer.h"
#include "formats/hostile.h"

namespace rwkv {
namespace {

using Catch::Matchers::ContainsSubstring;

constexpr uint32_t kF32 = 0, kF16 = 1, kQ4_0 = 2, kQ8_0 = 9;

Bytes floats(int count, float first = 0) {
  std::vector<float> values;
  for (int i = 0; i < count; ++i) values.push_back(first + float(i));
  return encode_as(DType::kF32, values);
}

std::string refusal(const Bytes& bytes, ErrorKind kind = ErrorKind::kBadFile) {
  const MemorySource source("tales", bytes);
  const Result<Checkpoint> file = open_ggml(source);
  if (file) return "";
  CHECK(file.error().kind == kind);
  CHECK_THAT(file.error().message, Catch::Matchers::StartsWith("tales: "));
  return file.error().message;
}
std::string refusal(const GgmlFile& file, ErrorKind kind = ErrorKind::kBadFile) {
  return refusal(file.bytes(), kind);
}
std::string refusal(GgmlTensor tensor, ErrorKind kind = ErrorKind::kBadFile) {
  return refusal(GgmlFile{.tensors = {std::move(tensor)}}, kind);
}

// The tensors behind one that tells the version.
GgmlFile of_version(int version, std::vector<GgmlTensor> tensors) {
  constexpr const char* kSigns[] = {"blocks.0.ln0.weight", "blocks.0.att.ln_x.weight",
                                    "blocks.0.att.time_maa_x", "blocks.0.att.k_k"};
  tensors.insert(tensors.begin(), {kSigns[version - 4], {8}, kF32, floats(8)});
  tensors.insert(tensors.begin(), {"emb.weight", {2, 8}, kF16, Bytes(32)});
  return {.tensors = std::move(tensors)};
}

struct Opened {
  explicit Opened(const GgmlFile& file) : bytes(file.bytes()), source("tales", bytes) {
    Result<Checkpoint> opened = open_checkpoint(source);
    if (!opened) FAIL(opened.error().message);
    checkpoint = std::move(*opened);
    CHECK(keeps_promises(open_ggml, bytes));
  }
  const Tensor& tensor(const char* name) const {
    REQUIRE(checkpoint.find(name));
    return *checkpoint.find(name);
  }
  std::vector<float> values(const char* name) const { return values_of(checkpoint, tensor(name)); }

  Bytes bytes;
  MemorySource source;
  Checkpoint checkpoint;
};

TEST_CASE("an rwkv.cpp file gives its tensors") {
  const Opened file(GgmlFile{.tensors = {{"emb.weight", {3, 8}, kF16, Bytes(48)},
                                         {"blocks.0.ffn.key.weight", {2, 32}, kQ8_0, Bytes(68)},
                                         {"ln_out.weight", {8}, kF32, floats(8, 3)}}});
  CHECK(std::string(file.checkpoint.format) == "rwkv.cpp");
  CHECK(file.checkpoint.tensors.size() == 3);
  CHECK(file.tensor("emb.weight").shape == Shape{3, 8});
  CHECK(file.tensor("emb.weight").dtype == DType::kF16);
  CHECK(file.tensor("blocks.0.ffn.key.weight").dtype == DType::kQ8_0);
  CHECK(file.values("ln_out.weight") == std::vector<float>{3, 4, 5, 6, 7, 8, 9, 10});
}

TEST_CASE("rwkv.cpp's baked decays are undone") {
  const auto near = [](std::vector<float> values, std::vector<double> expected) {
    REQUIRE(values.size() == expected.size());
    for (size_t i = 0; i < values.size(); ++i)
      CHECK(std::fabs(values[i] - expected[i]) < 1e-6 * std::fabs(expected[i]) + 1e-7);
  };
  const auto baked = [](auto bake) {
    std::vector<float> values;
    for (const double d : {-6.0, -1.5, 0.25, 1.0}) values.push_back(float(bake(d)));
    return encode_as(DType::kF32, values);
  };
  const std::vector<double> decays = {-6, -1.5, 0.25, 1};
  const Opened v4(
      of_version(4, {{"blocks.1.att.time_decay", {4}, kF32, baked([](double d) { return -std::exp(d); })}}));
  near(v4.values("blocks.1.att.time_decay"), decays);
  const Opened v5(of_version(5, {{"blocks.1.att.time_decay", {4, 1, 1}, kF32, baked([](double d) {
                                    return std::exp(-std::exp(d));
                                  })}}));
  CHECK(v5.checkpoint.group_norm_eps == 1e-5f);
  CHECK(v4.checkpoint.group_norm_eps == 64e-5f);
  // exp(-exp(-6)) is near 1, where halves of f32's last place are 3e-8 of it and 1e-5 of its logarithm.
  const auto values = v5.values("blocks.1.att.time_decay");
  CHECK(std::fabs(values[0] + 6) < 3e-5);
  near({values.begin() + 1, values.end()}, {-1.5, 0.25, 1});
}

TEST_CASE("the shape of rwkv.cpp's bonus tells the heads of version 5") {
  const auto shapes = [](const char* bonus_name, Shape bonus, Shape decay) {
    const auto tensor = [](const char* name, Shape shape) {
      int64_t n = 1;
      for (const int64_t size : shape) n *= size;
      return GgmlTensor{name, shape, kF32, floats(int(n))};
    };
    const Opened file(of_version(
        5, {tensor(bonus_name, std::move(bonus)), tensor("blocks.0.att.time_decay", std::move(decay))}));
    CHECK_FALSE(file.checkpoint.find("blocks.0.att.time_first"));
    return std::pair(file.tensor("blocks.0.att.time_faaaa").shape,
                     file.tensor("blocks.0.att.time_decay").shape);
  };
  using Pair = std::pair<Shape, Shape>;
  // 5.0: one a head. 5.2: one a channel, two heads of 4 or one of 8, whose axis of one is squeezed away.
  CHECK(shapes("blocks.0.att.time_first", {2, 1, 1}, {2, 1, 1}) == Pair{{2, 1}, {2, 1}});
  CHECK(shapes("blocks.0.att.time_faaaa", {2, 1}, {2, 1}) == Pair{{2, 1}, {2, 1}});
  CHECK(shapes("blocks.0.att.time_faaaa", {2, 4, 1}, {2, 4, 1}) == Pair{{2, 4}, {2, 4}});
  CHECK(shapes("blocks.0.att.time_faaaa", {8, 1}, {8, 1}) == Pair{{1, 8}, {1, 8}});
}

TEST_CASE("rwkv.cpp's turned, joined and flattened tensors are undone") {
  for (const Shape& decay : {Shape{8}, Shape{2, 4, 1}}) {
    const Opened v6(of_version(6, {{"blocks.0.att.time_faaaa", {2, 4, 1}, kF32, floats(8)},
                                   {"blocks.0.att.time_decay", decay, kF32, floats(8)},
                                   {"blocks.0.att.time_decay_w1", {2, 3}, kF32, floats(6)},
                                   {"blocks.0.att.time_maa_w2", {5, 3, 2}, kF32, floats(30)}}));
    CHECK(v6.checkpoint.group_norm_eps == 64e-5f);
    CHECK(v6.tensor("blocks.0.att.time_faaaa").shape == Shape{2, 4});
    CHECK(v6.tensor("blocks.0.att.time_decay").shape == Shape{8});
    CHECK(v6.tensor("blocks.0.att.time_decay").stored == Stored::kValue);
    CHECK(v6.tensor("blocks.0.att.time_decay_w1").shape == Shape{3, 2});
    CHECK(v6.values("blocks.0.att.time_decay_w1") == std::vector<float>{0, 3, 1, 4, 2, 5});
    CHECK(v6.tensor("blocks.0.att.time_maa_w2").shape == Shape{5, 2, 3});
    const auto up = v6.values("blocks.0.att.time_maa_w2");
    CHECK(std::vector<float>(up.begin(), up.begin() + 12) ==
          std::vector<float>{0, 2, 4, 1, 3, 5, 6, 8, 10, 7, 9, 11});
  }
  const Opened v7(of_version(7, {{"blocks.2.att.w1", {2, 3}, kF32, floats(6)},
                                 {"blocks.2.att.x_rwkvag", {6, 1, 8}, kF32, floats(48)},
                                 {"blocks.2.ffn.x_k", {1, 1, 8}, kF32, floats(8)},
                                 {"blocks.2.att.r_k", {2, 4}, kF32, floats(8)}}));
  CHECK(v7.values("blocks.2.att.w1") == std::vector<float>{0, 3, 1, 4, 2, 5});
  CHECK_FALSE(v7.checkpoint.find("blocks.2.att.x_rwkvag"));
  float first = 0;
  for (const char* name : {"x_r", "x_w", "x_k", "x_v", "x_a", "x_g"}) {
    CHECK(v7.values(("blocks.2.att." + std::string(name)).c_str())[0] == first);
    first += 8;
  }
  CHECK(v7.tensor("blocks.2.ffn.x_k").shape == Shape{1, 1, 8});
  CHECK(v7.tensor("blocks.2.att.r_k").shape == Shape{2, 4});
}

TEST_CASE("rwkv.cpp file versions that are not read are named") {
  GgmlFile file = of_version(7, {});
  for (const uint32_t version : {0u, 99u, 102u, UINT32_MAX}) {
    file.version = version;
    CHECK(refusal(file, ErrorKind::kUnsupported) ==
          "tales: rwkv.cpp file version " + std::to_string(version) + ", expected 100 or 101");
  }
}

TEST_CASE("quantised tensors of rwkv.cpp's file version 100 are refused, others are not") {
  GgmlFile file{.version = 100, .tensors = {{"emb.weight", {2, 32}, kF32, floats(64)}}};
  CHECK(refusal(file).empty());
  file.tensors[0] = {"emb.weight", {2, 32}, kF16, Bytes(128)};
  CHECK(refusal(file).empty());
  file.tensors[0] = {"emb.weight", {2, 32}, kQ4_0, Bytes(40)};
  CHECK(refusal(file, ErrorKind::kUnsupported) ==
        "tales: emb.weight: Q4_0 of file version 100, which ggml has changed since; quantise the model anew");
}

TEST_CASE("types that rwkv.cpp has given up are named") {
  const std::pair<uint32_t, const char*> types[] = {{4, "Q4_1_O"}, {5, "Q4_2"}, {6, "Q4_3"}};
  for (const auto& [type, name] : types)
    CHECK(refusal({"emb.weight", {2, 32}, type, Bytes(64)}, ErrorKind::kUnsupported) ==
          "tales: emb.weight: tensor type " + std::string(name) + " is not supported");
  for (const uint32_t type : {10u, 30u, UINT32_MAX})
    CHECK(refusal({"emb.weight", {2, 32}, type, Bytes(64)}) ==
          "tales: emb.weight: unknown tensor type " + std::to_string(type));
}

TEST_CASE("impossible shapes in an rwkv.cpp file are refused") {
  const auto shape = [](Shape shape, uint32_t type = kF32) {
    return refusal({"emb.weight", std::move(shape), type, Bytes(64)});
  };
  CHECK(shape({2, 8}).empty());
  CHECK_THAT(shape({}), ContainsSubstring("a tensor of 0 dimensions"));
  CHECK_THAT(shape({1, 1, 1, 16}), ContainsSubstring("a tensor of 4 dimensions"));
  CHECK_THAT(shape({0, 8}), ContainsSubstring("emb.weight: F32 (0, 8), expected sizes of at least 1"));
  CHECK_THAT(shape({-1}), ContainsSubstring("expected sizes of at least 1"));
  CHECK_THAT(shape({INT32_MAX, INT32_MAX, INT32_MAX}), ContainsSubstring("is too large"));
  CHECK_THAT(shape({INT32_MAX, 1024}),
             ContainsSubstring("emb.weight: cut off, expected 8796093018112 bytes"));
  CHECK_THAT(shape({2, 48}, kQ8_0), ContainsSubstring("expected rows of whole blocks of 32"));
  CHECK_THAT(refusal(of_version(7, {{"blocks.0.att.w1", {8}, kF32, floats(8)}})),
             ContainsSubstring("blocks.0.att.w1: expected two dimensions or more, file has (8)"));
  CHECK_THAT(refusal(of_version(7, {{"blocks.0.att.x_rwkvag", {5, 8}, kF32, floats(40)}})),
             ContainsSubstring("expected the 6 vectors rwkvag, file has (5, 8)"));
  CHECK_THAT(refusal(of_version(5, {{"blocks.0.att.time_faaaa", {2, 4, 1}, kF32, floats(8)},
                                    {"blocks.0.att.time_decay", {9}, kF32, floats(9)}})),
             ContainsSubstring("blocks.0.att.time_decay: expected heads of 4"));
}

TEST_CASE("an rwkv.cpp file with a name twice, a name too long or nothing in it is refused") {
  const GgmlTensor emb{"emb.weight", {2, 8}, kF32, floats(16)};
  CHECK(refusal(GgmlFile{.tensors = {emb, emb}}) == "tales: emb.weight: in the file twice");
  CHECK_THAT(refusal(of_version(5, {{"blocks.0.att.time_first", {2, 1, 1}, kF32, floats(2)},
                                    {"blocks.0.att.time_faaaa", {2, 1}, kF32, floats(2)}})),
             ContainsSubstring("in the file twice"));
  GgmlTensor long_name = emb;
  long_name.name = std::string(257, 'x');
  CHECK_THAT(refusal(long_name), ContainsSubstring("a text of 257 bytes"));
  CHECK(refusal(GgmlFile{}) == "tales: holds no tensors");
  for (const char* name : {"", ".", "blocks.", "blocks.0", "blocks.x.y", "blocks.."})
    CHECK(refusal({name, {2}, kF32, floats(2)}).empty());
}

TEST_CASE("a crowd of tensors in an rwkv.cpp file is refused") {
  GgmlFile file;
  for (int i = 0; i <= 16384; ++i) file.tensors.push_back({std::to_string(i), {1}, kF32, floats(1)});
  CHECK(refusal(file) == "tales: more than 16384 tensors");
}

TEST_CASE("tensors beyond 4 GB in an rwkv.cpp file are found") {
  Bytes head = GgmlFile{.tensors = {{"emb.weight", {1 << 20, 1 << 11}, kF32, {}}}}.bytes();
  Bytes tail = GgmlFile{.tensors = {{"head.weight", {2}, kF32, floats(2, 5)}}}.bytes();
  tail.erase(tail.begin(), tail.begin() + 24);
  const uint64_t size = head.size() + (uint64_t{1} << 33) + tail.size();
  const SparseSource source("tales", head, tail, size);
  const Result<Checkpoint> file = open_ggml(source);
  REQUIRE(file);
  CHECK(values_of(*file, *file->find("head.weight")) == std::vector<float>{5, 6});
}

TEST_CASE("an rwkv.cpp source that fails passes its error on") {
  const Bytes bytes = of_version(7, {{"head.weight", {64, 64}, kF32, floats(4096)}}).bytes();
  for (const uint64_t good : {uint64_t{0}, uint64_t{7}, uint64_t{100}, uint64_t{511}}) {
    const FaultySource source("tales", bytes, good);
    const Result<Checkpoint> file = open_ggml(source);
    REQUIRE_FALSE(file);
    CHECK(file.error().kind == ErrorKind::kReadFailed);
  }
}

TEST_CASE("an rwkv.cpp file cut off or changed anywhere gives an error or whole tensors") {
  const GgmlFile files[] = {of_version(4, {{"blocks.0.att.time_decay", {8}, kF32, floats(8)}}),
                            of_version(5, {{"blocks.0.att.time_faaaa", {2, 4, 1}, kF32, floats(8)},
                                           {"blocks.0.att.time_decay", {2, 4, 1}, kF32, floats(8)}}),
                            of_version(6, {{"blocks.0.att.time_faaaa", {2, 4, 1}, kF32, floats(8)},
                                           {"blocks.0.att.time_maa_w1", {5, 32}, kQ8_0, Bytes(170)},
                                           {"blocks.0.att.time_maa_w2", {5, 3, 2}, kF32, floats(30)}}),
                            of_version(7, {{"blocks.2.att.w1", {2, 3}, kF32, floats(6)},
                                           {"blocks.2.att.x_rwkvag", {6, 1, 8}, kF32, floats(48)}})};
  for (const GgmlFile& file : files) {
    require_survives_truncation(open_ggml, file.bytes());
    require_survives_mutation(open_ggml, file.bytes(), 10'000);
  }
  const Bytes bytes = files[3].bytes();
  CHECK_THAT(refusal(Bytes(bytes.begin(), bytes.end() - 1)),
             ContainsSubstring("blocks.2.att.x_rwkvag: cut off, expected 192 bytes, the file has 191"));
  Bytes longer = bytes;
  longer.push_back(std::byte{0});
  CHECK_THAT(refusal(longer), ContainsSubstring("cut off"));
}

}  // namespace
}  // namespace rwkv

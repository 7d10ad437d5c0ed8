// The tiny trained models of rwkv.cpp's own tests, byte-level, and the logits that it expects of them after
// `"in`. The expected logits are those of the FP32 files. Its own test sums differences, which cancel; this
// one takes the largest.
#include "formats/ggml_writer.h"
#include "model/oracle.h"
#include "reference.h"

using namespace rwkv;

namespace {

const std::string kFolder = RWKV_SHARED "/rwkv.cpp-tiny/";

Bytes tiny_model(const std::string& name) {
  Bytes file = read_file(kFolder + "tiny-rwkv-" + name + ".bin");
  if (file.empty()) SKIP("../shared/rwkv.cpp-tiny is not present");
  return file;
}

std::vector<float> expected_logits(const std::string& model) {
  const Bytes bytes = read_file(kFolder + "expected-logits-" + model + ".bin");
  std::vector<float> logits(bytes.size() / sizeof(float));
  std::memcpy(logits.data(), bytes.data(), bytes.size());
  return logits;
}

std::vector<float> logits_of(const Checkpoint& checkpoint) {
  const Model model = require(load_model(checkpoint, Quantization::kF32));
  const auto logits = read_all(model, {'"', 'i', 'n'}, 3);
  return {logits.end() - 256, logits.end()};
}

std::vector<float> logits_of(const Bytes& file) {
  const MemorySource source("tiny.bin", file);
  return logits_of(require(open_checkpoint(source)));
}

// The Q5_1 file as an FP32 file, its blocks decoded here: x = d q + m, plus `noise` d, a new one for each
// value.
template <class Noise>
Bytes decoded_q5_1(const Bytes& file, Noise noise) {
  const auto u32 = [&](size_t at) {
    uint32_t value;
    std::memcpy(&value, &file[at], sizeof value);
    return value;
  };
  GgmlFile out;
  size_t at = 24;
  while (at < file.size()) {
    const uint32_t rank = u32(at), name_bytes = u32(at + 4), type = u32(at + 8);
    GgmlTensor tensor;
    size_t count = 1;
    at += 12;
    for (uint32_t i = 0; i < rank; ++i, at += 4) {
      tensor.shape.insert(tensor.shape.begin(), u32(at));
      count *= u32(at);
    }
    tensor.name.assign(reinterpret_cast<const char*>(&file[at]), name_bytes);
    at += name_bytes;
    if (type == 0) {
      tensor.data.assign(&file[at], &file[at] + 4 * count);
      at += 4 * count;
    } else {
      REQUIRE(type == 8);
      std::vector<float> values(count);
      for (size_t i = 0; i < count; ++i) {
        const auto byte = [&](size_t k) { return uint8_t(file[at + i / 32 * 24 + k]); };
        const float d = half_to_float(uint16_t(byte(0) | byte(1) << 8));
        const float m = half_to_float(uint16_t(byte(2) | byte(3) << 8));
        const size_t j = i % 32;
        const int low = j < 16 ? byte(8 + j) % 16 : byte(8 + j - 16) / 16;
        const int fifth = byte(4 + j / 8) >> j % 8 & 1;
        values[i] = d * float(low + 16 * fifth) + m + d * noise();
      }
      tensor.data = encode_as(DType::kF32, values);
      at += count / 32 * 24;
    }
    out.tensors.push_back(std::move(tensor));
  }
  return out.bytes();
}

}  // namespace

TEST_CASE("rwkv.cpp's tiny models give the logits it expects") {
  const struct {
    const char *name, *expected;
    Version version;
    double tolerance;
  } models[] = {{"4v0-660K-FP32", "4v0-660K", Version::k4, 1e-3},
                {"5v1-730K-FP16", "5v1-730K", Version::k5_0, 2e-2},
                {"5v2-730K-FP32", "5v2-730K", Version::k5_2, 1e-3},
                {"7v0-834K-FP32", "7v0-834K", Version::k7, 1e-3}};
  for (const auto& [name, expected, version, tolerance] : models) {
    INFO(name);
    const Bytes file = tiny_model(name);
    const MemorySource source(name, file);
    const Checkpoint checkpoint = require(open_checkpoint(source));
    CHECK(require(detect_config(checkpoint)).version == version);
    CHECK(reference::max_difference(logits_of(checkpoint), expected_logits(expected)) < tolerance);
  }
}

TEST_CASE("rwkv.cpp's version 5 files want the eps that rwkv.cpp runs them with") {
  for (const char* name : {"5v1-730K-FP16", "5v2-730K-FP32"}) {
    const Bytes file = tiny_model(name);
    const MemorySource source(name, file);
    Checkpoint checkpoint = require(open_checkpoint(source));
    CHECK(checkpoint.group_norm_eps == 1e-5f);
    checkpoint.group_norm_eps = 64e-5f;  // as in the authors' code
    CHECK(reference::max_difference(logits_of(checkpoint), expected_logits(std::string(name).substr(0, 8))) >
          1);
  }
}

TEST_CASE("rwkv.cpp's Q5_1 model gives the logits of its decoded weights") {
  const Bytes file = tiny_model("6v0-3m-Q5_1");
  const auto logits = logits_of(file);
  const Bytes decoded = decoded_q5_1(file, [] { return 0.0f; });
  CHECK(reference::max_difference(logits, logits_of(decoded)) < 1e-3);

  // The expected logits are those of the weights before they were quantised, each within half a step d. So
  // are weights that are moved by random parts of a step: the file's error must not exceed the largest of
  // theirs.
  std::mt19937 random(1);
  double largest = 0;
  for (int draw = 0; draw < 16; ++draw) {
    const Bytes moved = decoded_q5_1(file, [&] { return float(random() >> 8) * 0x1p-24f - 0.5f; });
    largest = std::max(largest, reference::max_difference(logits, logits_of(moved)));
  }
  CHECK(largest < 0.5);  // or it would bound nothing
  CHECK(reference::max_difference(logits, expected_logits("6v0-3m")) < largest);
}

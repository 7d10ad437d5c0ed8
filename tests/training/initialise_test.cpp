// Models from scratch: that they load, and what the authors' initialisation promises of their weights.
#include "training/initialise.h"

#include "model/oracle.h"
#include "model/tensor_reader.h"

using namespace rwkv;

namespace {

constexpr Version kVersions[] = {Version::k4, Version::k5_2, Version::k6, Version::k7};

NewModel small(Version version) {
  return {.version = version, .layers = 3, .channels = 64, .vocabulary = 80, .head_size = 32, .seed = 5};
}

Bytes file_of(const NewModel& wanted, TensorFileFormat format = TensorFileFormat::kSafetensors) {
  TensorFile file = require(new_model_file(wanted, format));
  Bytes bytes;
  for (Buffer piece = require(file.next()); piece.bytes() > 0; piece = require(file.next()))
    bytes.insert(bytes.end(), piece.span().begin(), piece.span().end());
  return bytes;
}

// A tensor's values by its name.
class Weights {
 public:
  explicit Weights(const NewModel& wanted) : bytes_(file_of(wanted)) {}
  std::vector<float> operator()(const std::string& name) {
    INFO(name);
    const Tensor* tensor = checkpoint_.find(name);
    REQUIRE(tensor);
    return require(reader_.values(*tensor));
  }
  const Checkpoint& checkpoint() const { return checkpoint_; }

 private:
  Bytes bytes_;
  MemorySource source_{"new", bytes_};
  Checkpoint checkpoint_ = require(open_checkpoint(source_));
  TensorReader reader_{checkpoint_, {}};
};

// Of a matrix (M, K): the largest difference of V V^T from gain^2 I, of its rows or, if there are fewer, its columns.
double off_orthogonal(const std::vector<float>& values, size_t M, size_t K, double gain) {
  const bool by_rows = M <= K;
  double most = 0;
  for (size_t i = 0; i < std::min(M, K); ++i)
    for (size_t j = 0; j <= i; ++j) {
      double sum = 0;
      for (size_t k = 0; k < std::max(M, K); ++k)
        sum += by_rows ? double(values[i * K + k]) * values[j * K + k]
                       : double(values[k * K + i]) * values[k * K + j];
      most = std::max(most, std::abs(sum / (gain * gain) - (i == j)));
    }
  return most;
}

bool all_are(const std::vector<float>& values, float wanted) {
  return std::all_of(values.begin(), values.end(), [&](float value) { return value == wanted; });
}

}  // namespace

TEST_CASE("a new model of every version loads with the shape that was asked for, and reads") {
  for (const Version version : kVersions) {
    INFO(version_name(version));
    Weights weights(small(version));
    const Model model = require(load_model(weights.checkpoint(), Quantization::kQ8));
    CHECK(model.config.version == version);
    CHECK(model.config.layers == 3);
    CHECK(model.config.vocabulary == 80);
    CHECK(model.config.head_size == (version == Version::k4 ? 64 : 32));
    CHECK(model.config.hidden == (version == Version::k4 || version == Version::k7 ? 256 : 224));
    CHECK(model.warnings.empty());
    State state(model.config);
    Arena arena;
    const std::vector<Token> tokens = {1, 2, 3};
    std::vector<float> logits(3 * 80);
    const Slice slice{&state, tokens, tokens.size(), logits.data()};
    forward(model, {&slice, 1}, arena);
    CHECK(std::all_of(logits.begin(), logits.end(), [](float x) { return std::isfinite(x); }));
    CHECK(!all_are(logits, logits[0]));
  }
}

TEST_CASE("matrices begin orthogonal, what closes a branch begins with zeros") {
  for (const Version version : kVersions) {
    INFO(version_name(version));
    Weights weights(small(version));
    CHECK(off_orthogonal(weights("head.weight"), 80, 64, 0.5 * std::sqrt(80.0 / 64)) < 1e-3);
    CHECK(off_orthogonal(weights("blocks.1.att.value.weight"), 64, 64, 1) < 1e-3);
    const size_t F = version == Version::k4 || version == Version::k7 ? 256 : 224;
    const double tall = version == Version::k7 ? 1 : std::sqrt(double(F) / 64);
    CHECK(off_orthogonal(weights("blocks.2.ffn.key.weight"), F, 64, tall) < 1e-3);
    CHECK(all_are(weights("blocks.0.att.output.weight"), 0));
    CHECK(all_are(weights("blocks.2.ffn.value.weight"), 0));
    if (version != Version::k4) CHECK(off_orthogonal(weights("blocks.0.att.key.weight"), 64, 64, 0.1) < 1e-3);
    const auto embedding = weights("emb.weight");
    CHECK(*std::max_element(embedding.begin(), embedding.end()) <= 1e-4f);
    CHECK(*std::min_element(embedding.begin(), embedding.end()) < -9e-5f);
    CHECK(all_are(weights("blocks.0.ln0.weight"), 1));
    CHECK(all_are(weights("ln_out.bias"), 0));
  }
}

TEST_CASE("the vectors of a new model follow the authors' formulas") {
  const double share = 17.0 / 64, rest = 2.0 / 3;  // channel 17 of 64, layer 1 of 3
  Weights v4(small(Version::k4)), v5(small(Version::k5_2)), v6(small(Version::k6)), v7(small(Version::k7));
  const auto check = [](float found, double expected) { CHECK(std::abs(found - expected) < 1e-5); };
  check(v4("blocks.1.att.time_decay")[17], -5 + 8 * std::pow(17.0 / 63, 0.7 + 1.3 * 0.5));
  check(v4("blocks.1.att.time_first")[17], std::log(0.3) - 0.5);
  check(v4("blocks.1.att.time_mix_v")[17], std::pow(share, rest) + 0.3 * 0.5);
  check(v5("blocks.1.att.time_mix_g")[17], std::pow(share, 0.5 * rest));
  check(v5("blocks.1.att.time_faaaa")[17], 0.5 * (1 - 17.0 / 63) - 0.1);
  check(v6("blocks.1.att.time_maa_v")[17], 1 - (std::pow(share, rest) + 0.3 * 0.5));
  check(v6("blocks.1.att.time_decay")[17], -6 + 5 * std::pow(17.0 / 63, 0.7 + 1.3 * 0.5));
  check(v6("blocks.1.att.ln_x.weight")[17], std::pow(2.0 / 3, 0.7));
  check(v7("blocks.1.att.x_w")[17], 1 - std::pow(share, 0.9 * rest));
  const double zigzag = (17 - 15.5) / 15.5 * ((17 - 15.5) / 15.5);
  check(v7("blocks.1.att.w0")[17], -5.5 + 6 * std::pow(17.0 / 63, 1 + std::pow(0.5, 0.3)) + 2.5 * zigzag);
  check(v7("blocks.1.att.a0")[17], -0.19 + 0.3 * zigzag + 0.4 * (17.0 / 63 - 0.5));
  check(v7("blocks.1.ffn.x_k")[17], 1 - std::pow(share, std::pow(rest, 4)));
  check(v7("blocks.2.att.r_k")[17], -0.04);
  CHECK(v7.checkpoint().find("blocks.0.att.g1")->shape == Shape{64, 32});
  CHECK(all_are(v7("blocks.0.att.w1"), 0));
  CHECK(off_orthogonal(v7("blocks.0.att.w2"), 32, 64, 0.1) < 1e-3);
}

TEST_CASE("the same seed gives the same model, in both formats, and another seed another") {
  NewModel wanted = small(Version::k7);
  const Bytes one = file_of(wanted);
  CHECK(one == file_of(wanted));
  const Bytes pth = file_of(wanted, TensorFileFormat::kPth);
  const MemorySource source("new.pth", pth);
  const Checkpoint checkpoint = require(open_checkpoint(source));
  TensorReader reader(checkpoint, {});
  Weights weights(wanted);
  CHECK(require(reader.values(*checkpoint.find("head.weight"))) == weights("head.weight"));
  wanted.seed = 6;
  CHECK(one != file_of(wanted));
}

TEST_CASE("sizes that make no model are refused by their names") {
  const auto refused = [](auto change) {
    NewModel wanted = small(Version::k7);
    change(wanted);
    const auto file = new_model_file(wanted, TensorFileFormat::kSafetensors);
    REQUIRE(!file.ok());
    return file.error().message;
  };
  CHECK(refused([](NewModel& m) { m.layers = 0; }) == "layers: expected 1 to 256, found 0");
  CHECK(refused([](NewModel& m) { m.channels = 1 << 20; }) ==
        "channels: expected 32 to 16384, found 1048576");
  CHECK(refused([](NewModel& m) { m.vocabulary = 1; }).starts_with("vocabulary: expected 2 to"));
  CHECK(refused([](NewModel& m) { m.head_size = 24; }) ==
        "head_size: expected a multiple of 4 that divides 64, found 24");
  CHECK(refused([](NewModel& m) { m.channels = 48; }) == "channels and hidden: expected multiples of 32");
  CHECK(refused([](NewModel& m) { m.version = Version::k7a; }).find("expected 4, 5.2, 6 or 7") !=
        std::string::npos);
}

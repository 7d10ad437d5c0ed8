// Weights that go to a device piece by piece are those that loading packs, byte for byte.
#include "recording/weight_stream.h"

#include "model/oracle.h"
#include "model/tiny_models.h"
#include "recording/recording.h"

using namespace rwkv;

namespace {

constexpr uint64_t kPart = 3000;  // many pieces of tiny models

// All content by number.
std::vector<Bytes> streamed(const Checkpoint& checkpoint, Quantization quantization, uint64_t part_bytes) {
  WeightStream stream = require(WeightStream::start(checkpoint, quantization, {}, part_bytes));
  std::vector<Bytes> content;
  for (bool more = true; more;) {
    more = require(stream.next());
    if (!stream.piece()) continue;
    content.resize(stream.weights().size());
    const auto& [id, offset, bytes] = *stream.piece();
    REQUIRE(id < content.size());
    CHECK(offset == content[id].size());
    content[id].insert(content[id].end(), bytes.begin(), bytes.end());
  }
  const std::vector<Weight> weights = stream.weights();
  // The model that is left gives the same numbers to the same weights.
  const Model model = stream.finish();
  const Recording recording(model);
  const auto& numbered = recording.weights().weights();
  REQUIRE(numbered.size() == weights.size());
  for (size_t id = 0; id < weights.size(); ++id) {
    CHECK(numbered[id].place == weights[id].place);
    CHECK(content[id].size() == weights[id].bytes);
  }
  return content;
}

std::vector<Bytes> loaded(const Checkpoint& checkpoint, Quantization quantization) {
  const Model model = require(load_model(checkpoint, quantization));
  const Recording recording(model);
  std::vector<Bytes> content;
  for (const Weight& weight : recording.weights().weights()) {
    REQUIRE(weight.has_content);
    content.emplace_back(weight.place, weight.place + weight.bytes);
  }
  return content;
}

void check_same(const Bytes& file, Quantization quantization) {
  const MemorySource source("tiny", file);
  const Checkpoint checkpoint = require(open_checkpoint(source));
  const auto expected = loaded(checkpoint, quantization);
  for (const uint64_t part_bytes : {kPart, WeightStream::kPartBytes})
    CHECK(streamed(checkpoint, quantization, part_bytes) == expected);
}

// Delivers so many reads, then fails.
class FailingSource final : public Source {
 public:
  FailingSource(std::span<const std::byte> bytes, int reads)
      : Source("failing"), memory_("failing", bytes), left_(reads) {}
  uint64_t size() const override { return memory_.size(); }
  Status read(uint64_t offset, std::span<std::byte> out) const override {
    if (left_-- > 0) return memory_.read(offset, out);
    return Error{ErrorKind::kReadFailed, "failing: the cable is out"};
  }

 private:
  MemorySource memory_;
  mutable int left_;
};

}  // namespace

TEST_CASE("weights come in pieces as loading packs them, in each version and format") {
  const Parts v7 = oracle_parts("v7-bf16");
  for (const auto& [name, quantization] : oracles_in_formats()) {
    INFO(name << " " << quantization_name(quantization));
    check_same(oracle_file(name), quantization);
  }
  check_same(write_safetensors(tiny_7a(v7)), Quantization::kQ8);
}

TEST_CASE("a packed file's weights come as they lie in it") {
  const Bytes file = oracle_file("v6-bf16");
  const MemorySource source("source", file);
  for (const Quantization quantization : {Quantization::kF16, Quantization::kQ4}) {
    INFO(quantization_name(quantization));
    check_same(converted(require(open_checkpoint(source)), quantization), quantization);
  }
}

TEST_CASE("a source that fails while weights come in pieces is told, wherever it fails") {
  const Bytes file = oracle_file("v7-bf16");
  int reads = 0;
  for (bool failed = true; failed; reads += 7) {
    const FailingSource source(file, reads);
    const auto checkpoint = open_checkpoint(source);
    if (!checkpoint) continue;
    auto stream = WeightStream::start(*checkpoint, Quantization::kQ4, {}, kPart);
    Result<bool> more = stream.ok() ? stream->next() : Result<bool>(stream.error());
    while (more && *more) more = stream->next();
    failed = !more;
    if (failed) CHECK(more.error().message == "failing: the cable is out");
    if (failed) CHECK_FALSE((stream.ok() && stream->piece()));
  }
  CHECK(reads > 20);
}

TEST_CASE("weights that are not finite are for no device") {
  for (const char* name : {"blocks.1.att.key.weight", "blocks.0.ffn.x_k", "emb.weight"}) {
    Parts parts = oracle_parts("v7-bf16");
    FileTensor& part = *find(parts, name);
    std::vector<float> values = floats_of(part);
    values[5] = INFINITY;
    part = part_of(part.name, DType::kF32, part.shape, values);
    const Bytes file = write_safetensors(parts);
    const MemorySource source("tiny", file);
    const Checkpoint checkpoint = require(open_checkpoint(source));
    WeightStream stream = require(WeightStream::start(checkpoint, Quantization::kF16));
    Result<bool> more = stream.next();
    while (more && *more) more = stream.next();
    REQUIRE_FALSE(more.ok());
    CHECK(more.error().kind == ErrorKind::kUnsupported);
    CHECK(more.error().message.find(std::string(name) + ": 1 value is not finite") != std::string::npos);
  }
}

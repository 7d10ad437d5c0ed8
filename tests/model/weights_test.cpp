#include "model/weights.h"

#include "model/oracle.h"
#include "reference.h"

using namespace rwkv;

namespace {

struct Loaded {
  Bytes file = read_file(fixture("oracle/v7-bf16.pth"));
  MemorySource source{"v7.pth", file};
  Checkpoint checkpoint = require(open_checkpoint(source));

  Error error() {
    const auto model = load_model(checkpoint, Quantization::kF32);
    REQUIRE(!model.ok());
    return model.error();
  }
};

}  // namespace

TEST_CASE("every missing tensor is named") {
  Loaded loaded;
  const auto tensors = loaded.checkpoint.tensors;
  int optional = 0;
  for (const auto& [name, tensor] : tensors) {
    loaded.checkpoint.tensors = tensors;
    loaded.checkpoint.tensors.erase(name);
    const auto model = load_model(loaded.checkpoint, Quantization::kF32);
    if (model.ok()) {
      ++optional;  // layer 0 has no use for these
      CHECK((name == "blocks.0.att.v0" || name == "blocks.0.att.v1" || name == "blocks.0.att.v2"));
    } else {
      INFO(name << " -> " << model.error().message);
      CHECK(model.error().kind == ErrorKind::kBadModel);
      // Without r_k nothing tells that it is version 7.
      CHECK(model.error().message.find(name == "blocks.0.att.r_k" ? "blocks.0.att" : name) !=
            std::string::npos);
      CHECK(model.error().message.starts_with("v7.pth: "));
    }
  }
  CHECK(optional <= 3);
}

TEST_CASE("a wrong shape names the tensor, what was expected and what was found") {
  Loaded loaded;
  loaded.checkpoint.tensors.find("blocks.1.att.key.weight")->second.shape = {64, 256};
  CHECK(loaded.error().kind == ErrorKind::kBadModel);
  CHECK(loaded.error().message == "v7.pth: blocks.1.att.key.weight: expected (128, 128), file has (64, 256)");
}

TEST_CASE("every tensor in any wrong shape is refused, not misread") {
  Loaded loaded;
  const auto tensors = loaded.checkpoint.tensors;
  for (const auto& [name, tensor] : tensors) {
    if (name.starts_with("blocks.0.att.v") && name != "blocks.0.att.value.weight") continue;
    for (const Shape& shape : {Shape{}, Shape{3}, Shape{int64_t(tensor.count()) * 2}, Shape{1, 2, 3, 4}}) {
      loaded.checkpoint.tensors = tensors;
      loaded.checkpoint.tensors.find(name)->second.shape = shape;
      INFO(name << " " << to_string(shape));
      CHECK(!load_model(loaded.checkpoint, Quantization::kF32).ok());
    }
  }
}

TEST_CASE("a source that fails in the middle of the weights gives its own error") {
  const Bytes file = read_file(fixture("oracle/v7-bf16.pth"));
  const MemorySource whole("v7.pth", file);
  Checkpoint checkpoint = require(open_checkpoint(whole));
  for (const size_t good : {size_t(0), size_t(10000), file.size() / 2, file.size() - 100000}) {
    const FaultySource faulty("v7.pth", file, good);
    checkpoint.source = &faulty;
    const auto model = load_model(checkpoint, Quantization::kQ8);
    REQUIRE(!model.ok());
    CHECK(model.error().kind == ErrorKind::kReadFailed);
  }
}

TEST_CASE("progress counts every byte of the tensors that are used, in order") {
  Loaded loaded;
  uint64_t last = 0, total = 0;
  require(load_model(loaded.checkpoint, Quantization::kQ8, [&](uint64_t done, uint64_t of) {
    CHECK(done > last);
    last = done, total = of;
  }));
  CHECK(last <= total);
  CHECK(last > total * 9 / 10);
}

TEST_CASE("quantising makes the model smaller") {
  Loaded loaded;
  const uint64_t f32 = require(load_model(loaded.checkpoint, Quantization::kF32)).bytes;
  const uint64_t f16 = require(load_model(loaded.checkpoint, Quantization::kF16)).bytes;
  const uint64_t q8 = require(load_model(loaded.checkpoint, Quantization::kQ8)).bytes;
  CHECK(f16 < f32);
  CHECK(q8 < f16);
}

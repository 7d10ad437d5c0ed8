// The tiny trained models of rwkv.cpp's own tests, byte-level, and the logits it expects of them after `"in`.
#include "model/oracle.h"
#include "reference.h"

using namespace rwkv;

namespace {

const std::string kFolder = RWKV_SHARED "/rwkv.cpp-tiny/";

std::vector<float> expected_logits(const std::string& model) {
  const Bytes bytes = read_file(kFolder + "expected-logits-" + model + ".bin");
  std::vector<float> logits(bytes.size() / sizeof(float));
  std::memcpy(logits.data(), bytes.data(), bytes.size());
  return logits;
}

}  // namespace

TEST_CASE("rwkv.cpp's tiny models give the logits it expects") {
  for (const char* name : {"4v0-660K-FP32", "5v1-730K-FP16", "5v2-730K-FP32","6v0-3m-Q5_1", "7v0-834K-FP32"}) {
    const Bytes file = read_file(kFolder + "tiny-rwkv-" + name + ".bin");
    const std::string base(name, std::string_view(name).rfind('-'));
    const auto expected = expected_logits(base);
    const MemorySource source(name, file);
    const Checkpoint checkpoint = require(open_checkpoint(source));
    const Model model = require(load_model(checkpoint, Quantization::kF32));
    const auto logits = read_all(model, {'"', 'i', 'n'}, 3);
    const auto last = std::vector<float>(logits.end() - 256, logits.end());
    printf("%s %s %d %g %g\n", name, version_name(model.config.version), model.config.heads,reference::max_difference(last, expected), expected[65]);
  }
}

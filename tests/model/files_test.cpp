// The same weights in every kind of file, named in every style, give the authors' logits.
#include <random>

#include "formats/pth_writer.h"
#include "formats/safetensors_writer.h"
#include "model/oracle.h"
#include "model/tiny_models.h"
#include "reference.h"

namespace rwkv {
namespace {

void check_logits(const std::string& name, const Bytes& file) {
  const Oracle oracle = load_oracle(name, file);
  const std::vector<float> logits = read_all(oracle.model, oracle.tokens, 40);
  CHECK(reference::max_difference(logits, oracle.logits) < 2e-4);
  CHECK(logits == read_all(load_oracle(name).model, oracle.tokens, 40));
}

bool is_version_7(std::string_view name) { return name.starts_with("v7"); }

TEST_CASE("safetensors in the authors' names give the authors' logits") {
  for (const char* name : kOracles) {
    INFO(name);
    check_logits(name, write_safetensors(oracle_parts(name)));
  }
}

TEST_CASE("safetensors in web-rwkv's style give the authors' logits") {
  for (const char* name : kOracles) {
    INFO(name);
    check_logits(name, write_safetensors(in_web_rwkv_style(oracle_parts(name))));
  }
}

TEST_CASE("version 5.1 in web-rwkv's style, one decay for each channel, is the same model") {
  const Parts tensors = tiny_51(oracle_parts("v52-fp16"), false);
  const Oracle authors = load_oracle("v52-fp16", write_safetensors(tensors));
  const Oracle web_rwkv = load_oracle("v52-fp16", write_safetensors(in_web_rwkv_style(tensors)));
  CHECK(authors.model.config.version == Version::k5_1);
  CHECK(web_rwkv.model.config.version == Version::k5_2);
  CHECK(read_all(web_rwkv.model, web_rwkv.tokens, 40) == read_all(authors.model, authors.tokens, 40));
}

TEST_CASE("safetensors and .pth in Hugging Face's style give the authors' logits") {
  for (const char* name : kOracles) {
    INFO(name);
    const Parts tensors = in_hugging_face_style(oracle_parts(name));
    check_logits(name, write_safetensors(tensors));
    check_logits(name, write_pth(tensors));
  }
}

TEST_CASE("safetensors and .pth in fla's style give the authors' logits") {
  for (const char* name : kOracles) {
    if (!is_version_7(name)) continue;
    const Parts tensors = in_fla_style(oracle_parts(name));
    check_logits(name, write_safetensors(tensors));
    check_logits(name, write_safetensors(with_joined_mus(tensors)));
    check_logits(name, write_pth(tensors, {.turned_views = true}));
  }
}

TEST_CASE(".pth files give the authors' logits however torch laid them out") {
  const std::pair<const char*, PthOptions> layouts[] = {
      {"plain", {}},
      {"in one storage", {.one_storage = true}},
      {"turned views", {.turned_views = true}},
      {"reversed", {.reversed = true}},
      {"zip64", {.zip64 = true}},
      {"recent", {.is_recent = true}},
      {"all at once",
       {.one_storage = true, .turned_views = true, .reversed = true, .zip64 = true, .is_recent = true}}};
  for (const char* name : kOracles)
    for (const auto& [layout, options] : layouts) {
      INFO(name << " " << layout);
      check_logits(name, write_pth(oracle_parts(name), options));
    }
}

TEST_CASE("weights widened to f32 give the authors' logits") {
  for (const char* name : kOracles) {
    Parts tensors = oracle_parts(name);
    for (FileTensor& tensor : tensors) tensor = converted(std::move(tensor), DType::kF32);
    INFO(name);
    check_logits(name, write_pth(tensors));
    check_logits(name, write_safetensors(tensors));
  }
}

// A dimension of one element somewhere, or one dimension split in two.
Shape reshaped(Shape shape, std::mt19937& random) {
  const size_t at = random() % (shape.size() + 1);
  int64_t factor = random() % 4 ? 1 : int64_t{2} << random() % 4;
  if (at == shape.size() || shape[at] % factor != 0) factor = 1;
  if (factor > 1) shape[at] /= factor;
  shape.insert(shape.begin() + ptrdiff_t(at), factor);
  return shape;
}

TEST_CASE("dimensions of one element make no difference or are refused, wherever they stand") {
  std::mt19937 random(5);
  for (const char* name : kOracles) {
    const Parts tensors = oracle_parts(name);
    const std::vector<float> logits = read_all(load_oracle(name).model, {3, 1, 4}, 3);
    int loaded = 0;
    for (int round = 0; round < 60; ++round) {
      Parts changed = tensors;
      for (uint32_t k = random() % 3 + 1; k > 0; --k) {
        FileTensor& tensor = changed[random() % changed.size()];
        tensor.shape = reshaped(tensor.shape, random);
      }
      const Bytes file = write_pth(changed, {.turned_views = random() % 2 == 0});
      const MemorySource source("reshaped", file);
      const Result<Model> model = load_model(require(open_checkpoint(source)), Quantization::kF32);
      if (!model) continue;
      ++loaded;
      CHECK(read_all(*model, {3, 1, 4}, 3) == logits);
    }
    INFO(name);
    CHECK(loaded > 20);
  }
}

}  // namespace
}  // namespace rwkv

// Gradients of the oracles' models, computed in doubles by another program (tests/fixtures/oracle/README.md).
#pragma once

#include <optional>

#include "model/oracle.h"
#include "reference.h"
#include "relative_error.h"
#include "training/learning.h"

namespace rwkv {

// A file of tensors by name.
class Tensors {
 public:
  explicit Tensors(const std::string& name, Bytes file) : file_(std::move(file)), source_(name, file_) {
    checkpoint_ = require(open_safetensors(source_));
  }
  Tensors(const Tensors&) = delete;

  bool has(const std::string& name) const { return checkpoint_.find(name) != nullptr; }
  std::vector<float> floats(const std::string& name) const {
    const Tensor* tensor = checkpoint_.find(name);
    if (!tensor) FAIL(name << " is missing");
    Buffer buffer;
    const auto bytes = require(checkpoint_.read(*tensor, buffer));
    std::vector<float> values(tensor->count());
    decode(tensor->dtype, bytes.data(), values);
    return values;
  }
  // Those whose names start so, without it.
  std::vector<std::string> names(std::string_view start) const {
    std::vector<std::string> found;
    for (const auto& [name, tensor] : checkpoint_.tensors)
      if (name.starts_with(start)) found.push_back(name.substr(start.size()));
    return found;
  }

 private:
  Bytes file_;
  MemorySource source_;
  Checkpoint checkpoint_;
};

// The oracle's gradients, where they are: those of all versions lie in ../shared, of some in the fixtures.
inline std::unique_ptr<Tensors> gradients_of(const std::string& name) {
  for (const std::string& folder : {fixture("oracle/"), std::string(RWKV_SHARED "/oracle/")})
    if (Bytes file = read_file(folder + name + "-grad.safetensors"); !file.empty())
      return std::make_unique<Tensors>(name, std::move(file));
  return nullptr;
}

// The gradient to a state that nothing follows.
inline State zeros(const Config& c) {
  State state(c);
  state.set_values(std::vector<float>(state.size()));
  return state;
}

// One text, of which every token but the first is learned, the loss their mean; cut into passes of `chunk` tokens.
struct Text {
  std::vector<Token> tokens;  // the last is a target only
  std::vector<float> weights = std::vector<float>(tokens.size() - 1, 1.0f / float(tokens.size() - 1));

  // Loss and gradients; afterwards `gradient`, zeros before, is the one to `start`.
  double learn(Learning& learning, const Model& model, const State& start, State& gradient,
               size_t chunk) const {
    const size_t count = weights.size();
    std::vector<State> starts{start};
    Arena arena;
    for (size_t at = 0; at + chunk < count; at += chunk) {
      State next = starts.back();
      const Slice slice{&next, {&tokens[at], chunk}, 0};
      forward(model, {&slice, 1}, arena);
      starts.push_back(std::move(next));
    }
    double loss = 0;
    for (size_t i = starts.size(); i-- > 0;) {
      const size_t at = i * chunk, size = std::min(chunk, count - at);
      const Lesson lesson{
          &starts[i], &gradient, {&tokens[at], size}, {&tokens[at + 1], size}, {&weights[at], size}};
      loss += learning.learn({&lesson, 1});
    }
    return loss;
  }
};

}  // namespace rwkv

// Every weight of a model under its name in the authors' files: to learn all of them.
#pragma once

#include <memory>
#include <variant>

#include "model/model.h"
#include "training/learned.h"
#include "training/parameter.h"

namespace rwkv {

// What the model holds in place of a file's value x (model/weights.cpp).
enum class Form : uint8_t { kPlain, kFlipped, kMinusExp, kExpMinusExp, kExp };

// Where a tensor, or one of its `parts` along the first axis, lies in the model.
struct Field {
  std::string name;
  std::variant<Vector*, Matrix*, Embedding*> place;
  Form form = Form::kPlain;  // of vectors
  bool transposed = false;   // of matrices
  int part = 0, parts = 1;
};

// All of a model's but those of version 7a's DeepEmbeds, in the order of the layers. `bonus` is the tensor that
// versions 5 keep it in, "att.time_faaaa" or "att.time_first".
std::vector<Field> fields_of(Model& model, const std::string& bonus);

// The weights as the file has them, and their gradients.
class TrainedWeights {
 public:
  // The model, loaded from the checkpoint, must outlive it and stay where it is; its embedding becomes f32.
  // Errors: kUnsupported (version 7a, quantised models), kOutOfMemory, those of reading.
  static Result<TrainedWeights> start(const Checkpoint& checkpoint, Model& model);
  // What start() takes.
  static uint64_t bytes(const Model& model);

  const Learned& learned() const { return *learned_; }
  std::vector<Parameter>& parameters() { return parameters_; }
  // The gradients of the model's fields, as learning added them up, become those of the parameters.
  void collect();
  // The values become the model's.
  void assign();

 private:
  TrainedWeights() = default;

  std::vector<Field> fields_;
  std::vector<size_t> of_;          // the parameter of each field
  std::vector<Vector> of_vectors_;  // the gradient of each field that is a vector
  std::vector<Parameter> parameters_;
  std::unique_ptr<Learned> learned_ = std::make_unique<Learned>();
};

}  // namespace rwkv

#include "training/weights.h"

#include <cmath>

#include "model/weight_reader.h"
#include "training/pack_values.h"

namespace rwkv {
namespace {

float value_of(Form form, float x) {
  switch (form) {
    case Form::kPlain:
      return x;
    case Form::kFlipped:
      return 1 - x;
    case Form::kMinusExp:
      return -std::exp(x);
    case Form::kExpMinusExp:
      return std::exp(-std::exp(x));
    case Form::kExp:
      return std::exp(x);
  }
  return x;
}

// Of value_of by x.
float slope_of(Form form, float x) {
  switch (form) {
    case Form::kPlain:
      return 1;
    case Form::kFlipped:
      return -1;
    case Form::kMinusExp:
      return -std::exp(x);
    case Form::kExpMinusExp:
      return -std::exp(x - std::exp(x));
    case Form::kExp:
      return std::exp(x);
  }
  return 1;
}

}  // namespace

uint64_t TrainedWeights::bytes(const Model& model) {
  const auto embedding = uint64_t(model.config.vocabulary) * uint64_t(model.config.channels);
  return sizeof(float) * (2 * model.parameters + embedding) + (1 << 20);
}

Result<TrainedWeights> TrainedWeights::start(const Checkpoint& checkpoint, Model& model) {
  const auto refuse = [&](const char* what) {
    return Error{ErrorKind::kUnsupported, checkpoint.source->name() + ": " + what};
  };
  if (model.config.version == Version::k7a) return refuse("all weights of version 7a cannot be learned");
  if (model.quantization != Quantization::kF32) return refuse("all weights can be learned in f32 only");
  if (!checkpoint.packed_as.empty())
    return refuse("all weights can be learned from a model that is not packed");
  if (const Status room = require_room(bytes(model), "weights that are learned"); !room) return room.error();

  TrainedWeights made;
  const char* bonus = checkpoint.find("blocks.0.att.time_faaaa") ? "att.time_faaaa" : "att.time_first";
  made.fields_ = fields_of(model, bonus);
  made.of_vectors_.resize(made.fields_.size());
  WeightReader in(checkpoint, Quantization::kF32);
  for (const Field& field : made.fields_) {
    if (field.part == 0) {
      const Tensor* tensor = checkpoint.find(field.name);
      const Shape shape = tensor ? tensor->shape : Shape();
      made.parameters_.push_back({field.name, shape, in.vector(field.name, shape), {}});
      if (in.error()) return *in.error();
      made.parameters_.back().gradient.assign(made.parameters_.back().values.size(), 0.0f);
    }
    const auto of = std::find_if(made.parameters_.begin(), made.parameters_.end(),
                                 [&](const Parameter& parameter) { return parameter.name == field.name; });
    made.of_.push_back(size_t(of - made.parameters_.begin()));
  }
  const auto size = uint64_t(model.config.vocabulary) * uint64_t(model.config.channels) * sizeof(float);
  Buffer embedding{size_t(size)};
  if (!embedding) return no_room(size, "weights that are learned");  // the model stays as it was
  model.embedding = {DType::kF32, std::move(embedding)};

  auto& places = made.learned_->places;
  for (size_t i = 0; i < made.fields_.size(); ++i) {
    const Field& field = made.fields_[i];
    std::vector<float>& gradient = made.parameters_[made.of_[i]].gradient;
    if (const auto* vector = std::get_if<Vector*>(&field.place)) {
      made.of_vectors_[i].assign((*vector)->size(), 0.0f);
      places[*vector] = {made.of_vectors_[i].data(), false};
    } else {
      const size_t part = gradient.size() / size_t(field.parts) * size_t(field.part);
      std::visit(
          [&](auto* place) {
            places[place] = {gradient.data() + part, field.transposed};
          },
          field.place);
    }
  }
  made.assign();
  return made;
}

void TrainedWeights::collect() {
  for (size_t i = 0; i < fields_.size(); ++i) {
    Vector& sums = of_vectors_[i];
    Parameter& to = parameters_[of_[i]];
    for (size_t c = 0; c < sums.size(); ++c) {
      const size_t at = c * to.values.size() / sums.size();  // one value a head may stand for its channels
      to.gradient[at] += sums[c] * slope_of(fields_[i].form, to.values[at]);
    }
    std::fill(sums.begin(), sums.end(), 0.0f);
  }
}

void TrainedWeights::assign() {
  for (size_t i = 0; i < fields_.size(); ++i) {
    const Field& field = fields_[i];
    const std::vector<float>& values = parameters_[of_[i]].values;
    if (const auto* vector = std::get_if<Vector*>(&field.place)) {
      const size_t size = (*vector)->size();
      for (size_t c = 0; c < size; ++c)
        (**vector)[c] = value_of(field.form, values[c * values.size() / size]);
    } else if (const auto* matrix = std::get_if<Matrix*>(&field.place)) {
      const size_t part = values.size() / size_t(field.parts) * size_t(field.part);
      pack_values(values.data() + part, field.transposed, 1, **matrix);
    } else {
      std::copy(values.begin(), values.end(), std::get<Embedding*>(field.place)->data.as<float>());
    }
  }
}

}  // namespace rwkv

#include "training/adapters.h"

#include <algorithm>
#include <cmath>

#include "training/identity.h"
#include "training/pack_values.h"
#include "training/random.h"
#include "training/weights.h"

namespace rwkv {
namespace {

constexpr int kMostRank = 1024;

// The matrices of the targets, in the model's order.
std::vector<Field> matrices_of(Model& model, const std::vector<std::string>& targets) {
  std::vector<Field> found;
  for (Field& field : fields_of(model, "att.time_faaaa"))
    if (std::any_of(targets.begin(), targets.end(), [&](const std::string& target) {
          return field.name.ends_with("." + target + ".weight");
        }))
      found.push_back(std::move(field));
  return found;
}

Error refuse(const std::string& what) { return {ErrorKind::kInvalidArgument, "adapters: " + what}; }

}  // namespace

Result<Adapters> Adapters::start(Model& model, const AdapterOptions& options) {
  const int rank = options.rank;
  if (rank < 1 || rank > kMostRank)
    return refuse("expected a rank from 1 to " + std::to_string(kMostRank) + ", found " +
                  std::to_string(rank));
  if (!(std::isfinite(options.alpha) && options.alpha > 0))
    return refuse("expected a positive alpha, found " + text_of(options.alpha));
  if (options.targets.empty()) return refuse("expected a target at least");
  for (const std::string& target : options.targets)
    if (std::find(std::begin(kAdapterTargets), std::end(kAdapterTargets), target) ==
        std::end(kAdapterTargets))
      return refuse("unknown target " + target);

  const std::vector<Field> matrices = matrices_of(model, options.targets);
  uint64_t floats = 0;
  for (const Field& field : matrices) {
    const Matrix& W = *std::get<Matrix*>(field.place);
    floats += (uint64_t(W.rows) + uint64_t(W.cols)) * uint64_t(rank + kGroup);
  }
  if (const Status room = require_room(3 * sizeof(float) * floats + 1024 * matrices.size(), "adapters");
      !room)
    return room.error();

  Adapters made;
  made.scale_ = options.alpha / float(rank);
  made.adapters_ = std::make_unique<Adapter[]>(matrices.size());
  SplitMix64 random(options.seed);
  for (size_t i = 0; i < matrices.size(); ++i) {
    const Matrix& W = *std::get<Matrix*>(matrices[i].place);
    const auto add = [&](const char* letter, int rows, int cols) -> Parameter& {
      const size_t size = size_t(rows) * size_t(cols);
      return made.parameters_.emplace_back(Parameter{
          matrices[i].name + letter, {rows, cols}, std::vector<float>(size), std::vector<float>(size)});
    };
    const float bound = 1 / std::sqrt(float(W.cols));
    for (float& value : add(".lora_A", rank, W.cols).values) value = bound * (2 * random.uniform() - 1);
    add(".lora_B", W.rows, rank);
    made.adapters_[i] = {make_matrix(Quantization::kF32, rank, W.cols),
                         make_matrix(Quantization::kF32, W.rows, rank)};
    if (made.adapters_[i].down.empty() || made.adapters_[i].up.empty())
      return no_room(floats * 4, "adapters");
  }
  for (size_t i = 0; i < matrices.size(); ++i) {
    Adapter& adapter = made.adapters_[i];
    made.learned_->adapters[std::get<Matrix*>(matrices[i].place)] = &adapter;
    made.learned_->places[&adapter.down] = {made.parameters_[2 * i].gradient.data()};
    made.learned_->places[&adapter.up] = {made.parameters_[2 * i + 1].gradient.data()};
  }
  made.assign();
  return made;
}

void Adapters::collect() {
  for (size_t i = 1; i < parameters_.size(); i += 2)
    for (float& value : parameters_[i].gradient) value *= scale_;
}

void Adapters::assign() {
  for (size_t i = 0; i < parameters_.size(); i += 2) {
    pack_values(parameters_[i].values.data(), false, 1, adapters_[i / 2].down);
    pack_values(parameters_[i + 1].values.data(), false, scale_, adapters_[i / 2].up);
  }
}

}  // namespace rwkv

#include "training/walk.h"

namespace rwkv {
namespace {

// Beside what learning takes.
uint64_t own_bytes(const Model& model, const WalkSize& size) {
  const uint64_t states = 3 + uint64_t(size.parts) + uint64_t(size.texts);
  return states * (sizeof(State) + sizeof(float) * State::size(model.config)) +
         uint64_t(size.texts) * sizeof(Lesson) + uint64_t(size.rows) * sizeof(float);
}

}  // namespace

uint64_t Walk::bytes(const Model& model, const Learned& learned, const WalkSize& size) {
  return Learning::bytes(model, learned, size.rows, size.texts) + own_bytes(model, size);
}

Result<Walk> Walk::start(const Model& model, const Learned& learned, const WalkSize& size) {
  if (const Status room = require_room(bytes(model, learned, size), "learning"); !room) return room.error();
  auto learning = Learning::start(model, learned, size.rows, size.texts);
  if (!learning) return learning.error();
  if (const Status room = require_room(own_bytes(model, size), "learning"); !room) return room.error();
  return Walk(model, std::move(*learning), size);
}

Walk::Walk(const Model& model, Learning learning, const WalkSize& size)
    : learning_(std::move(learning)), fresh_(model.config, model.initial_state), zeros_(model.config) {
  zeros_.set_values(std::vector<float>(zeros_.size()));
  between_.assign(size_t(size.parts), zeros_);
  gradients_.assign(size_t(size.texts), zeros_);
  lessons_.reserve(size_t(size.texts));
  weights_.reserve(size_t(size.rows));
}

// The lessons of a pass.
void Walk::fill(const Pass& pass, std::span<const Excerpt> texts, float weight, const TrainedState* state) {
  lessons_.clear(), weights_.clear();
  for (size_t i = 0; i < texts.size(); ++i) {
    const auto [tokens, learned] = texts[i];
    const size_t size = (learned.size() + size_t(pass.parts) - 1) / size_t(pass.parts),
                 at = size * size_t(pass.part), count = std::min(size, learned.size() - at);
    const size_t first = weights_.size();
    for (const uint8_t is_learned : learned.subspan(at, count)) weights_.push_back(is_learned ? weight : 0);
    const bool goes_on = pass.part + 1 < pass.parts;
    if (!goes_on) gradients_[i] = zeros_;
    const State& start = pass.part > 0 ? between_[size_t(pass.part)] : state ? state->state() : fresh_;
    lessons_.push_back({&start, &gradients_[i], tokens.subspan(at, count), tokens.subspan(at + 1, count),
                        std::span(weights_).subspan(first, count),
                        goes_on ? &between_[size_t(pass.part) + 1] : nullptr});
  }
}

void Walk::begin(const Pass& pass, std::span<const Excerpt> texts, float weight, TrainedState* state,
                 bool learns) {
  fill(pass, texts, weight, state);
  using enum Learning::Goal;
  learning_.begin(lessons_, pass.reads_only ? kStates : learns ? kGradients : kLoss);
  state_ = learns && !pass.reads_only && pass.part == 0 ? state : nullptr;
}

std::optional<double> Walk::advance() {
  if (!learning_.advance()) return std::nullopt;
  if (state_)
    for (size_t i = 0; i < lessons_.size(); ++i) state_->add(gradients_[i]);
  return learning_.loss();
}

}  // namespace rwkv

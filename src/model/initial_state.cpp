#include "model/initial_state.h"

#include "formats/containers/bytes.h"

namespace rwkv {
namespace {

std::string name_in(int layer) { return "blocks." + std::to_string(layer) + std::string(kTimeState); }

// (H, N, N) with the last two axes swapped, in place.
void turn(Vector& heads, size_t N) {
  for (size_t at = 0; at < heads.size(); at += N * N)
    for (size_t i = 0; i < N; ++i)
      for (size_t j = 0; j < i; ++j) std::swap(heads[at + i * N + j], heads[at + j * N + i]);
}

}  // namespace

InitialState read_initial_state(WeightReader& in, const Config& c) {
  bool is_tuned = false;
  for (int layer = 0; layer < c.layers && !is_tuned && !in.error(); ++layer)
    is_tuned = in.has(name_in(layer));
  if (!is_tuned) return {};
  const bool has_heads = c.version != Version::k4;
  const Shape shape = has_heads ? Shape{c.heads, c.head_size, c.head_size} : Shape{3, c.channels};
  InitialState state;
  for (int layer = 0; layer < c.layers && !in.error(); ++layer) {
    state.push_back(in.vector(name_in(layer), shape));
    if (has_heads) turn(state.back(), size_t(c.head_size));
  }
  return state;
}

Result<InitialState> load_initial_state(const Checkpoint& checkpoint, const Config& c) {
  WeightReader in(checkpoint, Quantization::kF32);
  const auto refuse = [&](const std::string& what) { in.fail(ErrorKind::kBadModel, what); };
  if (checkpoint.find("emb.weight")) refuse("a model, not an initial state");
  for (const auto& [name, tensor] : checkpoint.tensors)
    if (!name.ends_with(kTimeState))
      refuse("not an initial state: expected blocks.N.att.time_state only, file has " + printable(name));
  InitialState state = read_initial_state(in, c);
  if (checkpoint.tensors.size() > size_t(c.layers))
    refuse("expected the states of " + std::to_string(c.layers) + " layers, file has " +
           std::to_string(checkpoint.tensors.size()));
  if (state.empty()) refuse(name_in(0) + ": missing");  // of no layer that the model has
  const auto warnings = in.take_warnings();
  if (!warnings.empty()) refuse(warnings.front());
  if (in.error()) return *in.error();
  return state;
}

}  // namespace rwkv

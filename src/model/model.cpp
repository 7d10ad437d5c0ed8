#include "model/model.h"

#include "model/run_model.h"

namespace rwkv {

void forward(const Model& model, std::span<const Slice> slices, Arena& arena) {
  const ArenaScope scope(arena);
  const Batch batch(slices);
  Calls calls(arena);
  deliver(run_model(calls, model, batch, model.config.layers), batch, slices);
}

}  // namespace rwkv

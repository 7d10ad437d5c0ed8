// Files of initial states, for a model of version 7 with two layers.
#include "model/initial_state.h"

#include "formats/promises.h"
#include "fuzz/memory.h"
#include "fuzz/reader.h"
#include "fuzz/tiny_models.h"

namespace rwkv::fuzz {
namespace {

std::vector<Bytes> seeds() { return {write_safetensors(tiny_states(8, 2))}; }

std::string check(std::span<const std::byte> bytes, bool& good) {
  static const Config config =
      *detect_config(OpenFile(write_safetensors(tiny_model(Version::k7, 8, 2))).checkpoint);
  const MemorySource source("model", bytes);
  const Result<Checkpoint> file = open_checkpoint(source);
  if (!file) return broken_promise(file.error(), source);
  const MemoryMeter meter;
  const Result<InitialState> state = load_initial_state(*file, config);
  if (std::string broken = broken_promise(meter, twice(2 * bytes.size())); !broken.empty()) return broken;
  if (!state)
    return state.error().message.starts_with("model: ")
               ? ""
               : "an error without the name: " + state.error().message;
  good = true;
  if (state->size() != size_t(config.layers)) return "a state of other layers";
  for (const auto& layer : *state)
    if (layer.size() != size_t(config.wkv_floats())) return "a state of another size";
  return {};
}

}  // namespace

const Reader state = {"state", seeds, check};

}  // namespace rwkv::fuzz

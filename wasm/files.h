// A model's file, opened to be loaded.
#pragma once

#include "./js.h"
#include "formats/lora.h"

namespace rwkv {

struct OpenModel {
  explicit OpenModel(const val& model, const val& adapters)
      : source(model), lora(adapters), both(source, lora) {}

  const JsSource source, lora;
  const JoinedSource both;
  Checkpoint checkpoint;
  std::unique_ptr<LoadedModel> result;  // without its weights
  std::vector<std::string> warnings;
};

// `lora`: a source with alpha and scale (NaN: not given), or `null`.
Result<std::unique_ptr<OpenModel>> open_model(const val& js_source, const val& lora, const val& vocabulary);

// The format that was asked for; `null`: what a packed file was made for, else q8.
Quantization chosen(const val& asked, const Checkpoint& checkpoint);

// The memory that the weights will take.
val bytes_needed(const Checkpoint& checkpoint, const val& quantization);

}  // namespace rwkv

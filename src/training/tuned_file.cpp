#include "training/tuned_file.h"

#include <algorithm>
#include <memory>

#include "model/tensor_reader.h"

namespace rwkv {
namespace {

Result<Buffer> copy_of(std::span<const float> values) {
  Buffer copy(values.size_bytes());
  if (!copy) return no_room(values.size_bytes(), "a file to write");
  std::copy(values.begin(), values.end(), copy.as<float>());
  return copy;
}

TensorToWrite as_it_is(std::string name, const Parameter& parameter) {
  return {std::move(name), parameter.shape, [&values = parameter.values] { return copy_of(values); }};
}

// (H, N, N) with the last two axes swapped.
Result<Buffer> turned(const Parameter& parameter) {
  const auto N = size_t(parameter.shape[2]);
  Result<Buffer> copy = copy_of(parameter.values);
  if (!copy) return copy;
  for (float *head = copy->as<float>(), *end = head + parameter.values.size(); head < end; head += N * N)
    for (size_t i = 0; i < N; ++i)
      for (size_t j = 0; j < i; ++j) std::swap(head[i * N + j], head[j * N + i]);
  return copy;
}

}  // namespace

Result<TensorFile> state_file(const std::vector<Parameter>& parameters, TensorFileFormat format) {
  std::vector<TensorToWrite> tensors;
  for (const Parameter& parameter : parameters) {
    tensors.push_back(as_it_is(parameter.name, parameter));
    if (parameter.shape.size() == 3) tensors.back().read = [&parameter] { return turned(parameter); };
  }
  return TensorFile::start(std::move(tensors), format);
}

Result<TensorFile> lora_file(const std::vector<Parameter>& parameters, float alpha, TensorFileFormat format) {
  std::vector<TensorToWrite> tensors;
  for (const Parameter& parameter : parameters) {
    constexpr std::string_view kWeight = ".weight";
    std::string name = parameter.name;
    name.erase(name.rfind(kWeight), kWeight.size());
    tensors.push_back(as_it_is(std::move(name), parameter));
  }
  tensors.push_back({"lora_alpha", {1}, [alpha] { return copy_of(std::span(&alpha, 1)); }});
  return TensorFile::start(std::move(tensors), format);
}

Result<TensorFile> weights_file(const std::vector<Parameter>& parameters, const Checkpoint* base,
                                TensorFileFormat format) {
  std::vector<TensorToWrite> tensors;
  for (const Parameter& parameter : parameters) tensors.push_back(as_it_is(parameter.name, parameter));
  if (!base) return TensorFile::start(std::move(tensors), format);
  const auto reader = std::make_shared<TensorReader>(*base, LoadProgress());
  for (const auto& [name, tensor] : base->tensors) {
    if (std::any_of(parameters.begin(), parameters.end(),
                    [&name = name](const Parameter& parameter) { return parameter.name == name; }))
      continue;
    tensors.push_back({name, tensor.shape, [reader, &tensor = tensor]() -> Result<Buffer> {
                         const Result<Vector> values = reader->values(tensor);
                         if (!values) return values.error();
                         return copy_of(*values);
                       }});
  }
  return TensorFile::start(std::move(tensors), format);
}

}  // namespace rwkv

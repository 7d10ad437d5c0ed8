#include "kernels/choice.h"

#include <algorithm>

#include "kernels/matmul.h"
#include "simd.h"

namespace rwkv {
namespace {

#if defined(__wasm_relaxed_simd__)
constexpr Form kUsualForm = Form::kSplit;
#else
constexpr Form kUsualForm = Form::kDot;
#endif

// What matmul uses, by format.
Choice choices[] = {{Form::kDot, 1, Form::kDot},
                    {Form::kDot, 1, Form::kDot},
                    {kUsualForm, 1, kUsualForm},
                    {kUsualForm, 1, kUsualForm}};

constexpr Form kForms[] = {Form::kDot, Form::kSplit, Form::kFused};
constexpr int kStreams[] = {1, 2, 4};
constexpr const char* kFormNames[] = {"dot", "split", "fused"};

bool has_form(Quantization format, Form form) {
  switch (form) {
    case Form::kDot:
      return true;
    case Form::kSplit:
      return kHasByteDots && format >= Quantization::kQ8;
    case Form::kFused:
      return kHasByteDots && format == Quantization::kQ8;
  }
  return false;
}

}  // namespace

bool is_available(Quantization format, const Choice& choice) {
  const bool is_shape =
      std::find(std::begin(kStreams), std::end(kStreams), choice.streams) != std::end(kStreams);
  return is_shape && has_form(format, choice.row) && has_form(format, choice.rows);
}

Choice current_choice(Quantization format) { return choices[int(format)]; }

void use_choice(Quantization format, const Choice& choice) {
  assert(is_available(format, choice));
  choices[int(format)] = choice;
}

std::string to_string(Quantization format, const Choice& choice) {
  return std::string(quantization_name(format)) + " " + kFormNames[int(choice.row)] + " x" +
         std::to_string(choice.streams) + ", rows " + kFormNames[int(choice.rows)];
}

std::optional<NamedChoice> find_choice(std::string_view name) {
  for (const Quantization format :
       {Quantization::kF32, Quantization::kF16, Quantization::kQ8, Quantization::kQ4})
    for (const Form row : kForms)
      for (const int streams : kStreams)
        for (const Form rows : kForms)
          if (const Choice choice{row, streams, rows};
              is_available(format, choice) && to_string(format, choice) == name)
            return NamedChoice{format, choice};
  return std::nullopt;
}

}  // namespace rwkv

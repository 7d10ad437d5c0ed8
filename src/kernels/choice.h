// Which of the kernels that compute the same thing is used. They give the same bits, so that a choice is a
// matter of speed alone: which one is fastest depends on the machine, and the machine can be asked.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "quant/matrix.h"

namespace rwkv {

// How products with quantised weights are summed:
//   kDot    16-bit products, summed two by two (q8) or kept (q4): what baseline WebAssembly has
//   kSplit  products of bytes summed two by two in 16 bits, then those by another instruction (relaxed SIMD)
//   kFused  products of bytes summed four by four in 32 bits (relaxed SIMD)
// Floating-point weights have one form, kDot. Which the other formats have, matmul_table.h tells.
enum class Form : uint8_t { kDot, kSplit, kFused };
inline constexpr Form kForms[] = {Form::kDot, Form::kSplit, Form::kFused};

inline constexpr int kStreams[] = {1, 2, 4};

struct Choice {
  Form row;     // for one row of x
  int streams;  // for one row: so many parts of a matrix (kStreams) are walked together
  Form rows;    // for many rows

  bool operator==(const Choice&) const = default;
};

// Whether this build has it.
bool is_available(Quantization format, const Choice& choice);

// What matmul uses for matrices of a format: at first what is fast on most machines, and from time to time it
// finds out what is fastest here, on the large products that it is asked for (try_choices in matmul.h).
Choice current_choice(Quantization format);
// From the next product on, until another proves faster. REQUIRES: is_available; no product under way in another
// thread.
void start_from(Quantization format, const Choice& choice);
// The same, for good.
void use_choice(Quantization format, const Choice& choice);

// "q8 split x2, rows fused"
std::string to_string(Quantization format, const Choice& choice);

struct NamedChoice {
  Quantization format;
  Choice choice;
};
// The other way; nothing where the text names no choice that this build has.
std::optional<NamedChoice> find_choice(std::string_view name);

// A format whose choice is another than when this was last asked.
std::optional<NamedChoice> changed_choice();

}  // namespace rwkv

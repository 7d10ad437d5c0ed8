#include "training/identity.h"

#include <algorithm>
#include <charconv>

#include "formats/containers/bytes.h"
#include "formats/containers/checksum.h"
#include "training/weights.h"

namespace rwkv {
namespace {

constexpr size_t kBytesOfMatrix = 4096;  // so that large models are told as quickly

// The line that begins at `at`, and where the next one does.
std::string_view line_at(const std::string& lines, size_t& at) {
  const size_t start = std::min(at, lines.size()), end = std::min(lines.find('\n', start), lines.size());
  at = end + 1;
  return std::string_view(lines).substr(start, end - start);
}

}  // namespace

std::string text_of(float value) {
  char text[32];
  return {text, std::to_chars(text, text + sizeof text, value).ptr};
}

std::string identity_of(Model& model) {
  const Config& c = model.config;
  Checksum weights;
  const auto add = [&](const Norm& norm) {
    weights.add(std::as_bytes(std::span(norm.weight)));
    weights.add(std::as_bytes(std::span(norm.bias)));
  };
  add(model.ln0);
  for (const Layer& layer : model.layers) add(layer.ln1), add(layer.ln2);
  add(model.ln_out);
  for (const Field& field : fields_of(model, "att.time_faaaa"))
    if (const auto* matrix = std::get_if<Matrix*>(&field.place)) {
      const auto bytes = std::as_bytes((*matrix)->data.span());
      weights.add(bytes.first(std::min<size_t>({bytes.size(), (*matrix)->group_bytes(), kBytesOfMatrix})));
    }

  Identity of;
  of.add("version", version_name(c.version));
  of.add("layers", uint64_t(c.layers));
  of.add("channels", uint64_t(c.channels));
  of.add("heads", uint64_t(c.heads));
  of.add("hidden", uint64_t(c.hidden));
  of.add("vocabulary", uint64_t(c.vocabulary));
  of.add("quantization", quantization_name(model.quantization));
  of.add("weights", weights.value());
  return of.lines();
}

std::string difference(const std::string& expected, const std::string& found) {
  for (size_t a = 0, b = 0; a < expected.size();) {
    const std::string_view ours = line_at(expected, a), theirs = line_at(found, b);
    if (ours == theirs) continue;
    const size_t name = ours.rfind(' ');
    const bool is_same_name = theirs.substr(0, name + 1) == ours.substr(0, name + 1);
    return std::string(ours.substr(0, name)) + ": expected " + std::string(ours.substr(name + 1)) +
           ", found " + (is_same_name ? printable(theirs.substr(name + 1)) : "something else");
  }
  return "it has more in it";
}

}  // namespace rwkv

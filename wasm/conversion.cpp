// Files as JavaScript sees them (web/worker/module.ts has the types): inspecting and converting.
#include <map>
#include <optional>

#include "./files.h"
#include "model/conversion.h"
#include "quant/table.h"

namespace rwkv {
namespace {

val inspect(val js_source) {
  const JsSource source(js_source);
  const auto checkpoint = open_checkpoint(source);
  if (!checkpoint) return fail(checkpoint.error());
  val memory = val::object(), dtypes = val::object(), result = val::null();
  for (const Quantization quantization : kQuantizations) {
    const auto plan = plan_model(*checkpoint, quantization);
    if (!plan) return fail(plan.error());
    if (result.isNull()) result = describe(plan->config, checkpoint->format, plan->parameters);
    memory.set(quantization_name(quantization), double(plan->bytes));
  }
  std::map<DType, uint64_t> bytes;
  for (const auto& [name, tensor] : checkpoint->tensors) bytes[tensor.dtype] += tensor.bytes;
  for (const auto& [dtype, count] : bytes) dtypes.set(dtype_name(dtype), double(count));
  result.set("name", source.name());
  result.set("fileBytes", double(source.size()));
  result.set("tensors", double(checkpoint->tensors.size()));
  result.set("dtypes", dtypes);
  result.set("quantization", or_null(checkpoint->packed_as));
  result.set("tokenizer", or_null(checkpoint->vocabulary.kind));
  result.set("memory", memory);
  result.set("sampling", checkpoint->sampling);
  return succeed(result);
}

struct JsConversion {
  JsSource source;
  Checkpoint checkpoint;
  std::optional<Conversion> conversion;
};

// `sampling`: what the packed file recommends, `null`: what the file does.
val start_conversion(val js_source, val quantization, val sampling) {
  auto js = std::make_unique<JsConversion>(JsConversion{JsSource(js_source), {}, {}});
  auto checkpoint = open_checkpoint(js->source);
  if (!checkpoint) return fail(checkpoint.error());
  js->checkpoint = std::move(*checkpoint);
  if (!sampling.isNull()) js->checkpoint.sampling = sampling.as<std::string>();
  auto conversion = Conversion::start(js->checkpoint, chosen(quantization, js->checkpoint));
  if (!conversion) return fail(conversion.error());
  js->conversion.emplace(std::move(*conversion));
  return succeed(val(std::move(js)));
}

// The next piece of the packed file; `null` behind the last.
val next_piece(JsConversion& js) { return answer_piece(js.conversion->next()); }

}  // namespace

EMSCRIPTEN_BINDINGS(rwkv_conversion) {
  emscripten::class_<JsConversion>("Conversion")
      .function("bytes", emscripten::optional_override(
                             [](const JsConversion& js) { return double(js.conversion->bytes()); }))
      .function("next", &next_piece);
  emscripten::function("inspect", &inspect);
  emscripten::function("startConversion", &start_conversion);
}

}  // namespace rwkv

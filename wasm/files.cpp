// Files as JavaScript sees them (web/worker/module.ts has the types): inspecting, converting and loading.
#include <cstdlib>
#include <map>
#include <optional>

#include "./js.h"
#include "formats/lora.h"
#include "kernels/choice.h"
#include "model/conversion.h"
#include "quant/table.h"
#include "session/session.h"
#include "tokenizer/embedded_tokenizer.h"

namespace rwkv {
namespace {

// `null`: none. 'embedded': the file's own, which may be none. 'bytes'. { kind, name, bytes }: a trie file;
// with `count`: a list of so many strings, to decode with.
Result<std::unique_ptr<Tokenizer>> make_tokenizer(const val& vocabulary, const Checkpoint& checkpoint,
                                                  std::vector<std::string>& warnings) {
  if (vocabulary.isNull()) return std::unique_ptr<Tokenizer>();
  if (vocabulary.isString())
    return vocabulary.as<std::string>() == "bytes" ? make_byte_tokenizer()
                                                   : embedded_tokenizer(checkpoint, warnings);
  const auto name = vocabulary["name"].as<std::string>();
  const auto bytes = text_of(vocabulary["bytes"], name.c_str());
  if (!bytes) return bytes.error();
  const val count = vocabulary["count"];
  return count.isNumber() ? make_decoder(name, *bytes, uint64_t(count.as<double>()))
                          : make_world_tokenizer(name, *bytes);
}

// What was asked for; `null`: what a packed file was made for, else q8.
Quantization chosen(const val& asked, const Checkpoint& checkpoint) {
  const std::string name = asked.isNull() ? checkpoint.packed_as : asked.as<std::string>();
  return find_quantization(name).value_or(Quantization::kQ8);
}

// A model in the making. Its parts are read one by one, so that the worker hears its messages in between and
// a browser collects what its file reader leaves.
struct JsLoading {
  explicit JsLoading(const val& model, const val& adapters)
      : source(model), lora(adapters), both(source, lora) {}

  const JsSource source, lora;
  const JoinedSource both;
  Checkpoint checkpoint;
  std::unique_ptr<LoadedModel> result;
  std::vector<std::string> warnings;
  std::optional<Loading> loading;
  std::optional<NamedChoice> kernels;  // which were asked for; else the fastest are found out as it goes
};

// `kernels`: the name of a choice, or `null`; `fast_kernels`: names of those to start from, where this build has
// them; `lora`: a source with alpha and scale (NaN: not given), or `null`.
val start_loading(val js_source, val lora, val vocabulary, val quantization, val kernels, val fast_kernels,
                  val on_progress) {
  auto js = std::make_unique<JsLoading>(js_source, lora.isNull() ? js_source : lora);
  if (!kernels.isNull()) {
    js->kernels = find_choice(kernels.as<std::string>());
    if (!js->kernels)
      return fail(
          {ErrorKind::kUnsupported, "kernels: this build has no '" + kernels.as<std::string>() + "'"});
  }
  for (const val& name : fast_kernels)
    if (const auto fast = find_choice(name.as<std::string>())) start_from(fast->format, fast->choice);
  auto checkpoint = open_checkpoint(js->source);
  if (!checkpoint) return fail(checkpoint.error());
  js->checkpoint = std::move(*checkpoint);
  if (!lora.isNull()) {
    const LoraScale scale{lora["alpha"].as<float>(), lora["scale"].as<float>()};
    if (const auto joined = join_lora(js->checkpoint, js->both, scale); !joined) return fail(joined.error());
  }
  auto tokenizer = make_tokenizer(vocabulary, js->checkpoint, js->warnings);
  if (!tokenizer) return fail(tokenizer.error());
  const auto config = detect_config(js->checkpoint);
  if (!config) return fail(config.error());
  const bool is_file = !vocabulary.isNull() && !vocabulary.isString();
  const std::string kind =
      vocabulary.isNull() ? "" : (is_file ? vocabulary["kind"] : vocabulary).as<std::string>();
  const std::string file = is_file              ? vocabulary["name"].as<std::string>()
                           : kind == "embedded" ? js->source.name()
                                                : kind;
  if (const auto fits = check_vocabulary(file, tokenizer->get(), *config); !fits) return fail(fits.error());
  js->result = std::make_unique<LoadedModel>(
      LoadedModel{{}, std::move(*tokenizer), "", js->checkpoint.format, js->checkpoint.sampling});
  if (js->result->tokenizer) js->result->tokenizer_kind = kind;
  auto loading = Loading::start(
      js->checkpoint, chosen(quantization, js->checkpoint),
      [on_progress](uint64_t loaded, uint64_t total) { on_progress(double(loaded), double(total)); });
  if (!loading) return fail(loading.error());
  js->loading.emplace(std::move(*loading));
  return succeed(val(std::move(js)));
}

// The memory that the weights will take.
val bytes_needed(const JsLoading& js, val quantization) {
  const auto plan = plan_model(js.checkpoint, chosen(quantization, js.checkpoint));
  return plan ? succeed(val(double(plan->bytes))) : fail(plan.error());
}

// Reads the next part; the model after the last, `null` before.
val next_part(JsLoading& js) {
  const auto more = js.loading->next();
  if (!more) return fail(more.error());
  if (*more) return succeed(val::null());
  Model model = js.loading->finish();
  model.warnings.insert(model.warnings.begin(), js.warnings.begin(), js.warnings.end());
  if (js.kernels) use_choice(js.kernels->format, js.kernels->choice);
  js.result->model = std::move(model);
  return succeed(val(std::move(js.result)));
}

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

EMSCRIPTEN_BINDINGS(rwkv_files) {
  emscripten::class_<JsLoading>("Loading").function("bytes", &bytes_needed).function("next", &next_part);
  emscripten::class_<JsConversion>("Conversion")
      .function("bytes", emscripten::optional_override(
                             [](const JsConversion& js) { return double(js.conversion->bytes()); }))
      .function("next", &next_piece);
  emscripten::function("startLoading", &start_loading);
  emscripten::function("hasRoom",
                       emscripten::optional_override([](double bytes) { return has_room(uint64_t(bytes)); }));
  emscripten::function("inspect", &inspect);
  emscripten::function("startConversion", &start_conversion);
}

}  // namespace rwkv

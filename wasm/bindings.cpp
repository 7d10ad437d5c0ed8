// The core as JavaScript sees it (web/engine.ts has the types). Translates, does not think. No C++ exception
// exists, and no JavaScript one may pass through: callbacks answer with a message instead. What fails answers
// { error }, the rest { value }. Arrays leave as copies; a view of the heap never outlives a call.
#include <emscripten/bind.h>
#include <emscripten/val.h>

#include <map>
#include <memory>
#include <optional>

#include "embedded_tokenizer.h"
#include "formats/checkpoint.h"
#include "model/conversion.h"
#include "model/initial_state.h"
#include "session.h"
#include "tokenizer/tokenizer.h"

namespace rwkv {
namespace {

using emscripten::typed_memory_view;
using emscripten::val;

val succeed(val value) {
  val result = val::object();
  result.set("value", value);
  return result;
}

val fail(const Error& error) {
  val inner = val::object(), result = val::object();
  inner.set("code", std::string(error_code(error.kind)));
  inner.set("message", error.message);
  result.set("error", inner);
  return result;
}

template <class Element>
val copy_of(const char* type, std::span<const Element> values) {
  return val::global(type).new_(typed_memory_view(values.size(), values.data()));
}

std::vector<Token> tokens_of(const val& ids) { return emscripten::convertJSArrayToNumberVector<Token>(ids); }

// JavaScript's { name, size, read(offset, into) -> '' or what went wrong }.
class JsSource final : public Source {
 public:
  explicit JsSource(val source)
      : Source(source["name"].as<std::string>()),
        source_(source),
        size_(uint64_t(source["size"].as<double>())) {}
  uint64_t size() const override { return size_; }
  Status read(uint64_t offset, std::span<std::byte> out) const override {
    const val view(typed_memory_view(out.size(), reinterpret_cast<uint8_t*>(out.data())));
    const auto message = source_.call<std::string>("read", double(offset), view);
    if (message.empty()) return Done{};
    return Error{ErrorKind::kReadFailed, name() + ": " + message};
  }

 private:
  val source_;
  uint64_t size_;
};

struct LoadedModel {
  Model model;
  std::unique_ptr<Tokenizer> tokenizer;  // nullptr: token ids only
  std::string tokenizer_kind;
  const char* format;  // of the file
};

struct JsSession {
  Session session;
};

// `null`: none. 'embedded': the file's own, which may be none. 'bytes'. { kind, name, bytes }: a trie file;
// with `count`: a list of so many strings, to decode with.
Result<std::unique_ptr<Tokenizer>> make_tokenizer(const val& vocabulary, const Checkpoint& checkpoint,
                                                  std::vector<std::string>& warnings) {
  if (vocabulary.isNull()) return std::unique_ptr<Tokenizer>();
  if (vocabulary.isString())
    return vocabulary.as<std::string>() == "bytes" ? make_byte_tokenizer()
                                                   : embedded_tokenizer(checkpoint, warnings);
  const auto name = vocabulary["name"].as<std::string>(), bytes = vocabulary["bytes"].as<std::string>();
  const val count = vocabulary["count"];
  return count.isNumber() ? make_decoder(name, bytes, uint64_t(count.as<double>()))
                          : make_world_tokenizer(name, bytes);
}

constexpr Quantization kQuantizations[] = {Quantization::kF32, Quantization::kF16, Quantization::kQ8,
                                           Quantization::kQ4};

// What was asked for; `null`: what a packed file was made for, else q8.
Quantization chosen(const val& asked, const Checkpoint& checkpoint) {
  const std::string name = asked.isNull() ? checkpoint.packed_as : asked.as<std::string>();
  for (const Quantization known : kQuantizations)
    if (name == quantization_name(known)) return known;
  return Quantization::kQ8;
}

val load_model(val js_source, val vocabulary, val quantization, val on_progress) {
  const JsSource source(js_source);
  const auto checkpoint = open_checkpoint(source);
  if (!checkpoint) return fail(checkpoint.error());
  std::vector<std::string> warnings;
  auto tokenizer = make_tokenizer(vocabulary, *checkpoint, warnings);
  if (!tokenizer) return fail(tokenizer.error());
  auto model =
      load_model(*checkpoint, chosen(quantization, *checkpoint),
                 [&](uint64_t loaded, uint64_t total) { on_progress(double(loaded), double(total)); });
  if (!model) return fail(model.error());
  const bool is_file = !vocabulary.isNull() && !vocabulary.isString();
  const std::string kind =
      vocabulary.isNull() ? "" : (is_file ? vocabulary["kind"] : vocabulary).as<std::string>();
  const std::string file = is_file              ? vocabulary["name"].as<std::string>()
                           : kind == "embedded" ? source.name()
                                                : kind;
  if (const auto fits = check_vocabulary(file, tokenizer->get(), model->config); !fits)
    return fail(fits.error());
  model->warnings.insert(model->warnings.begin(), warnings.begin(), warnings.end());
  auto loaded = std::make_unique<LoadedModel>(
      LoadedModel{std::move(*model), std::move(*tokenizer), "", checkpoint->format});
  if (loaded->tokenizer) loaded->tokenizer_kind = kind;
  return succeed(val(std::move(loaded)));
}

val strings(std::span<const std::string> texts) {
  val array = val::array();
  for (const std::string& text : texts) array.call<void>("push", text);
  return array;
}

val or_null(const std::string& text) { return text.empty() ? val::null() : val(text); }

val describe(const Config& config, const char* format, uint64_t parameters) {
  val result = val::object();
  result.set("format", std::string(format));
  result.set("version", std::string(version_name(config.version)));
  result.set("layers", config.layers);
  result.set("channels", config.channels);
  result.set("heads", config.heads);
  result.set("headSize", config.head_size);
  result.set("hidden", config.hidden);
  result.set("vocabulary", config.vocabulary);
  result.set("parameters", double(parameters));
  return result;
}

val info(const LoadedModel& loaded) {
  const Model& model = loaded.model;
  val result = describe(model.config, loaded.format, model.parameters);
  result.set("bytes", double(model.bytes));
  result.set("quantization", std::string(quantization_name(model.quantization)));
  result.set("tokenizer", or_null(loaded.tokenizer_kind));
  result.set("warnings", strings(model.warnings));
  return result;
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
  return succeed(result);
}

struct JsConversion {
  JsSource source;
  Checkpoint checkpoint;
  std::optional<Conversion> conversion;
};

val start_conversion(val js_source, val quantization) {
  auto js = std::make_unique<JsConversion>(JsConversion{JsSource(js_source), {}, {}});
  auto checkpoint = open_checkpoint(js->source);
  if (!checkpoint) return fail(checkpoint.error());
  js->checkpoint = std::move(*checkpoint);
  auto conversion = Conversion::start(js->checkpoint, chosen(quantization, js->checkpoint));
  if (!conversion) return fail(conversion.error());
  js->conversion.emplace(std::move(*conversion));
  return succeed(val(std::move(js)));
}

// The next piece of the packed file; `null` behind the last.
val next_piece(JsConversion& js) {
  const auto piece = js.conversion->next();
  if (!piece) return fail(piece.error());
  if (piece->bytes() == 0) return succeed(val::null());
  return succeed(copy_of("Uint8Array", std::span(piece->as<uint8_t>(), piece->bytes())));
}

// REQUIRES: a tokenizer, where the text is not empty.
val tokenize(const LoadedModel& loaded, const std::string& text) {
  std::vector<Token> ids;
  if (!text.empty())
    if (const auto encoded = loaded.tokenizer->encode(text, ids); !encoded) return fail(encoded.error());
  return succeed(copy_of<Token>("Int32Array", ids));
}

std::string detokenize(const LoadedModel& loaded, val ids) {
  Utf8Stream stream;
  std::string text;
  for (const Token id : tokens_of(ids)) text += stream.push(loaded.tokenizer->bytes(id));
  return text + stream.finish();
}

uint64_t seed_of(uint32_t low, uint32_t high) { return uint64_t(high) << 32 | low; }

// From the state of a file, or `null`: from the model's own.
val create_session(const LoadedModel& loaded, uint32_t seed_low, uint32_t seed_high, val js_state) {
  const auto start_from = [&](const InitialState& initial) {
    return succeed(val(std::make_unique<JsSession>(
        Session(loaded.model, loaded.tokenizer.get(), seed_of(seed_low, seed_high), initial))));
  };
  if (js_state.isNull()) return start_from(loaded.model.initial_state);
  const JsSource source(js_state);
  const auto checkpoint = open_checkpoint(source);
  if (!checkpoint) return fail(checkpoint.error());
  const auto initial = load_initial_state(*checkpoint, loaded.model.config);
  return initial ? start_from(*initial) : fail(initial.error());
}

val prompt(JsSession& js, val ids) {
  const auto queued = js.session.prompt(tokens_of(ids));
  return queued ? succeed(val::null()) : fail(queued.error());
}

val logits(const JsSession& js) {
  return js.session.logits().empty() ? val::null() : copy_of("Float32Array", js.session.logits());
}

val sample(JsSession& js, const SamplingOptions& options) {
  const Piece piece = js.session.sample(options);
  val result = val::object();
  result.set("token", piece.token);
  result.set("text", piece.text);
  return result;
}

void advance(val js_sessions) {
  static Arena arena;
  std::vector<Session*> sessions;
  for (const val& js : js_sessions)
    sessions.push_back(&js.as<JsSession*>(emscripten::allow_raw_pointers())->session);
  read_pending(sessions, arena);
}

}  // namespace

EMSCRIPTEN_BINDINGS(rwkv) {
  emscripten::value_object<SamplingOptions>("SamplingOptions")
      .field("temperature", &SamplingOptions::temperature)
      .field("topP", &SamplingOptions::top_p)
      .field("topK", &SamplingOptions::top_k)
      .field("presencePenalty", &SamplingOptions::presence_penalty)
      .field("frequencyPenalty", &SamplingOptions::frequency_penalty)
      .field("penaltyDecay", &SamplingOptions::penalty_decay);
  emscripten::class_<LoadedModel>("Model")
      .function("info", &info)
      .function("tokenize", &tokenize)
      .function("detokenize", &detokenize)
      .function("createSession", &create_session);
  emscripten::class_<JsConversion>("Conversion")
      .function("bytes", emscripten::optional_override(
                             [](const JsConversion& js) { return double(js.conversion->bytes()); }))
      .function("next", &next_piece);
  emscripten::class_<JsSession>("Session")
      .function("prompt", &prompt)
      .function("pending",
                emscripten::optional_override([](const JsSession& js) { return js.session.pending(); }))
      .function("reseed", emscripten::optional_override([](JsSession& js, uint32_t low, uint32_t high) {
                  js.session.reseed(seed_of(low, high));
                }))
      .function("logits", &logits)
      .function("sample", &sample);
  emscripten::function("loadModel", emscripten::select_overload<val(val, val, val, val)>(&load_model));
  emscripten::function("inspect", &inspect);
  emscripten::function("startConversion", &start_conversion);
  emscripten::function("advance", &advance);
}

}  // namespace rwkv

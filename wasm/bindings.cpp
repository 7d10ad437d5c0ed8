// The core as JavaScript sees it (web/engine.ts has the types). Translates, does not think. No C++ exception
// exists, and no JavaScript one may pass through: callbacks answer with a message instead. What fails answers
// { error }, the rest { value }. Arrays leave as copies; a view of the heap never outlives a call.
#include <emscripten/bind.h>
#include <emscripten/val.h>

#include <memory>

#include "formats/checkpoint.h"
#include "model/weights.h"
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
  const char* tokenizer_name;
};

struct JsSession {
  Session session;
};

Result<std::unique_ptr<Tokenizer>> make_tokenizer(const val& vocabulary) {
  if (vocabulary.isNull()) return std::unique_ptr<Tokenizer>();
  if (vocabulary.isString()) return make_byte_tokenizer();
  return make_world_tokenizer(vocabulary["name"].as<std::string>(), vocabulary["bytes"].as<std::string>());
}

Quantization quantization_of(const std::string& name) {
  return name == "f32" ? Quantization::kF32 : name == "f16" ? Quantization::kF16 : Quantization::kQ8;
}

val load_model(val js_source, val vocabulary, const std::string& quantization, val on_progress) {
  const JsSource source(js_source);
  auto tokenizer = make_tokenizer(vocabulary);
  if (!tokenizer) return fail(tokenizer.error());
  const auto checkpoint = open_checkpoint(source);
  if (!checkpoint) return fail(checkpoint.error());
  auto model = load_model(*checkpoint, quantization_of(quantization), [&](uint64_t loaded, uint64_t total) {
    on_progress(double(loaded), double(total));
  });
  if (!model) return fail(model.error());
  const std::string file =
      vocabulary.isNull() || vocabulary.isString() ? "bytes" : vocabulary["name"].as<std::string>();
  if (const auto fits = check_vocabulary(file, tokenizer->get(), model->config); !fits)
    return fail(fits.error());
  const char* name = !*tokenizer ? nullptr : vocabulary.isString() ? "bytes" : "world";
  return succeed(val(std::make_unique<LoadedModel>(std::move(*model), std::move(*tokenizer), name)));
}

val info(const LoadedModel& loaded) {
  const Model& model = loaded.model;
  val result = val::object();
  result.set("version", std::string(version_name(model.config.version)));
  result.set("layers", model.config.layers);
  result.set("channels", model.config.channels);
  result.set("heads", model.config.heads);
  result.set("headSize", model.config.head_size);
  result.set("hidden", model.config.hidden);
  result.set("vocabulary", model.config.vocabulary);
  result.set("parameters", double(model.parameters));
  result.set("bytes", double(model.bytes));
  result.set("quantization", std::string(quantization_name(model.quantization)));
  result.set("tokenizer", loaded.tokenizer_name ? val(std::string(loaded.tokenizer_name)) : val::null());
  return result;
}

val tokenize(const LoadedModel& loaded, const std::string& text) {
  std::vector<Token> ids;
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

std::unique_ptr<JsSession> create_session(const LoadedModel& loaded, uint32_t seed_low, uint32_t seed_high) {
  return std::make_unique<JsSession>(
      Session(loaded.model, loaded.tokenizer.get(), seed_of(seed_low, seed_high)));
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
  emscripten::class_<JsSession>("Session")
      .function("prompt", &prompt)
      .function("pending",
                emscripten::optional_override([](const JsSession& js) { return js.session.pending(); }))
      .function("reseed", emscripten::optional_override([](JsSession& js, uint32_t low, uint32_t high) {
                  js.session.reseed(seed_of(low, high));
                }))
      .function("logits", &logits)
      .function("sample", &sample);
  emscripten::function("loadModel",
                       emscripten::select_overload<val(val, val, const std::string&, val)>(&load_model));
  emscripten::function("advance", &advance);
}

}  // namespace rwkv

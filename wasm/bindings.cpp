// Models and sessions as JavaScript sees them (web/engine.ts has the types). Translates, does not think.
#include "./js.h"
#include "formats/checkpoint.h"
#include "model/initial_state.h"
#include "session.h"

namespace rwkv {
namespace {

std::vector<Token> tokens_of(const val& ids) { return emscripten::convertJSArrayToNumberVector<Token>(ids); }

struct JsSession {
  Session session;
};

val strings(std::span<const std::string> texts) {
  val array = val::array();
  for (const std::string& text : texts) array.call<void>("push", text);
  return array;
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
  emscripten::class_<JsSession>("Session")
      .function("prompt", &prompt)
      .function("pending",
                emscripten::optional_override([](const JsSession& js) { return js.session.pending(); }))
      .function("reseed", emscripten::optional_override([](JsSession& js, uint32_t low, uint32_t high) {
                  js.session.reseed(seed_of(low, high));
                }))
      .function("logits", &logits)
      .function("sample", &sample);
  emscripten::function("advance", &advance);
}

}  // namespace rwkv

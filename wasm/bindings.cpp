// Models and sessions as JavaScript sees them (web/worker/module.ts has the types). Translates, does not think.
#include "./js.h"
#include "formats/checkpoint.h"
#include "model/initial_state.h"
#include "sampling/logprobs.h"
#include "session/scoring.h"
#include "session/session.h"

namespace rwkv {
namespace {

std::vector<Token> tokens_of(const val& ids) { return emscripten::convertJSArrayToNumberVector<Token>(ids); }

struct JsSession {
  Session session;
  SamplingOptions options = {};
  int top_logprobs = -1;  // how many of the likeliest tokens each step tells; -1: no log probabilities at all
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
  result.set("stateBytes", double(State(model.config).size() * sizeof(float)));
  result.set("quantization", std::string(quantization_name(model.quantization)));
  result.set("tokenizer", or_null(loaded.tokenizer_kind));
  result.set("kernels", loaded.kernels);
  result.set("sampling", loaded.sampling);
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

// The bytes of all tokens, one after the other, and where each ends. REQUIRES: a tokenizer.
val token_bytes(const LoadedModel& loaded) {
  std::string bytes;
  std::vector<int32_t> ends;
  for (Token id = 0; id < loaded.tokenizer->size(); ++id) {
    bytes += loaded.tokenizer->bytes(id);
    ends.push_back(int32_t(bytes.size()));
  }
  val result = val::object();
  result.set("bytes",
             copy_of("Uint8Array", std::span(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size())));
  result.set("ends", copy_of<int32_t>("Int32Array", ends));
  return result;
}

uint64_t seed_of(uint32_t low, uint32_t high) { return uint64_t(high) << 32 | low; }

// From the state of a file or a saved session, or `null`: from the model's own initial state. A saved session
// goes on with its own chance unless `is_seeded`.
val create_session(const LoadedModel& loaded, uint32_t seed_low, uint32_t seed_high, bool is_seeded,
                   val js_state) {
  const uint64_t seed = seed_of(seed_low, seed_high);
  const Tokenizer* tokenizer = loaded.tokenizer.get();
  const auto answer = [](Session session) {
    return succeed(val(std::make_unique<JsSession>(JsSession{std::move(session)})));
  };
  if (js_state.isNull()) return answer(Session(loaded.model, tokenizer, seed));
  const JsSource source(js_state);
  if (Session::is_saved(source)) {
    auto session = Session::restore(loaded.model, tokenizer, source);
    if (!session) return fail(session.error());
    if (is_seeded) session->reseed(seed);
    return answer(std::move(*session));
  }
  const auto checkpoint = open_checkpoint(source);
  if (!checkpoint) return fail(checkpoint.error());
  const auto initial = load_initial_state(*checkpoint, loaded.model.config);
  return initial ? answer(Session(loaded.model, tokenizer, seed, *initial)) : fail(initial.error());
}

std::unique_ptr<JsSession> fork(const JsSession& js) { return std::make_unique<JsSession>(js); }

val save(const JsSession& js, bool as_halves) {
  const auto bytes = js.session.save(as_halves ? Session::SavedAs::kF16 : Session::SavedAs::kF32);
  return copy_of("Uint8Array", std::span(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()));
}

// How sample() draws from now on. `ids` and `biases` are the logit bias.
void configure(JsSession& js, const SamplingOptions& options, val ids, val biases, int top_logprobs) {
  js.options = options;
  js.top_logprobs = top_logprobs;
  const auto tokens = tokens_of(ids);
  const auto values = emscripten::convertJSArrayToNumberVector<float>(biases);
  for (size_t i = 0; i < tokens.size(); ++i) js.options.logit_bias[tokens[i]] = values[i];
}

val prompt(JsSession& js, val ids) {
  const auto queued = js.session.prompt(tokens_of(ids));
  return queued ? succeed(val::null()) : fail(queued.error());
}

void repeat(JsSession& js, val ids, const JsSession& other) {
  js.session.repeat(tokens_of(ids), js.options, other.session);
}

val logits(const JsSession& js) {
  return js.session.logits().empty() ? val::null() : copy_of("Float32Array", js.session.logits());
}

// `allowed` as a Uint32Array of bits, or null.
val sample(JsSession& js, val allowed) {
  std::vector<uint32_t> bits;
  if (!allowed.isNull()) bits = emscripten::convertJSArrayToNumberVector<uint32_t>(allowed);
  const Piece piece = js.session.sample(js.options, bits);
  val result = val::object();
  result.set("token", piece.token);
  result.set("text", piece.text);
  if (js.top_logprobs < 0) return result;
  const std::span<const float> logits = js.session.logits();  // those that it was drawn from, still
  val likeliest = val::array();
  for (const auto& [token, value] : top_log_probabilities(logits, js.top_logprobs)) {
    val one = val::object();
    one.set("token", token);
    one.set("text", js.session.text_of(token));
    one.set("logprob", value);
    likeliest.call<void>("push", one);
  }
  result.set("logprob", log_probability(logits, piece.token));
  result.set("topLogprobs", likeliest);
  return result;
}

val start_scoring(const LoadedModel& loaded, val ids, int top) {
  return val(std::make_unique<Scoring>(loaded.model, tokens_of(ids), top));
}

val start_pooling(const LoadedModel& loaded, val ids) {
  return val(std::make_unique<Pooling>(loaded.model, tokens_of(ids)));
}

// Scratch memory of every pass over the weights.
Arena arena;

// Reads the next chunk; the log probabilities of all tokens behind the last, `null` before.
val next_scores(Scoring& scoring) {
  if (!scoring.is_done()) scoring.next(arena);
  return scoring.is_done() ? copy_of<float>("Float32Array", scoring.log_probabilities()) : val::null();
}

val next_pool(Pooling& pooling) {
  if (!pooling.is_done()) pooling.next(arena);
  return pooling.is_done() ? copy_of<float>("Float32Array", pooling.mean()) : val::null();
}

// One pass: of each session at most so many tokens.
void advance(val js_sessions, val most) {
  std::vector<Session*> sessions;
  for (const val& js : js_sessions)
    sessions.push_back(&js.as<JsSession*>(emscripten::allow_raw_pointers())->session);
  read_pending(sessions, arena, tokens_of(most));
}

}  // namespace

EMSCRIPTEN_BINDINGS(rwkv) {
  emscripten::value_object<SamplingOptions>("SamplingOptions")
      .field("temperature", &SamplingOptions::temperature)
      .field("topP", &SamplingOptions::top_p)
      .field("topK", &SamplingOptions::top_k)
      .field("minP", &SamplingOptions::min_p)
      .field("typicalP", &SamplingOptions::typical_p)
      .field("presencePenalty", &SamplingOptions::presence_penalty)
      .field("frequencyPenalty", &SamplingOptions::frequency_penalty)
      .field("penaltyDecay", &SamplingOptions::penalty_decay);
  emscripten::class_<LoadedModel>("Model")
      .function("info", &info)
      .function("tokenize", &tokenize)
      .function("detokenize", &detokenize)
      .function("tokenBytes", &token_bytes)
      .function("createSession", &create_session)
      .function("score", &start_scoring)
      .function("pool", &start_pooling);
  emscripten::class_<Scoring>("Scoring").function("next", &next_scores);
  emscripten::class_<Pooling>("Pooling").function("next", &next_pool);
  emscripten::class_<JsSession>("Session")
      .function("prompt", &prompt)
      .function("pending",
                emscripten::optional_override([](const JsSession& js) { return js.session.pending(); }))
      .function("reseed", emscripten::optional_override([](JsSession& js, uint32_t low, uint32_t high) {
                  js.session.reseed(seed_of(low, high));
                }))
      .function("reset", emscripten::optional_override([](JsSession& js) { js.session.reset(); }))
      .function("adopt", emscripten::optional_override(
                             [](JsSession& js, const JsSession& other) { js.session.adopt(other.session); }))
      .function("fork", &fork)
      .function("save", &save)
      .function("configure", &configure)
      .function("repeat", &repeat)
      .function("logits", &logits)
      .function("sample", &sample);
  emscripten::function("advance", &advance);
}

}  // namespace rwkv

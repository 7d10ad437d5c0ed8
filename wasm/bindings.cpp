// Models and sessions as JavaScript sees them (web/worker/module.ts has the types). Translates, does not think.
#include <emscripten/em_js.h>

#include "./sessions.h"
#include "formats/checkpoint.h"
#include "model/initial_state.h"
#include "sampling/logprobs.h"
#include "session/scoring.h"

EM_JS_DEPS(rwkv_copy, "$Emval");
EM_JS(emscripten::EM_VAL, rwkv_copy, (emscripten::EM_VAL view), {
  try {
    return Emval.toHandle(Emval.toValue(view).slice());
  } catch {
    return Emval.toHandle(null);
  }
});

namespace rwkv {
namespace {

Result<std::vector<Token>> tokens_of(const val& ids) { return numbers_of<Token>(ids, "tokens"); }

constexpr uint64_t kBytesOfBias = 64;  // of one token in a logit bias

val strings(std::span<const std::string> texts) {
  val array = val::array();
  for (const std::string& text : texts) array.call<void>("push", text);
  return array;
}

val info(const LoadedModel& loaded) {
  const Model& model = loaded.model;
  val result = describe(model.config, loaded.format, model.parameters);
  result.set("bytes", double(model.bytes));
  result.set("stateBytes", double(State::size(model.config) * sizeof(float)));
  result.set("quantization", std::string(quantization_name(model.quantization)));
  result.set("tokenizer", or_null(loaded.tokenizer_kind));
  result.set("kernels", kernels_of(model));
  result.set("sampling", loaded.sampling);
  result.set("warnings", strings(model.warnings));
  return result;
}

// REQUIRES: a tokenizer, where the text is not empty.
val tokenize(const LoadedModel& loaded, val js_text) {
  const auto text = text_of(js_text, "a text");
  if (!text) return fail(text.error());
  std::vector<Token> ids;
  if (const Status room = require_room(sizeof(Token) * text->size(), "the tokens of a text"); !room)
    return fail(room.error());
  ids.reserve(text->size());
  if (!text->empty())
    if (const auto encoded = loaded.tokenizer->encode(*text, ids); !encoded) return fail(encoded.error());
  return answer(copy_of<Token>(ids));
}

val detokenize(const LoadedModel& loaded, val js_ids) {
  const auto ids = tokens_of(js_ids);
  if (!ids) return fail(ids.error());
  uint64_t bytes = 0;
  for (const Token id : *ids) bytes += loaded.tokenizer->bytes(id).size();
  bytes *= 3;  // as U+FFFD
  if (const Status room = require_room(2 * bytes, "the text of tokens"); !room) return fail(room.error());
  Utf8Stream stream;
  std::string text;
  text.reserve(size_t(bytes) + 3);
  for (const Token id : *ids) text += stream.push(loaded.tokenizer->bytes(id));
  return succeed(val(text += stream.finish()));
}

// The bytes of all tokens, one after the other, and where each ends. REQUIRES: a tokenizer.
val token_bytes(const LoadedModel& loaded) {
  const Tokenizer& tokenizer = *loaded.tokenizer;
  uint64_t total = 0;
  for (Token id = 0; id < tokenizer.size(); ++id) total += tokenizer.bytes(id).size();
  const uint64_t size = total + sizeof(int32_t) * uint64_t(tokenizer.size());
  if (const Status room = require_room(size, "the bytes of all tokens"); !room) return fail(room.error());
  std::string bytes;
  std::vector<int32_t> ends;
  bytes.reserve(size_t(total));
  ends.reserve(size_t(tokenizer.size()));
  for (Token id = 0; id < tokenizer.size(); ++id) {
    bytes += tokenizer.bytes(id);
    ends.push_back(int32_t(bytes.size()));
  }
  const auto js_bytes = copy_of(std::as_bytes(std::span(bytes)));
  const auto js_ends = copy_of<int32_t>(ends);
  if (!js_bytes || !js_ends) return fail((js_bytes ? js_ends : js_bytes).error());
  val result = val::object();
  result.set("bytes", *js_bytes);
  result.set("ends", *js_ends);
  return succeed(result);
}

uint64_t seed_of(uint32_t low, uint32_t high) { return uint64_t(high) << 32 | low; }

val session_of(Result<Session> session, const SamplingOptions& options = {}, int top_logprobs = -1) {
  if (!session) return fail(session.error());
  if (const Status room = require_room(kBytesOfBias * options.logit_bias.size(), "a session"); !room)
    return fail(room.error());
  return succeed(val(std::make_unique<JsSession>(JsSession{std::move(*session), options, top_logprobs})));
}

// From the state of a file or a saved session, or `null`: from the model's own initial state. A saved session
// goes on with its own chance unless `is_seeded`.
val create_session(const LoadedModel& loaded, uint32_t seed_low, uint32_t seed_high, bool is_seeded,
                   val js_state) {
  const uint64_t seed = seed_of(seed_low, seed_high);
  const Tokenizer* tokenizer = loaded.tokenizer.get();
  if (js_state.isNull()) return session_of(Session::create(loaded.model, tokenizer, seed));
  const JsSource source(js_state);
  if (Session::is_saved(source)) {
    auto session = Session::restore(loaded.model, tokenizer, source);
    if (session && is_seeded) session->reseed(seed);
    return session_of(std::move(session));
  }
  const auto checkpoint = open_checkpoint(source);
  if (!checkpoint) return fail(checkpoint.error());
  auto initial = load_initial_state(*checkpoint, loaded.model.config);
  if (!initial) return fail(initial.error());
  return session_of(Session::create(loaded.model, tokenizer, seed, std::move(*initial)));
}

val fork(const JsSession& js) { return session_of(js.session.fork(), js.options, js.top_logprobs); }

val save(const JsSession& js, bool as_halves) {
  if (!js.session.is_here()) return fail({ErrorKind::kReadFailed, "the state of a session is on the device"});
  const auto bytes = js.session.save(as_halves ? Session::SavedAs::kF16 : Session::SavedAs::kF32);
  return bytes ? answer(copy_of(std::span<const std::byte>(*bytes))) : fail(bytes.error());
}

SamplingOptions options_of(const val& js) {
  return {.temperature = js["temperature"].as<float>(),
          .top_p = js["topP"].as<float>(),
          .top_k = js["topK"].as<int>(),
          .min_p = js["minP"].as<float>(),
          .typical_p = js["typicalP"].as<float>(),
          .presence_penalty = js["presencePenalty"].as<float>(),
          .frequency_penalty = js["frequencyPenalty"].as<float>(),
          .penalty_decay = js["penaltyDecay"].as<float>()};
}

// How sample() draws from now on. `ids` and `biases` are the logit bias.
val configure(JsSession& js, val options, val ids, val biases, int top_logprobs) {
  const auto tokens = tokens_of(ids);
  if (!tokens) return fail(tokens.error());
  const auto values = numbers_of<float>(biases, "a logit bias");
  if (!values) return fail(values.error());
  if (const Status room = require_room(kBytesOfBias * tokens->size(), "a logit bias"); !room)
    return fail(room.error());
  js.options = options_of(options);
  js.top_logprobs = top_logprobs;
  for (size_t i = 0; i < tokens->size(); ++i) js.options.logit_bias[(*tokens)[i]] = (*values)[i];
  return succeed(val::null());
}

val prompt(JsSession& js, val ids) {
  const auto tokens = tokens_of(ids);
  return tokens ? answer(js.session.prompt(*tokens)) : fail(tokens.error());
}

val repeat(JsSession& js, val ids, const JsSession& other) {
  const auto tokens = tokens_of(ids);
  return tokens ? answer(js.session.repeat(*tokens, js.options, other.session)) : fail(tokens.error());
}

val logits(const JsSession& js) {
  if (const Status finite = js.session.check(); !finite) return fail(finite.error());
  return js.session.logits().empty() ? succeed(val::null()) : answer(copy_of(js.session.logits()));
}

// `allowed` as a Uint32Array of bits, the only token that there is, or null.
val sample(JsSession& js, val allowed) {
  Result<std::vector<uint32_t>> bits = std::vector<uint32_t>();
  const bool is_only = allowed.isNumber();
  if (!allowed.isNull() && !is_only) bits = numbers_of<uint32_t>(allowed, "the tokens to draw from");
  if (!bits) return fail(bits.error());
  constexpr uint64_t kBytesOfTop = 4 * sizeof(LogProbability);  // of a vector that grows
  std::vector<float> logits;                                    // as they are before the token
  if (js.top_logprobs >= 0) {
    const std::span<const float> now = js.session.logits();
    const uint64_t top = std::min<uint64_t>(uint64_t(js.top_logprobs) + 1, now.size());
    if (const Status room = require_room(kBytesOfTop * top + now.size_bytes(), "a token"); !room)
      return fail(room.error());
    logits.assign(now.begin(), now.end());
  }
  const auto piece =
      is_only ? js.session.take(allowed.as<Token>(), js.options) : js.session.sample(js.options, *bits);
  if (!piece) return fail(piece.error());
  val result = val::object();
  result.set("token", piece->token);
  result.set("text", piece->text);
  if (js.top_logprobs < 0) return succeed(result);
  val likeliest = val::array();
  for (const auto& [token, value] : top_log_probabilities(logits, js.top_logprobs)) {
    val one = val::object();
    one.set("token", token);
    one.set("text", js.session.text_of(token));
    one.set("logprob", value);
    likeliest.call<void>("push", one);
  }
  result.set("logprob", log_probability(logits, piece->token));
  result.set("topLogprobs", likeliest);
  return succeed(result);
}

val guess(JsSession& js, val ids) {
  const auto tokens = tokens_of(ids);
  if (tokens) js.session.guess(*tokens);
  return tokens ? succeed(val::null()) : fail(tokens.error());
}

val start_scoring(const LoadedModel& loaded, const JsSession& js, val ids, int top) {
  auto tokens = tokens_of(ids);
  return tokens ? answer(Scoring::start(loaded.model, std::move(*tokens), top, js.session.initial()))
                : fail(tokens.error());
}

val start_pooling(const LoadedModel& loaded, val ids) {
  auto tokens = tokens_of(ids);
  return tokens ? answer(Pooling::start(loaded.model, std::move(*tokens))) : fail(tokens.error());
}

}  // namespace

EMSCRIPTEN_BINDINGS(rwkv) {
  emscripten::class_<LoadedModel>("Model")
      .function("info", &info)
      .function("tokenize", &tokenize)
      .function("detokenize", &detokenize)
      .function("tokenBytes", &token_bytes)
      .function("createSession", &create_session)
      .function("score", &start_scoring)
      .function("pool", &start_pooling);
  emscripten::class_<JsSession>("Session")
      .function("prompt", &prompt)
      .function("pending",
                emscripten::optional_override([](const JsSession& js) { return js.session.pending(); }))
      .function("reseed", emscripten::optional_override([](JsSession& js, uint32_t low, uint32_t high) {
                  js.session.reseed(seed_of(low, high));
                }))
      .function("reset", emscripten::optional_override([](JsSession& js) { js.session.reset(); }))
      .function("chance",
                emscripten::optional_override([](const JsSession& js) { return js.session.chance(); }))
      .function("goOnAt", emscripten::optional_override(
                              [](JsSession& js, uint64_t chance) { js.session.go_on_at(chance); }))
      .function("adopt", emscripten::optional_override(
                             [](JsSession& js, const JsSession& other) { js.session.adopt(other.session); }))
      .function("fork", &fork)
      .function("save", &save)
      .function("configure", &configure)
      .function("guess", &guess)
      .function("forgetGuesses",
                emscripten::optional_override([](JsSession& js) { js.session.forget_guesses(); }))
      .function("repeat", &repeat)
      .function("check",
                emscripten::optional_override([](const JsSession& js) { return answer(js.session.check()); }))
      .function("isFresh", emscripten::optional_override([](const JsSession& js) {
                  return js.session.pending() == 0 && js.session.logits().empty();
                }))
      .function("logits", &logits)
      .function("sample", &sample);
  emscripten::function("hasRoom",
                       emscripten::optional_override([](double bytes) { return has_room(uint64_t(bytes)); }));
}

}  // namespace rwkv

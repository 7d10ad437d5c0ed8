// What this processor computes, as JavaScript sees it: loading models to run here, and passes over their weights.
#include <optional>

#include "./files.h"
#include "./sessions.h"
#include "kernels/choice.h"
#include "session/scoring.h"

namespace rwkv {

std::string kernels_of(const Model& model) {
  return to_string(model.head.format, current_choice(model.head.format));
}

namespace {

// A model in the making. Its parts are read one by one, so that the worker hears its messages in between and
// a browser collects what its file reader leaves.
struct JsLoading {
  std::unique_ptr<OpenModel> file;
  std::optional<Loading> loading;
  std::optional<NamedChoice> kernels;  // which were asked for; else the fastest are found out as it goes
};

// `kernels`: the name of a choice, or `null`; `fast_kernels`: names of those to start from, where this build has
// them.
val start_loading(val js_source, val lora, val vocabulary, val quantization, val kernels, val fast_kernels,
                  val on_progress, int most_layers) {
  auto js = std::make_unique<JsLoading>();
  if (!kernels.isNull()) {
    js->kernels = find_choice(kernels.as<std::string>());
    if (!js->kernels)
      return fail(
          {ErrorKind::kUnsupported, "kernels: this build has no '" + kernels.as<std::string>() + "'"});
  }
  for (const val& name : fast_kernels)
    if (const auto fast = find_choice(name.as<std::string>())) start_from(fast->format, fast->choice);
  auto file = open_model(js_source, lora, vocabulary);
  if (!file) return fail(file.error());
  js->file = std::move(*file);
  js->file->checkpoint.most_layers = most_layers;
  auto loading = Loading::start(
      js->file->checkpoint, chosen(quantization, js->file->checkpoint),
      [on_progress](uint64_t loaded, uint64_t total) { on_progress(double(loaded), double(total)); });
  if (!loading) return fail(loading.error());
  js->loading.emplace(std::move(*loading));
  return succeed(val(std::move(js)));
}

val bytes(const JsLoading& js, val quantization) { return bytes_needed(js.file->checkpoint, quantization); }

// Reads the next part; the model after the last, `null` before.
val next_part(JsLoading& js) {
  const auto more = js.loading->next();
  if (!more) return fail(more.error());
  if (*more) return succeed(val::null());
  Model model = js.loading->finish();
  model.warnings.insert(model.warnings.begin(), js.file->warnings.begin(), js.file->warnings.end());
  if (js.kernels) use_choice(js.kernels->format, js.kernels->choice);
  js.file->result->model = std::move(model);
  return succeed(val(std::move(js.file->result)));
}

// Scratch memory of every pass over the weights.
Arena arena;

// Reads the next chunk of a text; the numbers behind the last, `null` before.
template <class Reading>
val next_numbers(Reading& reading, auto numbers) {
  if (!reading.is_done())
    if (const Status read = reading.next(arena); !read) return fail(read.error());
  return reading.is_done() ? answer(copy_of<float>(numbers())) : succeed(val::null());
}

val next_scores(Scoring& scoring) {
  return next_numbers(scoring, [&] { return std::span(scoring.log_probabilities()); });
}

val next_pool(Pooling& pooling) {
  std::vector<float> mean;
  return next_numbers(pooling, [&] { return std::span(mean = pooling.mean()); });
}

// One pass: of each session at most so many tokens. The name of the kernels that turned out to be faster, or
// `null`.
val advance(val js_sessions, val js_most) {
  const auto most = numbers_of<int>(js_most, "a pass");
  if (!most) return fail(most.error());
  const auto sessions = sessions_of(js_sessions);
  if (!sessions) return fail(sessions.error());
  if (const Status read = read_pending(*sessions, arena, *most); !read) return fail(read.error());
  const auto changed = changed_choice();
  return succeed(changed ? val(to_string(changed->format, changed->choice)) : val::null());
}

}  // namespace

EMSCRIPTEN_BINDINGS(rwkv_running) {
  emscripten::class_<JsLoading>("Loading").function("bytes", &bytes).function("next", &next_part);
  emscripten::class_<Scoring>("Scoring").function("next", &next_scores);
  emscripten::class_<Pooling>("Pooling").function("next", &next_pool);
  emscripten::function("startLoading", &start_loading);
  emscripten::function("advance", &advance);
}

}  // namespace rwkv

// Learning as JavaScript sees it (web/worker/module.ts has the types), in the modules that learn.
#include "./js.h"
#include "formats/checkpoint.h"
#include "training/initialise.h"
#include "training/tuned_file.h"
#include "training/tuning.h"

namespace rwkv {
namespace {

constexpr std::pair<const char*, Method> kMethods[] = {
    {"state", Method::kState}, {"lora", Method::kLora}, {"full", Method::kFull}};
constexpr std::pair<const char*, Schedule> kSchedules[] = {
    {"constant", Schedule::kConstant}, {"linear", Schedule::kLinear}, {"cosine", Schedule::kCosine}};
constexpr std::pair<const char*, Version> kVersions[] = {
    {"4", Version::k4}, {"5.2", Version::k5_2}, {"6", Version::k6}, {"7", Version::k7}};
constexpr std::pair<const char*, TensorFileFormat> kFormats[] = {
    {"safetensors", TensorFileFormat::kSafetensors}, {"pth", TensorFileFormat::kPth}};

// REQUIRES: a name of the table.
template <class Value, size_t count>
Value named(const std::pair<const char*, Value> (&table)[count], const val& name) {
  const auto wanted = name.as<std::string>();
  const auto* found =
      std::find_if(std::begin(table), std::end(table), [&](const auto& row) { return wanted == row.first; });
  assert(found != std::end(table));
  return found->second;
}

int64_t count_or_zero(const val& count) { return count.isNull() ? 0 : int64_t(count.as<double>()); }

TuningOptions options_of(const val& js) {
  TuningOptions options{
      .method = named(kMethods, js["method"]),
      .steps = count_or_zero(js["steps"]),
      .epochs = count_or_zero(js["epochs"]),
      .context = js["contextLength"].as<int>(),
      .batch = js["batch"].as<int>(),
      .rate = {.rate = js["learningRate"].as<double>(),
               .schedule = named(kSchedules, js["schedule"]),
               .warmup = js["warmup"].as<int>()},
      .optimizer = {.beta1 = js["betas"][0].as<float>(),
                    .beta2 = js["betas"][1].as<float>(),
                    .epsilon = js["epsilon"].as<float>(),
                    .weight_decay = js["weightDecay"].as<float>()},
      .gradient_clip = js["gradientClip"].as<float>(),
      .adapters = {.rank = js["rank"].as<int>(), .alpha = js["alpha"].as<float>(), .targets = {}},
      .seed = uint64_t(js["seed"].as<double>())};
  for (const val& target : js["targets"]) options.adapters.targets.push_back(target.as<std::string>());
  return options;
}

// A file and what is in it, at one address: the checkpoint reads from the source.
struct OpenFile {
  explicit OpenFile(const val& js) : source(js) {}
  JsSource source;
  Checkpoint checkpoint;
};

// Nothing of `null`.
Result<std::unique_ptr<OpenFile>> open(const val& js) {
  if (js.isNull()) return std::unique_ptr<OpenFile>();
  auto file = std::make_unique<OpenFile>(js);
  auto checkpoint = open_checkpoint(file->source);
  if (!checkpoint) return checkpoint.error();
  file->checkpoint = std::move(*checkpoint);
  return file;
}

val start_tuning(LoadedModel& loaded, val options, val js_file) {
  const auto file = open(js_file);
  if (!file) return fail(file.error());
  return answer(Tuning::start(loaded.model, options_of(options), *file ? &(*file)->checkpoint : nullptr));
}

val add_document(Tuning& tuning, val ids, val is_learned, bool is_validation) {
  const auto tokens = numbers_of<int32_t>(ids, "a document");
  if (!tokens) return fail(tokens.error());
  const auto learned = numbers_of<uint8_t>(is_learned, "a document");
  return learned ? answer(tuning.add(*tokens, *learned, is_validation)) : fail(learned.error());
}

val plan(Tuning& tuning, val checkpoint) {
  auto made = tuning.plan();
  if (!made) return fail(made.error());
  if (!checkpoint.isNull()) {
    const auto step = tuning.restore(JsSource(checkpoint));
    if (!step) return fail(step.error());
    made->step = tuning.step();
  }
  val result = val::object();
  result.set("steps", made->steps);
  result.set("step", made->step);
  result.set("learnedTokens", double(made->learned_tokens));
  result.set("validationTokens", double(made->validation_tokens));
  result.set("excerpts", double(made->excerpts));
  result.set("bytes", double(made->bytes));
  return succeed(result);
}

val next_pass(Tuning& tuning) {
  const auto step = tuning.next();
  if (!step) return fail(step.error());
  if (!*step) return succeed(val::null());
  val result = val::object();
  result.set("step", (*step)->step);
  result.set("steps", (*step)->steps);
  result.set("loss", (*step)->loss);
  result.set("tokens", double((*step)->tokens));
  result.set("learningRate", (*step)->rate);
  return succeed(result);
}

val validate(Tuning& tuning) {
  const auto loss = tuning.validate();
  if (!loss) return fail(loss.error());
  return succeed(*loss ? val(**loss) : val::null());
}

val save(const Tuning& tuning) {
  const auto bytes = tuning.save();
  return bytes ? answer(copy_of(std::span<const std::byte>(*bytes))) : fail(bytes.error());
}

// What was learned, or a new model, piece by piece.
struct JsTunedFile {
  std::unique_ptr<OpenFile> model;
  TensorFile file;
};

Result<TensorFile> file_of(const Tuning& tuning, const Checkpoint* model, TensorFileFormat format) {
  switch (tuning.options().method) {
    case Method::kState:
      return state_file(tuning.parameters(), format);
    case Method::kLora:
      return lora_file(tuning.parameters(), tuning.options().adapters.alpha, format);
    case Method::kFull:
      break;
  }
  return weights_file(tuning.parameters(), model, format);
}

val start_file(const Tuning& tuning, val format, val js_model) {
  auto model = open(js_model);
  if (!model) return fail(model.error());
  auto file = file_of(tuning, *model ? &(*model)->checkpoint : nullptr, named(kFormats, format));
  if (!file) return fail(file.error());
  return succeed(val(std::make_unique<JsTunedFile>(JsTunedFile{std::move(*model), std::move(*file)})));
}

val start_new_model(val js, val format) {
  auto file = new_model_file({.version = named(kVersions, js["version"]),
                              .layers = js["layers"].as<int>(),
                              .channels = js["channels"].as<int>(),
                              .vocabulary = js["vocabulary"].as<int>(),
                              .head_size = js["headSize"].as<int>(),
                              .hidden = js["hidden"].as<int>(),
                              .seed = uint64_t(js["seed"].as<double>())},
                             named(kFormats, format));
  if (!file) return fail(file.error());
  return succeed(val(std::make_unique<JsTunedFile>(JsTunedFile{nullptr, std::move(*file)})));
}

val next_piece(JsTunedFile& js) { return answer_piece(js.file.next()); }

}  // namespace

EMSCRIPTEN_BINDINGS(rwkv_learning) {
  emscripten::class_<Tuning>("Tuning")
      .function("add", &add_document)
      .function("plan", &plan)
      .function("next", &next_pass)
      .function("validate", &validate)
      .function("save", &save)
      .function("startFile", &start_file);
  emscripten::class_<JsTunedFile>("TunedFile")
      .function("bytes",
                emscripten::optional_override([](const JsTunedFile& js) { return double(js.file.bytes()); }))
      .function("next", &next_piece);
  emscripten::function("startTuning", &start_tuning);
  emscripten::function("startNewModel", &start_new_model);
}

}  // namespace rwkv

// What a device computes in this processor's place, as JavaScript sees it (web/worker/gpu/module.ts has the types): weights that
// leave in pieces, lists of operations, passes in two halves, and states with two homes.
#include <functional>
#include <optional>

#include "./files.h"
#include "./sessions.h"
#include "device/pass.h"
#include "model/state.h"
#include "quant/dtype.h"
#include "recording/weight_stream.h"
#include "session/scoring.h"

namespace rwkv {

std::string kernels_of(const Model&) { return "gpu"; }

namespace {

// ---- weights ----

struct JsLoading {
  std::unique_ptr<OpenModel> file;
  std::optional<WeightStream> stream;
};

// The kernels are the device's own.
val start_loading(val js_source, val lora, val vocabulary, val quantization, val kernels,
                  val /*fast_kernels*/, val on_progress, int most_layers) {
  if (!kernels.isNull())
    return fail(
        {ErrorKind::kUnsupported, "kernels: a device has its own, not '" + kernels.as<std::string>() + "'"});
  auto js = std::make_unique<JsLoading>();
  auto file = open_model(js_source, lora, vocabulary);
  if (!file) return fail(file.error());
  js->file = std::move(*file);
  js->file->checkpoint.most_layers = most_layers;
  auto stream = WeightStream::start(
      js->file->checkpoint, chosen(quantization, js->file->checkpoint),
      [on_progress](uint64_t loaded, uint64_t total) { on_progress(double(loaded), double(total)); });
  if (!stream) return fail(stream.error());
  js->stream.emplace(std::move(*stream));
  return succeed(val(std::move(js)));
}

val bytes(const JsLoading& js, val quantization) { return bytes_needed(js.file->checkpoint, quantization); }

val next_part(JsLoading& js) {
  const auto more = js.stream->next();
  return more ? succeed(val(*more)) : fail(more.error());
}

// By number; of no more than are known.
val weights(const JsLoading& js) {
  constexpr const char* kKinds[] = {"vector", "matrix", "embedding"};
  val all = val::array();
  for (const Weight& weight : js.stream->weights()) {
    val one = val::object();
    one.set("kind", std::string(kKinds[int(weight.kind)]));
    one.set("dtype",
            std::string(weight.kind == Weight::Kind::kMatrix ? quantization_name(format_of(weight.dtype))
                                                             : dtype_name(weight.dtype)));
    one.set("rows", weight.rows);
    one.set("cols", weight.cols);
    one.set("bytes", double(weight.bytes));
    all.call<void>("push", one);
  }
  return all;
}

val piece(const JsLoading& js) {
  const auto& piece = js.stream->piece();
  if (!piece) return succeed(val::null());
  const auto bytes = copy_of(piece->bytes);
  if (!bytes) return fail(bytes.error());
  val result = val::object();
  result.set("id", piece->id);
  result.set("offset", double(piece->offset));
  result.set("bytes", *bytes);
  return succeed(result);
}

// REQUIRES: there is no next part.
val finish_loading(JsLoading& js) {
  Model model = js.stream->finish();
  model.warnings.insert(model.warnings.begin(), js.file->warnings.begin(), js.file->warnings.end());
  js.file->result->model = std::move(model);
  return val(std::move(js.file->result));
}

// ---- lists ----

val record(const LoadedModel& loaded, int rows, int sequences, int wanted, bool wants_hidden, int layers) {
  const auto list = Recording(loaded.model).list({rows, sequences, wanted, wants_hidden, layers});
  return list ? answer(copy_of<uint32_t>(*list)) : fail(list.error());
}

// ---- passes ----

// Its sessions or its reading outlive it.
struct JsPass {
  DevicePass pass;
  const Model& model;
  std::optional<PendingPass> pending;  // of sessions
  std::vector<float> numbers = {};     // of a reading,
  std::function<Status()> take = {};   // which is given them
  bool is_over = false;

  JsPass(DevicePass of, const Model& model) : pass(std::move(of)), model(model) {}
  JsPass(const JsPass&) = delete;
  ~JsPass() {
    if (is_over) return;
    pass.give_up();
    if (pending) pending->give_up();
  }
};

// What each session reads, at most so many tokens; `null` where nothing is queued.
val start_pass(val js_sessions, val js_most) {
  const auto most = numbers_of<int>(js_most, "a pass");
  if (!most) return fail(most.error());
  const auto sessions = sessions_of(js_sessions);
  if (!sessions) return fail(sessions.error());
  PendingPass pending;
  if (const Status planned = pending.plan(*sessions, *most); !planned) return fail(planned.error());
  if (pending.slices().empty()) return succeed(val::null());
  auto pass = DevicePass::start({pending.slices().begin(), pending.slices().end()});
  if (!pass) return fail(pass.error());
  auto js = std::make_unique<JsPass>(std::move(*pass), sessions->front()->model());
  pending.start();
  js->pending.emplace(std::move(pending));
  return succeed(val(std::move(js)));
}

// The next chunk of a text; `null` where all is read.
template <class Reading>
val start_reading(Reading& reading, int width) {
  if (reading.is_done()) return succeed(val::null());
  const uint64_t floats = uint64_t(reading.next_rows()) * uint64_t(width);
  if (const Status room = require_room(sizeof(float) * floats, "a pass"); !room) return fail(room.error());
  if (const Status room = reading.has_room(); !room) return fail(room.error());
  std::vector<float> numbers(size_t(floats), 0.0f);
  auto pass = DevicePass::start({reading.next_slice(numbers.data())});
  if (!pass) return fail(pass.error());
  auto js = std::make_unique<JsPass>(std::move(*pass), reading.model());
  js->numbers = std::move(numbers);
  js->take = [&reading, js = js.get()] { return reading.take(js->numbers); };
  return succeed(val(std::move(js)));
}
val start_scoring(Scoring& scoring) { return start_reading(scoring, scoring.model().config.vocabulary); }
val start_pooling(Pooling& pooling) { return start_reading(pooling, pooling.model().config.channels); }

template <class Numbers>
val numbers(bool is_done, Numbers get) {
  return is_done ? answer(copy_of<float>(get())) : succeed(val::null());
}
val scores(const Scoring& scoring) {
  return numbers(scoring.is_done(), [&] { return std::span(scoring.log_probabilities()); });
}
val mean(const Pooling& pooling) {
  std::vector<float> mean;
  return numbers(pooling.is_done(), [&] { return std::span(mean = pooling.mean()); });
}

val shape(const JsPass& js) {
  const PassShape shape = js.pass.shape();
  val result = val::object();
  result.set("rows", shape.rows);
  result.set("sequences", shape.sequences);
  result.set("wanted", shape.wanted);
  result.set("wantsHidden", shape.wants_hidden);
  return result;
}

val pass_tables(const JsPass& js) { return answer(copy_of<uint32_t>(js.pass.tables())); }

// Copies floats of an array, from `first` on.
void fill(const val& array, size_t first, std::span<float> out) {
  val(typed_memory_view(out.size(), out.data()))
      .call<void>("set", array.call<val>("subarray", first, first + out.size()));
}

// Logits (wanted, V), or hidden states (R, C) where those are wanted.
val finish_pass(JsPass& js, val floats) {
  const PassShape shape = js.pass.shape();
  const auto V = size_t(js.model.config.vocabulary), C = size_t(js.model.config.channels);
  const size_t expected = size_t(shape.wanted) * V + (shape.wants_hidden ? size_t(shape.rows) * C : 0);
  const auto found = floats["length"].as<size_t>();
  if (js.is_over || found != expected)
    return fail({ErrorKind::kInvalidArgument, "a pass: expected " +
                                                  std::to_string(js.is_over ? 0 : expected) +
                                                  " floats, found " + std::to_string(found)});
  size_t at = 0;
  for (const Slice& slice : js.pass.slices()) {
    fill(floats, at, {slice.logits, slice.wanted * V});
    at += slice.wanted * V;
  }
  for (const Slice& slice : js.pass.slices())
    if (slice.hidden)
      fill(floats, at, {slice.hidden, slice.tokens.size() * C}), at += slice.tokens.size() * C;
  js.is_over = true;
  js.pass.finish();
  if (js.pending) js.pending->finish();
  return js.take ? answer(js.take()) : succeed(val::null());
}

// ---- states ----

// The next that the device has to copy before it reads slots again, { to, from: a slot or null, floats: what is uploaded or null };
// `null`: nothing more.
val next_copy() {
  const SlotCopy* copy = next_slot_copy();
  if (!copy) return succeed(val::null());
  const bool is_upload = copy->from == SlotCopy::kUpload;
  const auto floats = is_upload ? copy_of(copy->floats) : Result<val>(val::null());
  if (!floats) return fail(floats.error());
  val result = val::object();
  result.set("to", copy->to);
  result.set("from", is_upload ? val::null() : val(copy->from));
  result.set("floats", *floats);
  drop_slot_copy();
  return succeed(result);
}

// The slot where its state lies on the device alone; `null`: it is here, or lost.
val slot_of(JsSession& js) {
  DeviceFloats& floats = js.session.state().floats();
  return floats.is_here() || !floats.is_there() ? val::null() : val(floats.enter());
}

// What the slot holds.
val arrive(JsSession& js, val array) {
  DeviceFloats& floats = js.session.state().floats();
  const auto values = numbers_of<float>(array, "a state");
  if (!values) return fail(values.error());
  if (!floats.is_there() || values->size() != floats.size())
    return fail({ErrorKind::kInvalidArgument, "a state: expected " + std::to_string(floats.size()) +
                                                  " floats, found " + std::to_string(values->size())});
  floats.arrive(*values);
  return succeed(val::null());
}

}  // namespace

EMSCRIPTEN_BINDINGS(rwkv_gpu) {
  emscripten::class_<JsLoading>("Loading")
      .function("bytes", &bytes)
      .function("next", &next_part)
      .function("weights", &weights)
      .function("piece", &piece)
      .function("finish", &finish_loading);
  emscripten::class_<Scoring>("Scoring").function("start", &start_scoring).function("numbers", &scores);
  emscripten::class_<Pooling>("Pooling").function("start", &start_pooling).function("numbers", &mean);
  emscripten::class_<JsPass>("Pass")
      .function("shape", &shape)
      .function("tables", &pass_tables)
      .function("finish", &finish_pass);
  emscripten::function("startLoading", &start_loading);
  emscripten::function("record", &record);
  emscripten::function("startPass", &start_pass);
  emscripten::function("nextCopy", &next_copy);
  emscripten::function("slotCount", &slot_count);
  emscripten::function("slotOf", &slot_of);
  emscripten::function("arrive", &arrive);
}

}  // namespace rwkv

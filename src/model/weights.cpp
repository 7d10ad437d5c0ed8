#include "model/weights.h"

#include <cmath>

#include "formats/containers/bytes.h"
#include "formats/lora.h"
#include "model/initial_state.h"
#include "model/weight_reader.h"
#include "room.h"

namespace rwkv {
namespace {

// Versions 4 and 5 store the weight of the current token; everywhere here mu is the weight of the previous
// one.
Vector flipped(Vector mix) {
  for (float& value : mix) value = 1 - value;
  return mix;
}

template <class F>
Vector mapped(Vector values, F f) {
  for (float& value : values) value = f(value);
  return values;
}

// One value a head -> one a channel.
Vector broadcast(const Vector& heads, int head_size) {
  Vector channels;
  for (const float value : heads) channels.insert(channels.end(), size_t(head_size), value);
  return channels;
}

TimeMix4 read_time_mix4(WeightReader& in, const Config& c) {
  const int C = c.channels;
  return {.mu_k = flipped(in.vector("att.time_mix_k", {C})),
          .mu_v = flipped(in.vector("att.time_mix_v", {C})),
          .mu_r = flipped(in.vector("att.time_mix_r", {C})),
          .R = in.matrix("att.receptance.weight", C, C),
          .K = in.matrix("att.key.weight", C, C),
          .V = in.matrix("att.value.weight", C, C),
          .O = in.matrix("att.output.weight", C, C),
          .w = mapped(in.vector("att.time_decay", {C}), [](float d) { return -std::exp(d); }),
          .u = in.vector("att.time_first", {C})};
}

// `time_faaaa` is the bonus itself, `time_first` its logarithm; 5.0 and 5.1 have one value a head.
Vector read_bonus5(WeightReader& in, const Config& c) {
  const bool is_log = !in.has("att.time_faaaa");
  const char* name = is_log ? "att.time_first" : "att.time_faaaa";
  const bool per_channel = c.version == Version::k5_2;
  Vector u = in.vector(name, per_channel ? Shape{c.heads, c.head_size} : Shape{c.heads});
  if (is_log) u = mapped(std::move(u), [](float v) { return std::exp(v); });
  return per_channel ? u : broadcast(u, c.head_size);
}

Vector read_decay5(WeightReader& in, const Config& c) {
  const bool per_channel = c.version == Version::k5_2;
  const Vector w =
      mapped(in.vector("att.time_decay", per_channel ? Shape{c.heads, c.head_size} : Shape{c.heads}),
             [](float d) { return std::exp(-std::exp(d)); });
  return per_channel ? w : broadcast(w, c.head_size);
}

TimeMix5 read_time_mix5(WeightReader& in, const Config& c) {
  const int C = c.channels;
  const bool gated = c.version != Version::k5_0;
  return {.mu_k = flipped(in.vector("att.time_mix_k", {C})),
          .mu_v = flipped(in.vector("att.time_mix_v", {C})),
          .mu_r = flipped(in.vector("att.time_mix_r", {C})),
          .mu_g = gated ? flipped(in.vector("att.time_mix_g", {C})) : Vector{},
          .R = in.matrix("att.receptance.weight", C, C),
          .K = in.matrix("att.key.weight", C, C),
          .V = in.matrix("att.value.weight", C, C),
          .O = in.matrix("att.output.weight", C, C),
          .G = gated ? in.matrix("att.gate.weight", C, C) : Matrix{},
          .w = read_decay5(in, c),
          .u = read_bonus5(in, c),
          .ln_x = in.norm("att.ln_x", C)};
}

// Low-rank weights are stored for x @ down @ up: the transpose of ours.
LowRank read_low_rank(WeightReader& in, std::string_view down, std::string_view up, int channels) {
  const int rank = in.size_of(down, 1);
  Matrix first = in.transposed(down, rank, channels);
  return {std::move(first), in.transposed(up, channels, rank)};
}

TimeMix6 read_time_mix6(WeightReader& in, const Config& c) {
  const int C = c.channels, rank = in.size_of("att.time_maa_w2", 1);
  const Vector up = in.vector("att.time_maa_w2", {5, rank, C});
  const auto mix_up = [&](int i) { return in.transposed(up, i, C, rank); };
  return {.mu_x = in.vector("att.time_maa_x", {C}),
          .mix_down = in.transposed("att.time_maa_w1", 5 * rank, C),
          .mix_up = {mix_up(0), mix_up(1), mix_up(2), mix_up(3), mix_up(4)},
          .mu = {in.vector("att.time_maa_w", {C}), in.vector("att.time_maa_k", {C}),
                 in.vector("att.time_maa_v", {C}), in.vector("att.time_maa_r", {C}),
                 in.vector("att.time_maa_g", {C})},
          .R = in.matrix("att.receptance.weight", C, C),
          .K = in.matrix("att.key.weight", C, C),
          .V = in.matrix("att.value.weight", C, C),
          .G = in.matrix("att.gate.weight", C, C),
          .O = in.matrix("att.output.weight", C, C),
          .decay = read_low_rank(in, "att.time_decay_w1", "att.time_decay_w2", C),
          .decay_bias = in.vector("att.time_decay", {C}),
          .u = in.vector("att.time_faaaa", {c.heads, c.head_size}),
          .ln_x = in.norm("att.ln_x", C)};
}

// Layer 0 has no use for v0, v1, v2: absent in some files, junk in others.
TimeMix7 read_time_mix7(WeightReader& in, const Config& c, bool first_layer) {
  const int C = c.channels;
  return {.mu_r = in.vector("att.x_r", {C}),
          .mu_w = in.vector("att.x_w", {C}),
          .mu_k = in.vector("att.x_k", {C}),
          .mu_v = in.vector("att.x_v", {C}),
          .mu_a = in.vector("att.x_a", {C}),
          .mu_g = in.vector("att.x_g", {C}),
          .R = in.matrix("att.receptance.weight", C, C),
          .K = in.matrix("att.key.weight", C, C),
          .V = in.matrix("att.value.weight", C, C),
          .O = in.matrix("att.output.weight", C, C),
          .w = read_low_rank(in, "att.w1", "att.w2", C),
          .a = read_low_rank(in, "att.a1", "att.a2", C),
          .v = first_layer ? LowRank{} : read_low_rank(in, "att.v1", "att.v2", C),
          .g = read_low_rank(in, "att.g1", "att.g2", C),
          .w0 = in.vector("att.w0", {C}),
          .a0 = in.vector("att.a0", {C}),
          .v0 = first_layer ? Vector{} : in.vector("att.v0", {C}),
          .k_k = in.vector("att.k_k", {C}),
          .k_a = in.vector("att.k_a", {C}),
          .r_k = in.vector("att.r_k", {c.heads, c.head_size}),
          .ln_x = in.norm("att.ln_x", C)};
}

// The table takes most of a 7a model's memory, V D^2 numbers a layer: at V = 65536, 67 million in each, 12
// times that in the 0.1B model (1.6 GB in the file's bf16, 0.9 GB as Q8_0).
DeepEmbed read_deep_embed(WeightReader& in, const Config& c) {
  constexpr int D = 32;  // in all of the authors' code
  const int C = c.channels, F = c.hidden;
  return {.s_emb = in.embedding("ffn.s_emb.weight", c.vocabulary, D * D),
          .s_emb_x = in.matrix("ffn.s_emb_x.weight", D * D, C),
          .s = {in.transposed("ffn.s1", D, C), in.transposed("ffn.s2", F, D)},
          .s0 = in.vector("ffn.s0", {F})};
}

ChannelMix read_channel_mix(WeightReader& in, const Config& c) {
  const int C = c.channels, F = c.hidden;
  const bool is_7 = c.version >= Version::k7;
  const auto mu = [&](const char* letter) {
    if (is_7) return in.vector(std::string("ffn.x_") + letter, {C});
    if (c.version == Version::k6) return in.vector(std::string("ffn.time_maa_") + letter, {C});
    return flipped(in.vector(std::string("ffn.time_mix_") + letter, {C}));
  };
  return {.mu_k = mu("k"),
          .mu_r = is_7 ? Vector{} : mu("r"),
          .K = in.matrix("ffn.key.weight", F, C),
          .V = in.matrix("ffn.value.weight", C, F),
          .R = is_7 ? Matrix{} : in.matrix("ffn.receptance.weight", C, C),
          .deep = c.version == Version::k7a ? read_deep_embed(in, c) : DeepEmbed{}};
}

Layer read_layer(WeightReader& in, const Config& c, int layer) {
  in.enter("blocks." + std::to_string(layer) + ".");
  Layer result{.ln1 = in.norm("ln1", c.channels), .ln2 = in.norm("ln2", c.channels)};
  switch (c.version) {
    case Version::k4:
      result.time_mix = read_time_mix4(in, c);
      break;
    case Version::k5_0:
    case Version::k5_1:
    case Version::k5_2:
      result.time_mix = read_time_mix5(in, c);
      break;
    case Version::k6:
      result.time_mix = read_time_mix6(in, c);
      break;
    case Version::k7:
    case Version::k7a:
      result.time_mix = read_time_mix7(in, c, layer == 0);
      break;
  }
  result.channel_mix = read_channel_mix(in, c);
  in.enter("");
  return result;
}

// Part 0: the embedding; then a part for each layer; the last: the head. Together they are the whole model.
int count_parts(const Config& c) { return c.layers + 2; }

void read_part(WeightReader& in, const Config& c, int part, Model& model) {
  if (part == 0) {
    model.embedding = in.embedding("emb.weight", c.vocabulary, c.channels);
    model.ln0 = in.norm("blocks.0.ln0", c.channels);
  } else if (part <= c.layers) {
    model.layers.push_back(read_layer(in, c, part - 1));
  } else {
    model.ln_out = in.norm("ln_out", c.channels);
    model.head = in.matrix("head.weight", c.vocabulary, c.channels);
    model.initial_state = read_initial_state(in, c);
  }
}

uint64_t count_parameters(const Checkpoint& checkpoint) {
  uint64_t count = 0;
  for (const auto& [name, tensor] : checkpoint.tensors)
    if (!name.ends_with(kTimeState) && name.find(kAdapter) == std::string::npos) count += tensor.count();
  return count;
}

}  // namespace

Loading::Loading(const Checkpoint& checkpoint, const Config& config, Quantization quantization,
                 LoadProgress progress, uint64_t part_bytes)
    : checkpoint_(&checkpoint), reader_(checkpoint, quantization, std::move(progress)) {
  model_.config = config;
  model_.quantization = quantization;
  reader_.defer(part_bytes);
}

Result<Loading> Loading::start(const Checkpoint& checkpoint, Quantization quantization, LoadProgress progress,
                               uint64_t part_bytes) {
  auto config = detect_config(checkpoint);
  if (!config) return config.error();
  const uint64_t layers = sizeof(Layer) * 3 * uint64_t(config->layers);  // in a vector that grows
  if (const Status room = require_room(layers, checkpoint.source->name()); !room) return room.error();
  if (const Status room = require_tables(*checkpoint.source, checkpoint.tensors.size()); !room)
    return room.error();
  return Loading(checkpoint, *config, quantization, std::move(progress), part_bytes);
}

bool Loading::is_whole() const { return next_ == count_parts(model_.config); }

Result<bool> Loading::next() {
  const bool reads = hands_over_ ? !is_whole() : !reader_.is_behind();
  if (reads) read_part(reader_, model_.config, next_++, model_);
  if (!reads || !hands_over_) reader_.catch_up();
  if (reader_.error()) return *reader_.error();
  return reader_.is_behind() || !is_whole();
}

Model Loading::finish() {
  model_.parameters = count_parameters(*checkpoint_);
  model_.bytes = reader_.bytes();
  model_.warnings = reader_.take_warnings();
  return std::move(model_);
}

Result<Model> load_model(const Checkpoint& checkpoint, Quantization quantization,
                         const LoadProgress& progress) {
  auto loading = Loading::start(checkpoint, quantization, progress);
  if (!loading) return loading.error();
  for (;;) {
    const Result<bool> more = loading->next();
    if (!more) return more.error();
    if (!*more) return loading->finish();
  }
}

Result<ModelPlan> plan_model(const Checkpoint& checkpoint, Quantization quantization) {
  const auto config = detect_config(checkpoint);
  if (!config) return config.error();
  if (const Status room = require_tables(*checkpoint.source, checkpoint.tensors.size()); !room)
    return room.error();
  WeightReader in(checkpoint, quantization);
  in.plan_only();
  Model nothing;
  for (int part = 0; part < count_parts(*config) && !in.error(); ++part)
    read_part(in, *config, part, nothing);
  if (in.error()) return *in.error();
  return ModelPlan{*config, count_parameters(checkpoint), in.bytes(), in.planned()};
}

}  // namespace rwkv

#include "training/weights.h"

namespace rwkv {
namespace {

// Lists fields within a prefix, in the words of model/weights.cpp.
class Fields {
 public:
  explicit Fields(std::vector<Field>& list) : list_(list) {}

  void enter(std::string prefix) { prefix_ = std::move(prefix); }
  void vector(const char* name, Vector& field, Form form = Form::kPlain) {
    list_.push_back({prefix_ + name, &field, form});
  }
  void flipped(const char* name, Vector& field) { vector(name, field, Form::kFlipped); }
  void norm(const std::string& name, Norm& field) {
    list_.push_back({prefix_ + name + ".weight", &field.weight});
    list_.push_back({prefix_ + name + ".bias", &field.bias});
  }
  void matrix(const char* name, Matrix& field) { list_.push_back({prefix_ + name, &field}); }
  void transposed(const char* name, Matrix& field, int part = 0, int parts = 1) {
    list_.push_back({prefix_ + name, &field, Form::kPlain, true, part, parts});
  }
  void low_rank(const char* down, const char* up, LowRank& field) {
    transposed(down, field.down), transposed(up, field.up);
  }
  void embedding(const char* name, Embedding& field) { list_.push_back({prefix_ + name, &field}); }

 private:
  std::vector<Field>& list_;
  std::string prefix_;
};

// What all versions name alike.
template <class Mix>
void add_matrices(Fields& in, Mix& m) {
  in.matrix("att.receptance.weight", m.R), in.matrix("att.key.weight", m.K);
  in.matrix("att.value.weight", m.V), in.matrix("att.output.weight", m.O);
}

void add_mix(Fields& in, TimeMix4& m, const std::string&) {
  in.flipped("att.time_mix_k", m.mu_k), in.flipped("att.time_mix_v", m.mu_v),
      in.flipped("att.time_mix_r", m.mu_r);
  add_matrices(in, m);
  in.vector("att.time_decay", m.w, Form::kMinusExp), in.vector("att.time_first", m.u);
}
void add_mix(Fields& in, TimeMix5& m, const std::string& bonus) {
  in.flipped("att.time_mix_k", m.mu_k), in.flipped("att.time_mix_v", m.mu_v),
      in.flipped("att.time_mix_r", m.mu_r);
  add_matrices(in, m);
  if (!m.G.empty()) in.flipped("att.time_mix_g", m.mu_g), in.matrix("att.gate.weight", m.G);
  in.vector("att.time_decay", m.w, Form::kExpMinusExp);
  in.vector(bonus.c_str(), m.u, bonus.ends_with("first") ? Form::kExp : Form::kPlain);
  in.norm("att.ln_x", m.ln_x);
}
void add_mix(Fields& in, TimeMix6& m, const std::string&) {
  in.vector("att.time_maa_x", m.mu_x);
  in.transposed("att.time_maa_w1", m.mix_down);
  constexpr const char* kMus[] = {"att.time_maa_w", "att.time_maa_k", "att.time_maa_v", "att.time_maa_r",
                                  "att.time_maa_g"};
  for (int i = 0; i < 5; ++i) {
    in.transposed("att.time_maa_w2", m.mix_up[size_t(i)], i, 5);
    in.vector(kMus[i], m.mu[size_t(i)]);
  }
  add_matrices(in, m);
  in.matrix("att.gate.weight", m.G);
  in.low_rank("att.time_decay_w1", "att.time_decay_w2", m.decay);
  in.vector("att.time_decay", m.decay_bias), in.vector("att.time_faaaa", m.u);
  in.norm("att.ln_x", m.ln_x);
}
void add_mix(Fields& in, TimeMix7& m, const std::string&) {
  in.vector("att.x_r", m.mu_r), in.vector("att.x_w", m.mu_w), in.vector("att.x_k", m.mu_k);
  in.vector("att.x_v", m.mu_v), in.vector("att.x_a", m.mu_a), in.vector("att.x_g", m.mu_g);
  add_matrices(in, m);
  in.low_rank("att.w1", "att.w2", m.w), in.low_rank("att.a1", "att.a2", m.a),
      in.low_rank("att.g1", "att.g2", m.g);
  in.vector("att.w0", m.w0), in.vector("att.a0", m.a0);
  if (!m.v0.empty()) in.low_rank("att.v1", "att.v2", m.v), in.vector("att.v0", m.v0);
  in.vector("att.k_k", m.k_k), in.vector("att.k_a", m.k_a), in.vector("att.r_k", m.r_k);
  in.norm("att.ln_x", m.ln_x);
}

void add_mix(Fields& in, ChannelMix& m, Version version) {
  if (version >= Version::k6) {
    in.vector(version == Version::k6 ? "ffn.time_maa_k" : "ffn.x_k", m.mu_k);
    if (!m.R.empty()) in.vector("ffn.time_maa_r", m.mu_r);
  } else {
    in.flipped("ffn.time_mix_k", m.mu_k), in.flipped("ffn.time_mix_r", m.mu_r);
  }
  in.matrix("ffn.key.weight", m.K), in.matrix("ffn.value.weight", m.V);
  if (!m.R.empty()) in.matrix("ffn.receptance.weight", m.R);
}

}  // namespace

std::vector<Field> fields_of(Model& model, const std::string& bonus) {
  std::vector<Field> list;
  Fields in(list);
  in.embedding("emb.weight", model.embedding);
  in.norm("blocks.0.ln0", model.ln0);
  for (size_t i = 0; i < model.layers.size(); ++i) {
    Layer& layer = model.layers[i];
    in.enter("blocks." + std::to_string(i) + ".");
    in.norm("ln1", layer.ln1), in.norm("ln2", layer.ln2);
    std::visit([&](auto& m) { add_mix(in, m, bonus); }, layer.time_mix);
    add_mix(in, layer.channel_mix, model.config.version);
  }
  in.enter("");
  in.norm("ln_out", model.ln_out);
  in.matrix("head.weight", model.head);
  return list;
}

}  // namespace rwkv

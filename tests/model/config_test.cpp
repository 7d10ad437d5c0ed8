#include "model/config.h"

#include "model/oracle.h"

using namespace rwkv;

namespace {

const MemorySource kNowhere("model.pth", {});

Checkpoint with(std::initializer_list<std::pair<const char*, Shape>> tensors) {
  Checkpoint checkpoint{&kNowhere, {}};
  for (const auto& [name, shape] : tensors) checkpoint.tensors[name] = Tensor{name, DType::kF32, shape};
  checkpoint.tensors.try_emplace("emb.weight", Tensor{"emb.weight", DType::kF32, {256, 64}});
  checkpoint.tensors.try_emplace("blocks.0.ffn.key.weight",
                                 Tensor{"blocks.0.ffn.key.weight", DType::kF32, {224, 64}});
  return checkpoint;
}

Version version_of(const Checkpoint& checkpoint) { return require(detect_config(checkpoint)).version; }

}  // namespace

TEST_CASE("the version is told by the tensors and their shapes") {
  CHECK(version_of(with({{"blocks.0.att.time_mix_k", {1, 1, 64}}})) == Version::k4);
  CHECK(version_of(with({{"blocks.0.att.ln_x.weight", {64}}, {"blocks.0.att.time_decay", {2}}})) ==
        Version::k5_0);
  CHECK(version_of(with({{"blocks.0.att.ln_x.weight", {64}},
                         {"blocks.0.att.gate.weight", {64, 64}},
                         {"blocks.0.att.time_decay", {2}}})) == Version::k5_1);
  CHECK(version_of(with({{"blocks.0.att.ln_x.weight", {64}},
                         {"blocks.0.att.gate.weight", {64, 64}},
                         {"blocks.0.att.time_decay", {2, 32}}})) == Version::k5_2);
  CHECK(version_of(with({{"blocks.0.att.ln_x.weight", {64}},
                         {"blocks.0.att.time_maa_x", {1, 1, 64}},
                         {"blocks.0.att.time_faaaa", {2, 32}}})) == Version::k6);
  CHECK(version_of(with({{"blocks.0.att.r_k", {1, 64}}})) == Version::k7);
  CHECK(version_of(with({{"blocks.0.att.r_k", {1, 64}}, {"blocks.0.ffn.s_emb.weight", {256, 1024}}})) ==
        Version::k7a);
  CHECK(version_of(with({{"blocks.0.att.r_k", {1, 64}}, {"blocks.5.ffn.s_emb.weight", {256, 1024}}})) ==
        Version::k7a);
}

TEST_CASE("sizes come from the shapes") {
  const Config config =
      require(detect_config(with({{"blocks.0.att.r_k", {2, 32}}, {"blocks.11.ln1.weight", {64}}})));
  CHECK(config.layers == 12);
  CHECK(config.channels == 64);
  CHECK(config.heads == 2);
  CHECK(config.head_size == 32);
  CHECK(config.hidden == 224);
  CHECK(config.vocabulary == 256);
  CHECK(config.wkv_floats() == 64 * 32);
}

TEST_CASE("relatives that are not supported are named") {
  const auto refused = [](Checkpoint checkpoint, const char* what) {
    const auto config = detect_config(checkpoint);
    REQUIRE(!config.ok());
    CHECK(config.error().kind == ErrorKind::kUnsupported);
    CHECK(config.error().message.find(what) != std::string::npos);
  };
  refused(with({{"blocks.0.att.r_k", {1, 64}},
                {"blocks.0.ffn.s_emb.weight", {256, 1024}},
                {"blocks.0.qkv.qq.weight", {256, 64}}}),
          "RWKV-7b");
  refused(with({{"blocks.0.att.r_k", {1, 64}}, {"blocks.3.ffn.enn.weight", {256, 64}}}), "RWKV-8 (ffn.enn)");
  refused(with({{"blocks.0.rosa.q.weight", {64, 64}}}), "RWKV-8 ROSA");
  refused(with({{"model.embed_tokens.weight", {256, 64}}, {"model.layers.0.self_attn.r_k", {1, 64}}}),
          "a hybrid");
  refused(with({{"embed_tokens.weight", {256, 64}}}), "a transformer");
  refused(with({{"blk.0.attn_norm.weight", {64}}}), "as in GGUF");
}

TEST_CASE("what is no RWKV model, or has impossible sizes, is refused") {
  const auto refused = [](Checkpoint checkpoint) {
    const auto config = detect_config(checkpoint);
    REQUIRE(!config.ok());
    CHECK(config.error().kind == ErrorKind::kBadModel);
    CHECK(config.error().message.starts_with("model.pth: "));
  };
  refused(Checkpoint{&kNowhere, {}});
  refused(with({}));
  refused(with({{"blocks.0.att.r_k", {0, 64}}}));
  refused(with({{"blocks.0.att.r_k", {7, 64}}}));
  refused(with({{"blocks.0.att.r_k", {32, 2}}}));
  refused(with({{"emb.weight", {256, 2048}}, {"blocks.0.att.r_k", {1, 2048}}}));
  refused(with({{"blocks.0.att.r_k", {}}}));
  refused(with({{"emb.weight", {int64_t(1) << 40, 64}}, {"blocks.0.att.r_k", {1, 64}}}));
  refused(with({{"emb.weight", {256}}, {"blocks.0.att.r_k", {1, 64}}}));
}

// Infinity and NaN among the weights: nothing is made of the numbers that follow.
#include "fuzz/tiny_models.h"
#include "model/oracle.h"
#include "session/scoring.h"
#include "session/session.h"

using namespace rwkv;
using rwkv::fuzz::OpenFile;
using rwkv::fuzz::tiny_model;

namespace {

constexpr Version kVersions[] = {Version::k4, Version::k5_0, Version::k5_2,
                                 Version::k6, Version::k7,   Version::k7a};
constexpr uint16_t kInfinity = 0x7C00, kNaN = 0x7E00;  // halves

// A model's file whose tensor `name` holds `half` alone, as wide as q8 and q4 want it.
Bytes file_with(Version version, std::string_view name, uint16_t half, int layers = 3) {
  auto tensors = tiny_model(version, 32, layers, 32);
  for (FileTensor& tensor : tensors)
    if (tensor.name == name)
      for (size_t i = 0; i < tensor.data.size(); i += 2) std::memcpy(&tensor.data[i], &half, 2);
  return write_safetensors(tensors);
}

// Where the numbers of a model are not finite.
std::string place(const Bytes& file, Quantization quantization) {
  const Model model = require(load_model(OpenFile(file).checkpoint, quantization));
  const std::vector<Token> text = {1, 2, 3};
  Session session = require(Session::create(model, nullptr, 1));
  require(session.prompt(text));
  Arena arena;
  Session* one[] = {&session};
  require(read_pending(one, arena));
  const Status looked = session.check();
  const auto drawn = session.sample({});
  Scoring scoring = require(Scoring::start(model, text));
  const Status scored = scoring.next(arena);
  if (looked.ok() || drawn.ok() || scored.ok()) return "finite";
  CHECK(looked.error().kind == ErrorKind::kBadModel);
  CHECK(drawn.error().message == looked.error().message);
  CHECK(scored.error().kind == ErrorKind::kBadModel);
  CHECK(session.pending() == 0);
  return looked.error().message;
}

std::string from(const std::string& where) {
  return "the model's numbers are not finite from " + where + " on";
}

}  // namespace

TEST_CASE("numbers that are not finite are told with the layer where that begins, in every number format") {
  for (const Version version : kVersions)
    for (const uint16_t half : {kInfinity, kNaN})
      for (const Quantization quantization : kQuantizations) {
        if (half == kNaN && quantization != Quantization::kF32) continue;  // below
        CAPTURE(version_name(version), half, quantization_name(quantization));
        const auto place = [&](std::string_view name) {
          return ::place(file_with(version, name, half), quantization);
        };
        CHECK(place("emb.weight") == from("the embedding"));
        CHECK(place("blocks.1.ln1.weight") == from("blocks.0.ffn"));  // it is what blocks.1.att is given
        CHECK(place("blocks.1.att.output.weight") == from("blocks.1.att"));
        CHECK(place("blocks.1.att.value.weight") == from("blocks.1.att"));
        CHECK(place("blocks.1.ffn.value.weight") == from("blocks.1.ffn"));
        CHECK(place("blocks.2.ffn.value.weight") == from("the head, or blocks.2.ffn,"));
        CHECK(place("head.weight") == from("the head, or blocks.2.ffn,"));
      }
}

TEST_CASE("NaN in any tensor is told, in every number format, and where the model was packed too") {
  for (const Version version : kVersions)
    for (const FileTensor& tensor : tiny_model(version, 32, 2, 32)) {
      const std::string& name = tensor.name;
      if (name.starts_with("blocks.0.") && !name.starts_with("blocks.0.ln0"))
        continue;  // as those of block 1
      const Bytes file = file_with(version, name, kNaN, 2);
      for (const Quantization quantization : kQuantizations) {
        if (!name.ends_with(".weight") && quantization != Quantization::kQ4)
          continue;  // vectors are the same in all
        CAPTURE(version_name(version), name, quantization_name(quantization));
        CHECK(place(file, quantization).starts_with("the model's numbers are not finite from "));
        if (name.ends_with("key.weight") || name == "emb.weight")
          CHECK(place(converted(OpenFile(file).checkpoint, quantization), quantization) ==
                place(file, quantization));
      }
    }
}

TEST_CASE("a model of finite numbers is looked at and found well") {
  for (const Version version : kVersions)
    for (const Quantization quantization : kQuantizations)
      CHECK(place(file_with(version, "no such tensor", kNaN), quantization) == "finite");
}

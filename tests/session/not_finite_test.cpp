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

// Where the numbers of a model are not finite whose tensor `name` holds `half` alone.
std::string place(Version version, std::string_view name, uint16_t half) {
  auto tensors = tiny_model(version, 8, 3);
  for (FileTensor& tensor : tensors)
    if (tensor.name == name)
      for (size_t i = 0; i < tensor.data.size(); i += 2) std::memcpy(&tensor.data[i], &half, 2);
  const Model model =
      require(load_model(OpenFile(write_safetensors(tensors)).checkpoint, Quantization::kF32));
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

TEST_CASE("numbers that are not finite are told with the layer where that begins") {
  for (const Version version : kVersions)
    for (const uint16_t half : {kInfinity, kNaN}) {
      CAPTURE(version_name(version), half);
      CHECK(place(version, "emb.weight", half) == from("the embedding"));
      CHECK(place(version, "blocks.1.ln1.weight", half) ==
            from("blocks.0.ffn"));  // it is what blocks.1.att is given
      CHECK(place(version, "blocks.1.att.output.weight", half) == from("blocks.1.att"));
      CHECK(place(version, "blocks.1.att.value.weight", half) == from("blocks.1.att"));
      CHECK(place(version, "blocks.1.ffn.value.weight", half) == from("blocks.1.ffn"));
      CHECK(place(version, "blocks.2.ffn.value.weight", half) == from("the head, or blocks.2.ffn,"));
      CHECK(place(version, "head.weight", half) == from("the head, or blocks.2.ffn,"));
    }
}

TEST_CASE("a model of finite numbers is looked at and found well") {
  for (const Version version : kVersions) CHECK(place(version, "no such tensor", kNaN) == "finite");
}

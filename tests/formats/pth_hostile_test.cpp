// .pth files that are not what they say.
#include "formats/pth_samples.h"

namespace rwkv {
namespace {

using namespace pth_samples;

TEST_CASE("a tensor that exceeds its storage is refused") {
  CHECK(refusal(tensor("w", {32}, {1})).empty());
  CHECK(refusal(tensor("w", {33}, {1})) == "tales.pth: w: (33) at 0 exceeds its storage of 32 elements");
  CHECK(refusal(tensor("w", {32}, {1}, 1)) == "tales.pth: w: (32) at 1 exceeds its storage of 32 elements");
  for (int64_t offset : {int64_t{-1}, INT64_MIN, INT64_MAX, int64_t{33}}) {
    CHECK_THAT(refusal(tensor("w", {1}, {1}, offset)), ContainsSubstring("exceeds its storage"));
  }
  CHECK_THAT(refusal(tensor("w", {INT64_MAX}, {1}, 1)), ContainsSubstring("exceeds its storage"));
  CHECK_THAT(refusal(tensor("w", {INT64_MAX, 2}, {2, 1})), ContainsSubstring("impossible shape"));
  CHECK_THAT(refusal(tensor("w", {-1}, {1})), ContainsSubstring("do not fit shape (-1)"));
  CHECK_THAT(refusal(tensor("w", {-2, -2}, {1, 1})), ContainsSubstring("do not fit shape"));
  CHECK_THAT(refusal(tensor("w", {2, 2}, {1})), ContainsSubstring("do not fit shape"));
  CHECK_THAT(refusal(tensor("w", {1, 1, 1, 1, 1, 1, 1, 1, 1}, {1, 1, 1, 1, 1, 1, 1, 1, 1})),
             ContainsSubstring("expected a storage"));
}

TEST_CASE("a storage that is missing or larger than its zip entry is refused") {
  TensorPickle t = tensor("w", {1}, {1});
  for (int64_t elements : {int64_t{33}, int64_t{-1}, INT64_MAX, INT64_MIN, int64_t{1} << 62}) {
    t.elements = elements;
    CHECK_THAT(refusal(t),
               ContainsSubstring("w: storage of " + std::to_string(elements) + " elements in 64 bytes"));
  }
  t.elements = 32;
  t.key = "1";
  CHECK(refusal(t) == "tales.pth: w: its storage 1 is missing");
  t.key = std::string(100'000, '0');
  CHECK_THAT(refusal(t), ContainsSubstring("is missing"));
  t.key = "../data.pkl";
  CHECK_THAT(refusal(t), ContainsSubstring("is missing"));
}

TEST_CASE("a call that makes no tensor is refused") {
  for (const char* arguments : {")", "(NNNNt", "(NNNNNNNt", "((tQNNNt"}) {
    PickleWriter pickle;
    pickle.raw("}").string("w").global("torch._utils", "_rebuild_tensor_v2").raw(arguments).raw("Rs.");
    CHECK_THAT(refusal_of_file(pth_of(pickle.bytes())), ContainsSubstring("tales.pth: w: "));
  }
  PickleWriter pickle;
  pickle.raw("}").string("w").global("torch._utils", "_rebuild_parameter").raw(")Rs.");
  CHECK_THAT(refusal_of_file(pth_of(pickle.bytes())), ContainsSubstring("holds no tensors"));
  PickleWriter unnamed;
  unnamed.raw("}N").tensor(tensor("", {1}, {1})).raw("s.");
  CHECK_THAT(refusal_of_file(pth_of(unnamed.bytes())), ContainsSubstring("holds no tensors"));
}

TEST_CASE("a tensor named twice in a pickle is refused") {
  const TensorPickle t = tensor("w", {1}, {1});
  CHECK(refusal_of_file(pth_of(PickleWriter::dict({t, t}))) == "tales.pth: w: twice in the file");
}

TEST_CASE("a file without tensors is refused with what it has instead") {
  PickleWriter flat;
  flat.raw("}(").string("epoch").integer(3).string("args").raw("}u.");
  CHECK(refusal_of_file(pth_of(flat.bytes())) == "tales.pth: holds no tensors; found epoch, args");
  CHECK(refusal_of_file(pth_of(PickleWriter().raw("}.").bytes())) == "tales.pth: holds no tensors");
  CHECK(refusal_of_file(pth_of(PickleWriter().raw("N.").bytes())) ==
        "tales.pth: data.pkl is not a dict of tensors");
}

TEST_CASE("a pickle that would run something runs nothing and is no model") {
  PickleWriter pickle;
  pickle.global("os", "system").string("true").raw("\x85R.");
  CHECK(refusal_of_file(pth_of(pickle.bytes()), ErrorKind::kUnsupported) ==
        "tales.pth: a whole module was saved (os.system), not its weights; torch.save its state_dict()");
}

TEST_CASE("a file of the pip package is refused with its strategy") {
  PickleWriter pickle;
  pickle.raw("}")
      .item(tensor("emb.weight", {4, 8}, {8, 1}))
      .raw("s")
      .string("_strategy")
      .string("cuda fp16i8");
  CHECK(
      refusal_of_file(pth_of(pickle.raw("s.").bytes()), ErrorKind::kUnsupported) ==
      "tales.pth: converted by the pip package rwkv for the strategy 'cuda fp16i8'; use the file that it was "
      "made of");
}

TEST_CASE("dicts in dicts, in themselves and a quarter of a million deep cost nothing") {
  PickleWriter itself;
  itself.raw("}\x94").string("a").raw(std::string_view("h\0s", 3)).item(tensor("w", {1}, {1})).raw("s.");
  CHECK(refusal_of_file(pth_of(itself.bytes())).empty());
  PickleWriter wrapped, doubling;
  for (int k = 0; k < 80'000; ++k) doubling.raw("}").string("a");
  doubling.raw("N").repeat(80'000, "s").raw(".");
  CHECK_THAT(refusal_of_file(pth_of(doubling.bytes())), ContainsSubstring("holds no tensors"));
  wrapped.raw("}").string("w");
  for (int k = 0; k < 10'000; ++k) wrapped.global("torch._utils", "_rebuild_parameter");
  wrapped.raw("N").repeat(10'000, "\x85R").raw("s.");
  CHECK_THAT(refusal_of_file(pth_of(wrapped.bytes())), ContainsSubstring("holds no tensors"));
}

TEST_CASE("a .pth says its byte order, and only little-endian ones are read") {
  const Bytes pickle = PickleWriter::dict({tensor("w", {1}, {1})});
  CHECK(refusal_of_file(pth_of(pickle, 64, "")).empty());
  CHECK(refusal_of_file(pth_of(pickle, 64, "big"), ErrorKind::kUnsupported) ==
        "tales.pth: byte order big, expected little");
}

TEST_CASE("a zip is a .pth when it has one data.pkl, in whatever folder") {
  const Bytes pickle = PickleWriter::dict({tensor("w", {1}, {1})});
  const Bytes data = counting(64);
  CHECK(refusal_of_file(zip_of({{"data.pkl", pickle}, {"data/0", data}})).empty());
  CHECK(refusal_of_file(zip_of({{"a/b/data.pkl", pickle}, {"a/b/data/0", data}, {"a/mydata.pkl", {}}}))
            .empty());
  CHECK_THAT(refusal_of_file(zip_of({{"a/data.pkl", pickle}, {"b/data/0", data}})),
             ContainsSubstring("storage 0 is missing"));
  CHECK_THAT(refusal_of_file(zip_of({{"word/document.xml", data}})),
             ContainsSubstring("a zip without data.pkl"));
  CHECK_THAT(refusal_of_file(zip_of({})), ContainsSubstring("a zip without data.pkl"));
  CHECK_THAT(refusal_of_file(zip_of({{"a/data.pkl", pickle}, {"b/data.pkl", pickle}})),
             ContainsSubstring("two entries data.pkl"));
}

TEST_CASE("the entries that torch adds to the tensors are passed over, wherever they stand") {
  std::vector<ZipPart> parts = {{"tales/data.pkl", PickleWriter::dict({tensor("w", {32}, {1})}), 64},
                                {"tales/.format_version", to_bytes("1"), 64},
                                {"tales/.storage_alignment", to_bytes("64"), 64},
                                {"tales/byteorder", to_bytes("little"), 64},
                                {"tales/data/0", counting(64), 64},
                                {"tales/version", to_bytes("3\n"), 64},
                                {"tales/.data/serialization_id", to_bytes("1234567890"), 64}};
  for (size_t turn = 0; turn < parts.size(); ++turn) {
    std::rotate(parts.begin(), parts.begin() + 1, parts.end());
    const Bytes bytes = zip_of(parts);
    const MemorySource source("tales.pth", bytes);
    const Result<Checkpoint> file = open_pth(source);
    REQUIRE(file);
    CHECK(file->tensors.size() == 1);
    CHECK(bytes[file->find("w")->offset + 9] == std::byte{9});
  }
}

TEST_CASE("a pickle whose values refer to each other in a circle is read or refused, not followed for ever") {
  // d = {}; d["d"] = d; d["w"] = the tensor
  PickleWriter circle;
  circle.raw("}q").raw(std::string_view("\0", 1)).string("d").raw("h").raw(std::string_view("\0", 1));
  circle.raw("s").item(tensor("w", {2}, {1})).raw("s.");
  CHECK(refusal_of_file(pth_of(circle.bytes())).empty());
  PickleWriter only;
  only.raw("}q").raw(std::string_view("\0", 1)).string("d").raw("h").raw(std::string_view("\0", 1)).raw("s.");
  CHECK_THAT(refusal_of_file(pth_of(only.bytes())), ContainsSubstring("found d"));
}

TEST_CASE("a .pth whose source fails passes the error on") {
  const Bytes bytes = pth_of(PickleWriter::dict({tensor("w", {1}, {1})}));
  for (uint64_t good = 0; good < bytes.size(); good += 7) {
    const FaultySource source("tales.pth", bytes, good);
    const Result<Checkpoint> file = open_pth(source);
    REQUIRE_FALSE(file);
    CHECK(file.error().kind == ErrorKind::kReadFailed);
  }
}

TEST_CASE("a .pth cut off anywhere is refused") {
  require_survives_truncation(open_pth, pth_of(PickleWriter::dict({tensor("w", {2, 3}, {3, 1})})));
  require_survives_truncation(open_pth, read_file(fixture("oracle/v4-bf16.pth")), 4999);
}

TEST_CASE("a .pth with any bytes changed gives an error or whole tensors") {
  const Bytes pickle = PickleWriter::dict({tensor("a", {2, 3}, {1, 5}), tensor("b", {4}, {1}, 28)});
  require_survives_mutation(open_pth, pth_of(pickle), 20'000);
  require_survives_mutation(
      open_pth, zip_of({{"a/data.pkl", pickle}, {"a/data/0", counting(64), 1, 0, 0, true}}, {.zip64 = true}),
      20'000);
}

TEST_CASE("a .pth with any bytes of its pickle changed gives an error or whole tensors") {
  const Bytes pickle = PickleWriter::dict(
      {tensor("a", {2, 3}, {3, 1}), tensor("b", {4}, {1}, 28), tensor("c", {2, 3, 2}, {1, 4, 2})});
  std::mt19937 random(7);
  for (int round = 0; round < 20'000; ++round) {
    Bytes changed = pickle;
    for (uint32_t k = random() % 3 + 1; k > 0; --k)
      changed[random() % changed.size()] = static_cast<std::byte>(random());
    if (!keeps_promises(open_pth, pth_of(changed))) FAIL("pickle mutation " << round);
  }
}

}  // namespace
}  // namespace rwkv

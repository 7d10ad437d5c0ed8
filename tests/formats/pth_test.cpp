#include "formats/pth_samples.h"

namespace rwkv {
namespace {

using namespace pth_samples;

struct Expected {
  const char* file;
  size_t tensors;
  DType dtype;
  const char* name;
  Shape shape;
  float first[3];
};

TEST_CASE("the authors' checkpoints of versions 4, 5.2, 6 and 7 are read") {
  const Expected expected[] = {
      {"v4-bf16", 42, DType::kBF16, "emb.weight", {256, 64}, {-0.1533203125f, 0.30859375f, -0.10595703125f}},
      {"v4-bf16",
       42,
       DType::kBF16,
       "blocks.1.att.output.weight",
       {64, 64},
       {-0.060546875f, -0.306640625f, 0.07275390625f}},
      {"v52-fp16",
       50,
       DType::kF16,
       "emb.weight",
       {256, 128},
       {-0.147216796875f, 0.06103515625f, -0.1485595703125f}},
      {"v52-fp16",
       50,
       DType::kF16,
       "blocks.1.att.ln_x.bias",
       {128},
       {0.0157012939453125f, 0.0869140625f, 0.00792694091796875f}},
      {"v6-bf16", 62, DType::kBF16, "head.weight", {256, 128}, {0.142578125f, 0.01171875f, 0.068359375f}},
      {"v6-bf16", 62, DType::kBF16, "blocks.1.att.ln_x.weight", {128}, {1.1171875f, 1.0703125f, 1.015625f}},
      {"v7-bf16", 69, DType::kBF16, "emb.weight", {256, 128}, {0.1630859375f, -0.1513671875f, -0.076171875f}},
      {"v7-bf16",
       69,
       DType::kBF16,
       "blocks.1.ffn.key.weight",
       {512, 128},
       {-0.01226806640625f, -0.10595703125f, -0.05908203125f}},
  };
  for (const Expected& want : expected) {
    INFO(want.file << " " << want.name);
    const Bytes bytes = read_file(fixture("oracle/" + std::string(want.file) + ".pth"));
    REQUIRE_FALSE(bytes.empty());
    const MemorySource source(want.file, bytes);
    const Result<Checkpoint> file = open_checkpoint(source);
    REQUIRE(file);
    CHECK(file->tensors.size() == want.tensors);
    for (const auto& [name, each] : file->tensors) CHECK(each.dtype == want.dtype);
    const Tensor* found = file->find(want.name);
    REQUIRE(found);
    CHECK(found->shape == want.shape);
    Buffer buffer;
    const auto read = file->read(*found, buffer);
    REQUIRE(read);
    for (size_t i = 0; i < 3; ++i) CHECK(value(*found, *read, i) == want.first[i]);
    CHECK(keeps_promises(open_checkpoint, bytes));
  }
}

TEST_CASE("files that torch itself wrote are read: shared storages, views, parameters, metadata") {
  for (const char* version : {"1.13", "2.14"}) {
    INFO(version);
    const Bytes bytes = read_file(fixture("torch/" + std::string(version) + ".pth"));
    CHECK(keeps_promises(open_pth, bytes));
    const MemorySource source(version, bytes);
    const Result<Checkpoint> file = open_pth(source);
    REQUIRE(file);
    CHECK(file->tensors.size() == 8);
    const auto values = [&](const char* name) { return values_of(*file, *file->find(name)); };
    CHECK(values("base") ==
          std::vector<float>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19});
    CHECK(values("rows") == std::vector<float>{5, 6, 7, 8, 9, 10, 11, 12, 13, 14});
    CHECK(values("columns") == std::vector<float>{1, 2, 6, 7, 11, 12, 16, 17});
    CHECK(values("turned") ==
          std::vector<float>{0, 5, 10, 15, 1, 6, 11, 16, 2, 7, 12, 17, 3, 8, 13, 18, 4, 9, 14, 19});
    CHECK(values("halves") == std::vector<float>{0, 1, 2, 3});
    CHECK(values("brains") == std::vector<float>{0, 1, 2, 3});
    CHECK(values("parameter") == std::vector<float>{0, 1, 2});
    CHECK(values("scalar") == std::vector<float>{7});
    require_survives_truncation(open_pth, bytes, 11);
    require_survives_mutation(open_pth, bytes, 3'000);
  }
}

TEST_CASE("tensors may share a storage, each at its offset") {
  const Bytes bytes = pth_of(
      PickleWriter::dict({tensor("a", {2, 3}, {3, 1}), tensor("b", {4}, {1}, 28), tensor("c", {}, {}, 31),
                          tensor("all", {1, 32, 1}, {99, 1, 7}), tensor("none", {0, 5}, {5, 1}, 32)}));
  const MemorySource source("tales.pth", bytes);
  const Result<Checkpoint> file = open_pth(source);
  REQUIRE(file);
  REQUIRE(file->tensors.size() == 5);
  const uint64_t data = file->find("all")->offset;
  CHECK(data % 64 == 0);
  CHECK(bytes[data + 5] == std::byte{5});
  CHECK(file->find("a")->offset == data);
  CHECK(file->find("a")->bytes == 12);
  CHECK(file->find("a")->dtype == DType::kF16);
  CHECK(file->find("b")->offset == data + 56);
  CHECK(file->find("c")->shape.empty());
  CHECK(file->find("c")->bytes == 2);
  CHECK(file->find("none")->bytes == 0);
}

std::vector<std::string> names_in(const Bytes& bytes) {
  const MemorySource source("tales.pth", bytes);
  const Result<Checkpoint> file = open_checkpoint(source);
  if (!file) return {file.error().message};
  CHECK(keeps_promises(open_checkpoint, bytes));
  std::vector<std::string> names;
  for (const auto& [name, each] : file->tensors) names.push_back(name);
  return names;
}

TEST_CASE("a model one or more dicts deeper is read, whatever else is there") {
  const TensorPickle emb = tensor("emb.weight", {4, 8}, {8, 1}), other = tensor("exp_avg", {2}, {1});
  for (const std::string way : {"state_dict", "model", "module", "weights", "model.module"}) {
    INFO(way);
    PickleWriter pickle;
    pickle.raw("}(")
        .string(way)
        .raw("}")
        .item(emb)
        .raw("s")
        .string("optimizer")
        .raw("}")
        .item(other)
        .raw("s");
    CHECK(names_in(pth_of(pickle.string("epoch").integer(3).raw("u.").bytes())) ==
          std::vector<std::string>{"emb.weight"});
  }
  PickleWriter deeper;
  deeper.raw("}").string("a").raw("}").string("b").raw("}").item(emb).raw("sss.");
  CHECK(names_in(pth_of(deeper.bytes())) == std::vector<std::string>{"emb.weight"});
  PickleWriter two;
  two.raw("}(").string("model").raw("}").item(emb).raw("s").string("ema").raw("}").item(emb).raw("su.");
  CHECK(names_in(pth_of(two.bytes())) ==
        std::vector<std::string>{"tales.pth: holds more than one model: ema.emb.weight and "
                                 "model.emb.weight"});
  PickleWriter same;  // one dict under two names
  same.raw("}").string("model").raw("}\x94").item(emb).raw("ss").string("again").raw(
      std::string_view("h\0s.", 4));
  CHECK(names_in(pth_of(same.bytes())) == std::vector<std::string>{"emb.weight"});
}

// torch.save(module): an object whose state has _parameters and _modules, in OrderedDicts or dicts.
PickleWriter& module(PickleWriter& pickle, const std::string& name) {
  return pickle.global("mine", name).raw(")\x81}(").string("training").raw("\x88");
}

TEST_CASE("a whole module that was saved is read as its weights") {
  PickleWriter pickle;
  module(pickle, "RWKV").string("_parameters").raw("}").string("_modules").raw("}").string("emb");
  module(pickle, "Embedding").string("_parameters").raw("}").string("weight");
  pickle.global("torch._utils", "_rebuild_parameter").raw("(").tensor(tensor("", {4, 8}, {8, 1})).raw("\x88");
  pickle.global("collections", "OrderedDict").raw(")RtRs").string("_modules").raw("}ub");
  const Bytes bytes = pth_of(pickle.raw("sub.").bytes());
  CHECK(names_in(bytes) == std::vector<std::string>{"emb.weight"});
}

// What stands in the file under "w" and is no tensor of ours; "" where it is one.
std::string set_aside(const Bytes& bytes) {
  const MemorySource source("tales.pth", bytes);
  const Result<Checkpoint> file = open_pth(source);
  REQUIRE(file);
  CHECK(keeps_promises(open_pth, bytes));
  CHECK(file->foreign.contains("w") != file->tensors.contains("w"));
  return file->foreign.contains("w") ? file->why_not("w") : "";
}

TEST_CASE("storages of float, half and bfloat16 are read, others are set aside with their name") {
  for (const auto& [storage, dtype] : {std::pair{"FloatStorage", DType::kF32},
                                       {"HalfStorage", DType::kF16},
                                       {"BFloat16Storage", DType::kBF16}}) {
    TensorPickle t = tensor("w", {16}, {1});
    t.storage = storage;
    t.elements = 16;
    const Bytes bytes = pth_of(PickleWriter::dict({t}));
    const MemorySource source("tales.pth", bytes);
    const Result<Checkpoint> file = open_pth(source);
    REQUIRE(file);
    CHECK(file->find("w")->dtype == dtype);
  }
  for (const char* storage : {"LongStorage", "DoubleStorage", "ByteStorage", "BoolStorage", "QInt8Storage"}) {
    TensorPickle t = tensor("w", {4}, {1});
    t.storage = storage;
    CHECK(set_aside(pth_of(PickleWriter::dict({t}))) ==
          "holds torch." + std::string(storage) + ", expected F32, F16 or BF16");
  }
}

// {"w": _rebuild_tensor_v3(storage of 64 bytes, 2, (5,), (1,), False, None, torch.TYPE)}
Bytes untyped(std::string_view type) {
  PickleWriter pickle;
  pickle.raw("}").string("w").global("torch._utils", "_rebuild_tensor_v3").raw("((").string("storage");
  pickle.global("torch.storage", "UntypedStorage").string("0").string("cpu").integer(64).raw("tQ");
  return pickle.integer(2).integers({5}).integers({1}).raw("\x89N").global("torch", type).raw("tRs.").bytes();
}

TEST_CASE("a tensor in an untyped storage has the type that its call names") {
  const Bytes bytes = pth_of(untyped("bfloat16"));
  const MemorySource source("tales.pth", bytes);
  const Result<Checkpoint> file = open_pth(source);
  REQUIRE(file);
  CHECK(file->find("w")->dtype == DType::kBF16);
  CHECK(file->find("w")->bytes == 10);
  CHECK(bytes[file->find("w")->offset] == std::byte{4});
  for (const std::string type : {"float8_e4m3fn", "FloatStorage", "anything"})
    CHECK_THAT(set_aside(pth_of(untyped(type))), ContainsSubstring("holds torch." + type));
}

TEST_CASE("parameters are read as the tensors they wrap, and what is no tensor is passed over") {
  PickleWriter pickle;
  pickle.global("collections", "OrderedDict")
      .raw(")R(")
      .string("p")
      .global("torch._utils", "_rebuild_parameter")
      .raw("(");
  pickle.tensor(tensor("", {2}, {1})).raw("\x88").global("collections", "OrderedDict").raw(")RtR");
  pickle.string("epoch").integer(7).string("nothing").raw("N").string("list").raw("]").item(
      tensor("w", {3}, {1}));
  pickle.raw("u}").string("_metadata").raw("}sb.");
  const Bytes bytes = pth_of(pickle.bytes());
  const MemorySource source("tales.pth", bytes);
  const Result<Checkpoint> file = open_pth(source);
  REQUIRE(file);
  CHECK(file->tensors.size() == 2);
  CHECK(file->find("p")->shape == Shape{2});
  CHECK(file->find("w")->shape == Shape{3});
}

TEST_CASE("views are read as they lie: turned, in slices, with anything for dimensions of one") {
  const Bytes bytes = pth_of(PickleWriter::dict(
      {tensor("turned", {4, 8}, {1, 4}), tensor("slice", {2, 8}, {9, 1}, 3),
       tensor("every second", {16}, {2}, 1), tensor("one", {1, 3, 1, 2}, {INT64_MIN, 1, -5, 8}),
       tensor("interleaved", {2, 2, 4}, {1, 16, 4})}));
  const MemorySource source("tales.pth", bytes);
  const Result<Checkpoint> file = open_pth(source);
  REQUIRE(file);
  CHECK(keeps_promises(open_pth, bytes));
  const uint64_t data = file->find("turned")->offset;
  CHECK(file->find("turned")->strides == Shape{1, 4});
  CHECK(file->find("turned")->bytes == 64);
  CHECK(file->find("slice")->strides == Shape{9, 1});
  CHECK(file->find("slice")->offset == data + 6);
  CHECK(file->find("slice")->bytes == (9 + 8) * 2);
  CHECK(file->find("every second")->bytes == 31 * 2);
  CHECK(file->find("one")->shape == Shape{1, 3, 1, 2});
  CHECK(file->find("one")->strides == Shape{1, 1, 1, 8});
  CHECK(file->find("one")->bytes == (2 + 8 + 1) * 2);
  CHECK(file->find("interleaved")->strides == Shape{1, 16, 4});
}

TEST_CASE("views that repeat elements are set aside with their strides") {
  const auto of_view = [](std::vector<int64_t> shape, std::vector<int64_t> strides) {
    return set_aside(pth_of(PickleWriter::dict({tensor("w", std::move(shape), std::move(strides))})));
  };
  CHECK(of_view({4, 8}, {0, 1}) ==
        "holds a view that repeats elements, strides (0, 1), expected F32, F16 or BF16");
  for (const std::vector<int64_t>& strides :
       {std::vector<int64_t>{8, 0}, {-8, 1}, {1, 1}, {INT64_MIN, 1}, {3, 1}}) {
    CHECK_THAT(of_view({2, 8}, strides), ContainsSubstring("a view that repeats elements"));
  }
  CHECK_THAT(of_view({INT64_MAX}, {0}), ContainsSubstring("repeats elements"));
}

TEST_CASE("a tensor of a class of its own is read as what it is made of") {
  PickleWriter pickle;
  pickle.raw("}").string("w").global("torch._tensor", "_rebuild_from_type_v2").raw("(");
  pickle.global("torch._utils", "_rebuild_tensor_v2")
      .global("mine", "Tensor")
      .raw("(")
      .storage(tensor("", {}, {}));
  pickle.integer(2)
      .integers({5})
      .integers({1})
      .raw("\x89")
      .global("collections", "OrderedDict")
      .raw(")Rt}tRs.");
  const Bytes bytes = pth_of(pickle.bytes());
  const MemorySource source("tales.pth", bytes);
  const Result<Checkpoint> file = open_pth(source);
  REQUIRE(file);
  CHECK(file->find("w")->shape == Shape{5});
}

TEST_CASE("what stands beside the tensors is in nobody's way") {
  using namespace std::string_view_literals;
  for (
      const std::string_view value :
      {"cargparse\nNamespace\n)R"sv, "cargparse\nNamespace\n)\x81}X\2\0\0\0lrNsb"sv,
       "cnumpy.core.multiarray\nscalar\n(cnumpy\ndtype\n(X\2\0\0\0f8\x89\x88tRc_codecs\nencode\n(X\1\0\0\0aX\6\0\0\0latin1tRtR"sv,
       "C\3abc"sv, "ctorch\nSize\n(K\1tR"sv, "ctorch\nfloat16\n"sv, "cos\nsystem\n(X\1\0\0\0atR"sv, "]K\1a"sv,
       "}K\1}X\1\0\0\0wNss"sv}) {
    INFO(value);
    PickleWriter pickle;
    pickle.raw("}").string("beside").raw(value).raw("s").item(tensor("w", {3}, {1})).raw("s.");
    const Bytes bytes = pth_of(pickle.bytes());
    const MemorySource source("tales.pth", bytes);
    const Result<Checkpoint> file = open_pth(source);
    REQUIRE(file);
    CHECK(file->tensors.size() == 1);
    CHECK(file->find("w")->shape == Shape{3});
  }
}

TEST_CASE("a view that leaves its storage is refused, however large its numbers") {
  CHECK(refusal(tensor("w", {2, 8}, {24, 1})).empty());
  CHECK(refusal(tensor("w", {2, 8}, {25, 1})) ==
        "tales.pth: w: (2, 8) with strides (25, 1) at 0 exceeds its storage of 32 elements");
  CHECK_THAT(refusal(tensor("w", {4, 8}, {1, 4}, 1)), ContainsSubstring("exceeds its storage"));
  for (const int64_t stride : {int64_t{32}, int64_t{1} << 32, int64_t{1} << 62, INT64_MAX}) {
    CHECK_THAT(refusal(tensor("w", {2, 2}, {1, stride})), ContainsSubstring("exceeds its storage"));
    CHECK_THAT(refusal(tensor("w", {2, 2}, {stride, stride})), ContainsSubstring("exceeds its storage"));
    CHECK_THAT(refusal(tensor("w", {4, 1, 4}, {stride, 1, stride})),
               ContainsSubstring("exceeds its storage"));
  }
  CHECK(refusal(tensor("w", {0, 4}, {INT64_MAX, INT64_MAX})).empty());
}

TEST_CASE("tensors that together are twice as large as the file are refused") {
  std::vector<TensorPickle> tensors;
  for (int k = 0; k < 400; ++k) {
    tensors.push_back({.name = std::to_string(k), .elements = 50'000, .shape = {50'000}, .strides = {1}});
  }
  CHECK_THAT(refusal_of_file(pth_of(PickleWriter::dict(tensors), 100'000)),
             ContainsSubstring("twice as large as the file"));
  tensors.resize(2);
  CHECK(refusal_of_file(pth_of(PickleWriter::dict(tensors), 100'000)).empty());
}

}  // namespace
}  // namespace rwkv

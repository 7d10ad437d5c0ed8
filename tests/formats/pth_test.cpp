#include <catch_amalgamated.hpp>
#include <cmath>

#include "formats/checkpoint.h"
#include "formats/hostile.h"
#include "formats/pickle_writer.h"
#include "formats/tensor_values.h"
#include "formats/zip_writer.h"
#include "support.h"

namespace rwkv {
namespace {

using Catch::Matchers::ContainsSubstring;

Bytes counting(size_t count) {
  Bytes bytes(count);
  for (size_t k = 0; k < count; ++k) bytes[k] = static_cast<std::byte>(k);
  return bytes;
}

Bytes pth_of(const Bytes& pickle, size_t storage_bytes = 64, std::string_view order = "little") {
  std::vector<ZipPart> parts = {{"tales/data.pkl", pickle, 64},
                                {"tales/data/0", counting(storage_bytes), 64}};
  if (!order.empty()) parts.push_back({"tales/byteorder", to_bytes(order)});
  parts.push_back({"tales/version", to_bytes("3\n")});
  return zip_of(parts);
}

TensorPickle tensor(std::string name, std::vector<int64_t> shape, std::vector<int64_t> strides,
                    int64_t offset = 0) {
  return {.name = std::move(name),
          .elements = 32,
          .offset = offset,
          .shape = std::move(shape),
          .strides = std::move(strides)};
}

std::string refusal_of_file(const Bytes& bytes, ErrorKind kind = ErrorKind::kBadFile) {
  const MemorySource source("tales.pth", bytes);
  const Result<Checkpoint> file = open_pth(source);
  if (file) return "";
  CHECK(file.error().kind == kind);
  return file.error().message;
}

std::string refusal(const TensorPickle& t, ErrorKind kind = ErrorKind::kBadFile) {
  return refusal_of_file(pth_of(PickleWriter::dict({t})), kind);
}

// Slow and true, element i of a tensor's bytes.
float value(const Tensor& tensor, std::span<const std::byte> bytes, size_t i) {
  if (tensor.dtype == DType::kF32) return reinterpret_cast<const float*>(bytes.data())[i];
  const int bits = std::to_integer<int>(bytes[2 * i]) | std::to_integer<int>(bytes[2 * i + 1]) << 8;
  const float sign = bits & 0x8000 ? -1.0f : 1.0f;
  const bool half = tensor.dtype == DType::kF16;
  const int fraction_bits = half ? 10 : 7, bias = half ? 15 : 127;
  const int exponent = (bits & 0x7FFF) >> fraction_bits, fraction = bits & ((1 << fraction_bits) - 1);
  const int significand = exponent ? fraction | 1 << fraction_bits : fraction;
  return sign * std::ldexp(static_cast<float>(significand), std::max(exponent, 1) - bias - fraction_bits);
}

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

TEST_CASE("storages of float, half and bfloat16 are read, others are refused by name") {
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
  for (const char* storage : {"LongStorage", "DoubleStorage", "ByteStorage", "BoolStorage"}) {
    TensorPickle t = tensor("w", {4}, {1});
    t.storage = storage;
    CHECK(refusal(t, ErrorKind::kUnsupported) ==
          "tales.pth: w: holds torch." + std::string(storage) + ", expected float, half or bfloat16");
  }
  TensorPickle t = tensor("w", {4}, {1});
  t.storage = "QInt8Storage";
  CHECK_THAT(refusal(t, ErrorKind::kUnsupported),
             ContainsSubstring("torch.QInt8Storage: not something a model file needs"));
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
  CHECK_THAT(refusal_of_file(pth_of(untyped("float8_e4m3fn")), ErrorKind::kUnsupported),
             ContainsSubstring("w: holds torch.float8_e4m3fn"));
  CHECK_THAT(refusal_of_file(pth_of(untyped("FloatStorage")), ErrorKind::kUnsupported),
             ContainsSubstring("w: holds torch.FloatStorage"));
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

TEST_CASE("views that repeat elements are refused with their strides") {
  CHECK(refusal(tensor("w", {4, 8}, {0, 1}), ErrorKind::kUnsupported) ==
        "tales.pth: w: strides (0, 1) of shape (4, 8), expected a view that repeats no element");
  for (const std::vector<int64_t>& strides :
       {std::vector<int64_t>{8, 0}, {-8, 1}, {1, 1}, {INT64_MIN, 1}, {3, 1}}) {
    CHECK_THAT(refusal(tensor("w", {2, 8}, strides), ErrorKind::kUnsupported),
               ContainsSubstring("expected a view that repeats no element"));
  }
  CHECK_THAT(refusal(tensor("w", {INT64_MAX}, {0}), ErrorKind::kUnsupported),
             ContainsSubstring("repeats no element"));
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
  CHECK_THAT(refusal_of_file(pth_of(unnamed.bytes())), ContainsSubstring("name is not a string"));
}

TEST_CASE("a tensor named twice in a pickle is refused") {
  const TensorPickle t = tensor("w", {1}, {1});
  CHECK(refusal_of_file(pth_of(PickleWriter::dict({t, t}))) == "tales.pth: w: twice in the file");
}

TEST_CASE("a training checkpoint is refused with the names it has instead of tensors") {
  PickleWriter nested;
  nested.raw("}(")
      .string("epoch")
      .integer(3)
      .string("state_dict")
      .raw("}")
      .item(tensor("w", {1}, {1}))
      .raw("su.");
  CHECK(refusal_of_file(pth_of(nested.bytes()), ErrorKind::kUnsupported) ==
        "tales.pth: holds no tensors at its top, only epoch, state_dict; save the dict of weights itself");
  PickleWriter flat;
  flat.raw("}(").string("epoch").integer(3).raw("u.");
  CHECK(refusal_of_file(pth_of(flat.bytes())) == "tales.pth: holds no tensors; found epoch");
  CHECK(refusal_of_file(pth_of(PickleWriter().raw("}.").bytes())) == "tales.pth: holds no tensors");
  CHECK(refusal_of_file(pth_of(PickleWriter().raw("N.").bytes())) ==
        "tales.pth: data.pkl is not a dict of tensors");
}

TEST_CASE("a pickle that would run something is refused by the name of it") {
  PickleWriter pickle;
  pickle.global("os", "system").string("true").raw("\x85R.");
  CHECK(refusal_of_file(pth_of(pickle.bytes()), ErrorKind::kUnsupported) ==
        "tales.pth: data.pkl: os.system: not something a model file needs");
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
  CHECK_THAT(refusal_of_file(pth_of(only.bytes()), ErrorKind::kUnsupported), ContainsSubstring("only d"));
}

TEST_CASE("a whole module is refused by the name of its class") {
  PickleWriter pickle;
  pickle.global("rwkv.model", "RWKV").raw(")\x81}").item(tensor("w", {1}, {1})).raw("sb.");
  CHECK(refusal_of_file(pth_of(pickle.bytes()), ErrorKind::kUnsupported) ==
        "tales.pth: data.pkl: rwkv.model.RWKV: not something a model file needs");
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

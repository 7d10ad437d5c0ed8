#include "formats/containers/bytes.h"
#include "formats/pth_writer.h"
#include "formats/views.h"
#include "fuzz/model_file.h"
#include "fuzz/reader.h"
#include "fuzz/tiny_models.h"

namespace rwkv::fuzz {
namespace {

// The dict of tensors that all begin where the only storage begins, which keeps the file small.
Bytes dict_of(const std::vector<FileTensor>& tensors, int64_t elements,
              std::string_view storage = "HalfStorage") {
  std::vector<TensorPickle> items;
  for (const FileTensor& tensor : tensors)
    items.push_back({.name = tensor.name,
                     .storage = std::string(storage),
                     .elements = elements,
                     .shape = tensor.shape,
                     .strides = row_major(tensor.shape)});
  return PickleWriter::dict(items);
}

Bytes pth_of(const std::vector<FileTensor>& tensors, std::string_view storage = "HalfStorage",
             const ZipLayout& layout = {}) {
  uint64_t elements = 1;
  for (const FileTensor& tensor : tensors) elements = std::max(elements, *element_count(tensor.shape));
  Bytes data = tiny_halves(elements);
  if (storage == "FloatStorage") data.resize(2 * data.size());
  return zip_of({{"m/data.pkl", dict_of(tensors, int64_t(elements), storage)},
                 {"m/byteorder", to_bytes("little")},
                 {"m/data/0", data, 64, 0, 0, layout.zip64}},
                layout);
}

std::vector<Bytes> seeds() {
  std::vector<Bytes> files = {
      pth_of({{"w", DType::kF16, {2, 3}, {}}}),
      pth_of({{"a", DType::kF16, {4}, {}}, {"b", DType::kF16, {}, {}}}, "FloatStorage"),
      pth_of({{"w", DType::kF16, {1, 1, 4}, {}}}, "BFloat16Storage", {.zip64 = true})};
  for (const Version version :
       {Version::k4, Version::k5_0, Version::k5_1, Version::k5_2, Version::k6, Version::k7, Version::k7a})
    files.push_back(pth_of(tiny_model(version)));
  files.push_back(pth_of(tiny_model(Version::k4, 32)));  // quantised in blocks
  files.push_back(write_pth(tiny_model(Version::k7, 8, 2), {.one_storage = true, .turned_views = true}));
  files.push_back(write_pth(tiny_states(), {.reversed = true, .is_recent = true}));
  return files;
}

std::string check(std::span<const std::byte> bytes, bool& good) {
  return broken_promise(open_checkpoint, bytes, kPickleFactor, good);
}

// The same without the zip, which tells the pickle's size and place in many places: a pickle that is made
// into a .pth file here.
constexpr int64_t kDictElements = 80;

std::vector<Bytes> dict_seeds() {
  std::vector<Bytes> pickles = {
      dict_of({{"a", DType::kF16, {4}, {}}, {"b", DType::kF16, {}, {}}}, 36, "FloatStorage"),
      dict_of({{"w", DType::kF16, {1, 1, 4}, {}}}, kDictElements, "BFloat16Storage")};
  for (const Version version :
       {Version::k4, Version::k5_0, Version::k5_1, Version::k5_2, Version::k6, Version::k7})
    pickles.push_back(dict_of(tiny_model(version), kDictElements));
  const TensorPickle turned{.name = "", .elements = 72, .offset = 3, .shape = {2, 8}, .strides = {1, 2}};
  PickleWriter parameter;
  parameter.global("collections", "OrderedDict").raw(")R(").string("w");
  parameter.global("torch._utils", "_rebuild_parameter").raw("(").tensor(turned).raw("\x88");
  parameter.global("collections", "OrderedDict").raw(")RtR").string("epoch").raw("K\7u.");
  pickles.push_back(parameter.bytes());
  PickleWriter untyped;
  untyped.raw("}").string("w").global("torch._utils", "_rebuild_tensor_v3").raw("((").string("storage");
  untyped.global("torch.storage", "UntypedStorage").string("0").string("cpu").integer(64).raw("tQ");
  untyped.integer(2).integers({5}).integers({1}).raw("\x89N").global("torch", "bfloat16").raw("tRs.");
  pickles.push_back(untyped.bytes());
  const TensorPickle tuned{
      .name = "blocks.0.att.time_state", .elements = 72, .shape = {1, 8, 8}, .strides = {64, 8, 1}};
  PickleWriter nested;
  nested.raw("}(")
      .string("module.model")
      .raw("}")
      .item(tuned)
      .raw("s")
      .string("optimizer")
      .raw("}")
      .item(turned)
      .raw("s");
  nested.string("args").global("argparse", "Namespace").raw(")\x81}").string("lr").raw("Nsb");
  nested.string("rng")
      .raw("C\2ab")
      .string("seen")
      .raw("\x8f(NN\x90")
      .string("loss")
      .global("numpy", "float64");
  nested.raw("(C\1atR").string("unused").raw("NN0u.");
  pickles.push_back(nested.bytes());
  PickleWriter module;
  module.global("mine", "RWKV")
      .raw(")\x81}")
      .string("_modules")
      .raw("}")
      .string("inner")
      .global("mine", "State");
  module.raw(")\x81}").string("_parameters").raw("}").item(tuned).raw("ssbssb.");
  pickles.push_back(module.bytes());
  return pickles;
}

std::string check_dict(std::span<const std::byte> bytes, bool& good) {
  const Bytes file = zip_of({{"m/data.pkl", Bytes(bytes.begin(), bytes.end())},
                             {"m/data/0", tiny_halves(kDictElements)},
                             {"m/data/1", tiny_halves(1)}});
  return check(file, good);
}

}  // namespace

const Reader pth = {"pth", seeds, check};
const Reader pth_dict = {"pth_dict", dict_seeds, check_dict};

}  // namespace rwkv::fuzz

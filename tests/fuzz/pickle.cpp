#include "formats/containers/pickle.h"

#include "formats/containers/pickle_writer.h"
#include "formats/containers/zip.h"
#include "formats/promises.h"
#include "fuzz/memory.h"
#include "fuzz/model_file.h"
#include "fuzz/reader.h"

namespace rwkv::fuzz {
namespace {

using namespace std::string_view_literals;

constexpr std::string_view kGlobals[] = {"collections.OrderedDict", "torch._utils._rebuild_tensor_v2",
                                         "torch.HalfStorage", "torch.BFloat16Storage"};

// data.pkl of an oracle, as torch wrote it.
Bytes pickle_of(const std::string& oracle) {
  const Bytes file = read_file(fixture("oracle/" + oracle + ".pth"));
  const MemorySource source(oracle, file);
  const Result<ZipDirectory> zip = ZipDirectory::open(source);
  const ZipEntry& entry = *zip->find(oracle + "/data.pkl");
  const auto begin = file.begin() + ptrdiff_t(*zip->data_offset(entry));
  return Bytes(begin, begin + ptrdiff_t(entry.bytes));
}

std::vector<Bytes> seeds() {
  const TensorPickle a{.name = "a", .elements = 32, .shape = {2, 3}, .strides = {3, 1}};
  const TensorPickle b{.name = "b", .key = "1", .elements = 4, .offset = 3, .shape = {1}, .strides = {1}};
  PickleWriter memo;
  memo.raw("}q").raw("\0"sv).string("w").raw("\x94(h\1K\2M\3\4J\1\2\3\4\x85\x86\x87ts.");
  PickleWriter ordered;
  ordered.global("collections", "OrderedDict").raw(")R(").item(a).item(b).raw("u}").string("_metadata");
  ordered.raw("}sb.");
  PickleWriter list;
  list.raw("\x95\x20\0\0\0\0\0\0\0]\x94(N\x88\x89"sv).raw("Gabcdefgh\x8a\1\x7F\x8c\1xe.");
  return {PickleWriter::dict({a, b}), memo.bytes(),         ordered.bytes(), list.bytes(),
          pickle_of("v4-bf16"),       pickle_of("v52-fp16")};
}

// Whether a value and what it holds lie where they should: all that can be reached in so many steps.
bool is_sound(const Pickle& pickle, PickleRef value, std::string_view file, int& steps, int depth = 0) {
  if (steps-- <= 0 || depth > 50) return true;
  if (pickle.global(value).value_or(0) >= std::size(kGlobals)) return false;
  const std::string_view string = pickle.string(value).value_or(file);
  if (string.data() < file.data() || string.end() > file.end()) return false;
  const auto holds = [&](PickleRef held) { return is_sound(pickle, held, file, steps, depth + 1); };
  for (const auto held : {pickle.tuple(value), pickle.arguments(value), pickle.persistent(value)})
    if (!std::all_of(held.begin(), held.end(), holds)) return false;
  bool sound = true;
  pickle.each_item(value, [&](PickleRef key, PickleRef item) {
    sound = holds(key) && holds(item);
    return sound && steps > 0;
  });
  return sound;
}

std::string check(std::span<const std::byte> bytes, bool& good) {
  const MemorySource source("model", bytes);
  const MemoryMeter meter;
  const Result<Pickle> pickle = Pickle::read(bytes, kGlobals, "model: data.pkl");
  if (std::string broken = broken_promise(meter, twice(kPickleFactor * bytes.size())); !broken.empty())
    return broken;
  if (!pickle) return broken_promise(pickle.error(), source);
  good = true;
  int steps = 10'000;
  return is_sound(*pickle, pickle->root(), as_text(bytes), steps) ? "" : "a value outside the pickle";
}

}  // namespace

const Reader pickle = {"pickle", seeds, check};

}  // namespace rwkv::fuzz

// .pth: what torch.save writes since 1.6, a zip of stored entries under one directory:
//
//   NAME/data.pkl    a pickled dict, name -> _rebuild_tensor_v2(storage, offset, shape, strides, ...), or dicts of
//                    such dicts, or a module: an object with _parameters and _modules
//   NAME/data/KEY    the bytes of a storage; its persistent id is ('storage', torch.HalfStorage, KEY, device,
//                    elements)
//   NAME/byteorder   "little" or "big"; absent before 2.1
//
// The other entries (version, .format_version, .storage_alignment, .data/serialization_id) tell nothing that
// is needed. Tensors may share a storage and need not be contiguous in it.

#include <algorithm>
#include <array>

#include "formats/checkpoint.h"
#include "formats/containers/bytes.h"
#include "formats/containers/pickle.h"
#include "formats/containers/zip.h"

namespace rwkv {
namespace {

constexpr uint64_t kMaxPickleBytes = 16 << 20;
constexpr size_t kMaxKeyBytes = 64;  // keys are small decimal numbers
constexpr size_t kMaxNameBytes = 512;
constexpr int kMaxDepth = 32;  // a layer's weight lies some 12 dicts deep in a pickled module

// The names that tensors are made of. All others are left alone.
enum class Role { kTensor, kTensorOfType, kSubclass, kParameter, kStorage, kType, kIgnored };
struct Global {
  std::string_view name;
  Role role;
  uint64_t element_bytes = 0;
  DType dtype = DType::kF32;
};
constexpr Global kGlobals[] = {
    {"collections.OrderedDict", Role::kIgnored},
    {"torch._utils._rebuild_tensor_v2", Role::kTensor},
    {"torch._utils._rebuild_tensor_v3", Role::kTensorOfType},  // untyped storage, and a type as argument 6
    {"torch._tensor._rebuild_from_type_v2", Role::kSubclass},  // maker, class, its arguments
    {"torch._utils._rebuild_parameter", Role::kParameter},     // wraps a tensor
    {"torch._utils._rebuild_parameter_with_state", Role::kParameter},
    {"torch.FloatStorage", Role::kStorage, 4, DType::kF32},
    {"torch.HalfStorage", Role::kStorage, 2, DType::kF16},
    {"torch.BFloat16Storage", Role::kStorage, 2, DType::kBF16},
    {"torch.float32", Role::kType, 4, DType::kF32},
    {"torch.float16", Role::kType, 2, DType::kF16},
    {"torch.bfloat16", Role::kType, 2, DType::kBF16},
};
constexpr auto kGlobalNames = [] {
  std::array<std::string_view, std::size(kGlobals)> names;
  for (size_t i = 0; i < names.size(); ++i) names[i] = kGlobals[i].name;
  return names;
}();

const Global* global(std::optional<size_t> index) { return index ? &kGlobals[*index] : nullptr; }

// Row-major without gaps; the stride of a dimension of one element tells nothing.
bool contiguous(const Shape& shape, const Shape& strides) {
  int64_t expected = 1;
  for (size_t i = shape.size(); i-- > 0; expected *= shape[i]) {
    if (shape[i] != 1 && strides[i] != expected) return false;
  }
  return true;
}

// Elements of the storage from a view's first to its last, both included: UINT64_MAX where that is too large
// a number, 0 where an axis goes nowhere or backwards. REQUIRES: no empty dimension.
uint64_t extent_of(const Shape& shape, const Shape& strides) {
  int64_t last = 0;
  for (size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] == 1) continue;
    int64_t step = 0;
    if (strides[i] <= 0) return 0;
    if (__builtin_mul_overflow(shape[i] - 1, strides[i], &step) || __builtin_add_overflow(last, step, &last))
      return UINT64_MAX;
  }
  return static_cast<uint64_t>(last) + 1;
}

class Reader {
 public:
  Reader(const Source& source, const ZipDirectory& zip, std::string_view folder, const Pickle& pickle)
      : source_(source),
        zip_(zip),
        storages_(std::string(folder) + "data/"),
        pickle_(pickle),
        seen_(pickle.size(), '\0') {
    checkpoint_.source = &source;
    checkpoint_.format = "pth";
  }

  Result<Checkpoint> read() {
    if (Status added = add_items(pickle_.root(), "", 0); !added) return added.error();
    if (checkpoint_.tensors.empty() && checkpoint_.foreign.empty()) return no_tensors();
    return std::move(checkpoint_);
  }

 private:
  // The tensors of a dict and of all dicts in it, named by the way there: "state_dict.emb.weight".
  Status add_items(PickleRef dict, const std::string& way, int depth) {
    if (std::exchange(seen_[dict], '\1')) return Done{};
    std::optional<Error> error;
    pickle_.each_item(dict, [&](PickleRef key, PickleRef value) {
      const std::optional<std::string_view> name = pickle_.string(key);
      if (!name || way.size() + name->size() > kMaxNameBytes) return true;
      total_bytes_ += way.size();
      if (Status added = add(way + std::string(*name), value, depth); !added) error = added.error();
      return !error;
    });
    if (error) return *std::move(error);
    return Done{};
  }

  Status add(std::string name, PickleRef value, int depth) {
    std::span<const PickleRef> arguments = pickle_.arguments(value);
    const Global* maker = global(pickle_.callee(value));
    if (depth == kMaxDepth) return Done{};
    if (maker && maker->role == Role::kParameter && !arguments.empty())
      return add(std::move(name), arguments[0], depth + 1);
    if (maker && maker->role == Role::kSubclass && arguments.size() >= 3) {
      maker = global(pickle_.global(arguments[0]));
      arguments = pickle_.tuple(arguments[2]);
    }
    if (name == "_strategy")
      return unsupported(source_, "converted by the pip package rwkv for the strategy '" +
                                      printable(pickle_.string(value).value_or("")) +
                                      "'; use the file that it was made of");
    if (maker && (maker->role == Role::kTensor || maker->role == Role::kTensorOfType))
      return add_tensor(name, *maker, arguments);
    const size_t before = checkpoint_.tensors.size();
    Status status = add_items(value, name + '.', depth + 1);
    if (std::string what = pickle_.foreign(value); checkpoint_.tensors.size() == before && !what.empty())
      checkpoint_.set_aside(name, std::move(what));
    return status;
  }

  // arguments: storage, offset in elements, shape, strides, requires_grad, hooks[, type]
  Status add_tensor(const std::string& name, const Global& maker, std::span<const PickleRef> arguments) {
    const std::string shown = printable(name) + ": ";
    const auto bad = [&](const std::string& why) { return bad_file(source_, shown + why); };
    const bool typed = maker.role == Role::kTensorOfType;
    if (arguments.size() < (typed ? 7u : 4u)) return bad("too few arguments to make a tensor of");

    const std::span<const PickleRef> storage = pickle_.persistent(arguments[0]);
    if (storage.size() < 5 || pickle_.string(storage[0]) != "storage") return bad("has no storage");
    const PickleRef type_name = typed ? arguments[6] : storage[1];
    const Global* type = global(pickle_.global(type_name));
    if (!type || type->role != (typed ? Role::kType : Role::kStorage)) {
      const std::string what = type ? std::string(type->name) : pickle_.foreign(type_name);
      return what.empty() ? bad("has no type") : (checkpoint_.set_aside(name, what), Status(Done{}));
    }
    const std::optional<std::string_view> key = pickle_.string(storage[2]);
    const std::optional<int64_t> storage_elements = pickle_.integer(storage[4]),
                                 offset = pickle_.integer(arguments[1]);
    Shape shape, strides;
    if (!key || !storage_elements || !offset || !read_integers(arguments[2], shape) ||
        !read_integers(arguments[3], strides)) {
      return bad("expected a storage, an offset, a shape and strides");
    }
    if (strides.size() != shape.size() ||
        std::any_of(shape.begin(), shape.end(), [](int64_t n) { return n < 0; })) {
      return bad("strides " + to_string(strides) + " do not fit shape " + to_string(shape));
    }
    const std::optional<uint64_t> count = element_count(shape);
    if (!count) return bad("impossible shape " + to_string(shape));
    const bool is_plain = *count == 0 || contiguous(shape, strides);
    const uint64_t extent = is_plain ? *count : extent_of(shape, strides);
    if (extent < *count)
      return checkpoint_.set_aside(name, "a view that repeats elements, strides " + to_string(strides)),
             Done{};
    if (is_plain) strides.clear();
    for (size_t i = 0; i < strides.size(); ++i)
      if (shape[i] == 1) strides[i] = 1;  // it tells nothing and may be anything

    const ZipEntry* entry = key->size() <= kMaxKeyBytes ? zip_.find(storages_ + std::string(*key)) : nullptr;
    if (!entry) return bad("its storage " + printable(*key) + " is missing");
    const uint64_t unit = typed ? 1 : type->element_bytes;
    if (*storage_elements < 0 || static_cast<uint64_t>(*storage_elements) > entry->bytes / unit) {
      return bad("storage of " + std::to_string(*storage_elements) + " elements in " +
                 std::to_string(entry->bytes) + " bytes");
    }
    const uint64_t elements = static_cast<uint64_t>(*storage_elements) * unit / type->element_bytes;
    if (*offset < 0 || static_cast<uint64_t>(*offset) > elements ||
        extent > elements - static_cast<uint64_t>(*offset)) {
      return bad(to_string(shape) + (strides.empty() ? "" : " with strides " + to_string(strides)) + " at " +
                 std::to_string(*offset) + " exceeds its storage of " + std::to_string(elements) +
                 " elements");
    }
    Result<uint64_t> data = zip_.data_offset(*entry);
    if (!data) return data.error();
    const uint64_t bytes = extent * type->element_bytes;
    total_bytes_ += bytes;
    if (total_bytes_ / 2 > source_.size())
      return bad_file(source_,
                      "its tensors share storages so often that they are twice as large as the file");
    Tensor tensor{name,
                  type->dtype,
                  std::move(shape),
                  *data + static_cast<uint64_t>(*offset) * type->element_bytes,
                  bytes,
                  std::move(strides)};
    if (!checkpoint_.tensors.try_emplace(name, std::move(tensor)).second) return bad("twice in the file");
    return Done{};
  }

  bool read_integers(PickleRef tuple, Shape& values) const {
    const std::span<const PickleRef> items = pickle_.tuple(tuple);
    if (items.size() > kMaxRank) return false;
    for (PickleRef item : items) {
      const std::optional<int64_t> value = pickle_.integer(item);
      if (!value) return false;
      values.push_back(*value);
    }
    return true;
  }

  Error no_tensors() const {
    if (const std::string module = pickle_.foreign(pickle_.root()); !module.empty())
      return unsupported(
          source_, "a whole module was saved (" + module + "), not its weights; torch.save its state_dict()");
    if (!pickle_.has_items(pickle_.root())) return bad_file(source_, "data.pkl is not a dict of tensors");
    std::string keys;
    size_t shown = 0;
    pickle_.each_item(pickle_.root(), [&](PickleRef key, PickleRef) {
      if (const auto name = pickle_.string(key)) keys += (shown == 0 ? "; found " : ", ") + printable(*name);
      return ++shown < 8;
    });
    return bad_file(source_, "holds no tensors" + keys);
  }

  const Source& source_;
  const ZipDirectory& zip_;
  const std::string storages_;
  const Pickle& pickle_;
  std::string seen_;          // a flag for each value: dicts may be in each other, and in themselves
  uint64_t total_bytes_ = 0;  // of the tensors, and of the ways to them
  Checkpoint checkpoint_;
};

// Finds NAME/data.pkl; `folder` becomes "NAME/".
Result<const ZipEntry*> find_pickle(const Source& source, const ZipDirectory& zip, std::string_view& folder) {
  constexpr std::string_view kPickle = "data.pkl";
  const ZipEntry* found = nullptr;
  for (const ZipEntry& entry : zip.entries()) {
    if (!entry.name.ends_with(kPickle)) continue;
    const std::string_view before = entry.name.substr(0, entry.name.size() - kPickle.size());
    if (!before.empty() && !before.ends_with('/')) continue;
    if (found) return bad_file(source, "two entries data.pkl in the zip");
    found = &entry;
    folder = before;
  }
  if (!found) return bad_file(source, "a zip without data.pkl, not a torch checkpoint");
  return found;
}

Result<Buffer> read_entry(const Source& source, const ZipDirectory& zip, const ZipEntry& entry) {
  if (entry.bytes > kMaxPickleBytes) {
    return unsupported(source, printable(entry.name) + ": " + std::to_string(entry.bytes) +
                                   " bytes, far more than a model needs");
  }
  Result<uint64_t> offset = zip.data_offset(entry);
  if (!offset) return offset.error();
  return read_directory(source, *offset, entry.bytes);
}

}  // namespace

Result<Checkpoint> open_pth(const Source& source) {
  Result<ZipDirectory> zip = ZipDirectory::open(source);
  if (!zip) return zip.error();
  std::string_view folder;
  Result<const ZipEntry*> entry = find_pickle(source, *zip, folder);
  if (!entry) return entry.error();

  if (const ZipEntry* order = zip->find(std::string(folder) + "byteorder")) {
    Result<Buffer> text = read_entry(source, *zip, *order);
    if (!text) return text.error();
    if (as_text(text->span()) != "little") {
      return unsupported(source, "byte order " + printable(as_text(text->span())) + ", expected little");
    }
  }
  Result<Buffer> bytes = read_entry(source, *zip, **entry);
  if (!bytes) return bytes.error();
  Result<Pickle> pickle = Pickle::read(bytes->span(), kGlobalNames, source.name() + ": data.pkl");
  if (!pickle) return pickle.error();
  return Reader(source, *zip, folder, *pickle).read();
}

}  // namespace rwkv

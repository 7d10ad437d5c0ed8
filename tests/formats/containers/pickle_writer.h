// Builds pickles in memory, opcode by opcode or as torch.save writes tensors.
#pragma once

#include "support.h"

namespace rwkv {

struct TensorPickle {
  std::string name, storage = "HalfStorage", key = "0";
  int64_t elements = 0;  // of the storage
  int64_t offset = 0;
  std::vector<int64_t> shape = {}, strides = {};
};

class PickleWriter {
 public:
  PickleWriter() { raw(std::string_view("\x80\x02", 2)); }

  PickleWriter& raw(std::string_view opcodes) { return put(bytes_, opcodes), *this; }
  PickleWriter& repeat(size_t count, std::string_view opcodes) {
    for (size_t k = 0; k < count; ++k) raw(opcodes);
    return *this;
  }
  PickleWriter& string(std::string_view text) {
    raw("X");
    put_le(bytes_, static_cast<uint32_t>(text.size()));
    return raw(text);
  }
  PickleWriter& global(std::string_view module, std::string_view name) {
    return raw("c").raw(module).raw("\n").raw(name).raw("\n");
  }
  PickleWriter& integer(int64_t value) {
    raw("\x8a\x08");
    put_le(bytes_, value);
    return *this;
  }
  PickleWriter& integers(const std::vector<int64_t>& values) {
    raw("(");
    for (int64_t value : values) integer(value);
    return raw("t");
  }
  // ('storage', torch.TYPE, key, 'cpu', elements) as a persistent id
  PickleWriter& storage(const TensorPickle& t) {
    return raw("(")
        .string("storage")
        .global("torch", t.storage)
        .string(t.key)
        .string("cpu")
        .integer(t.elements)
        .raw("tQ");
  }
  PickleWriter& tensor(const TensorPickle& t) {
    global("torch._utils", "_rebuild_tensor_v2").raw("(").storage(t).integer(t.offset);
    return integers(t.shape).integers(t.strides).raw("\x89").global("collections", "OrderedDict").raw(")RtR");
  }
  PickleWriter& item(const TensorPickle& t) { return string(t.name).tensor(t); }

  // {name: tensor, ...}
  static Bytes dict(const std::vector<TensorPickle>& tensors) {
    PickleWriter pickle;
    pickle.raw("}(");
    for (const TensorPickle& t : tensors) pickle.item(t);
    return pickle.raw("u.").bytes();
  }

  const Bytes& bytes() const { return bytes_; }

 private:
  Bytes bytes_;
};

}  // namespace rwkv

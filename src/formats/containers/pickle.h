// The data in a Python pickle (protocols 2 to 5). Nothing is executed: a call is recorded with its arguments, or,
// where its reader does not know the name, as an object of that name with what it was given as attributes.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "result.h"

namespace rwkv {

// A value, as its index in the pickle. Values are flat and own nothing: cycles and depth cost nothing, and a
// value that is used a thousand times is there once.
using PickleRef = uint32_t;

class Pickle {
 public:
  // Each opcode makes at most a few words of state, so this bounds time and memory; a large model needs a
  // hundredth.
  static constexpr uint32_t kMaxOpcodes = 1 << 20;

  // Reads up to STOP what torch.save writes. `globals` are the names that the reader knows, as "module.name";
  // strings point into `bytes`, which must outlive the pickle. `where` begins the messages. Errors: kBadFile
  // (truncated, not a pickle, an opcode of other protocols), kUnsupported (too many opcodes).
  static Result<Pickle> read(std::span<const std::byte> bytes, std::span<const std::string_view> globals,
                             std::string where);

  PickleRef root() const { return root_; }
  size_t size() const { return values_.size(); }  // every ref is below

  // What a value is; empty where it is something else.
  std::optional<int64_t> integer(PickleRef value) const;
  std::optional<std::string_view> string(PickleRef value) const;
  std::span<const PickleRef> tuple(PickleRef value) const;
  std::optional<size_t> global(PickleRef value) const;          // index in `globals`
  std::optional<size_t> callee(PickleRef value) const;          // of a recorded call: index in `globals`
  std::span<const PickleRef> arguments(PickleRef value) const;  // of a recorded call
  std::span<const PickleRef> persistent(
      PickleRef value) const;  // the id of an object stored outside the pickle

  // "argparse.Namespace": the name, or the maker of an object, that is none of `globals`; "" where it is neither.
  std::string foreign(PickleRef value) const;

  // A dict, a recorded call that got items as a dict does (OrderedDict), or an object, whose attributes are its
  // items.
  bool has_items(PickleRef value) const;
  // visit(key, value) for each item, later batches first, until it returns false.
  template <class Visit>
  void each_item(PickleRef dict, Visit visit) const {
    if (!has_items(dict)) return;
    for (uint32_t batch = values_[dict].c; batch != 0; batch = values_[batch].c) {
      const Value& pairs = values_[batch];
      for (uint32_t i = 0; i < pairs.b; i += 2) {
        if (!visit(refs_[pairs.a + i], refs_[pairs.a + i + 1])) return;
      }
    }
  }

 private:
  enum class Kind : uint32_t {
    kOpaque,      // None, booleans, floats, bytes: present but of no use to a reader
    kInt,         // low 32 bits, high 32 bits
    kString,      // offset in the pickle, bytes
    kTuple,       // first ref, count
    kList,        // or a set; items are not kept
    kDict,        // -, -, last batch of items
    kBatch,       // first ref, count, previous batch; 0 is none
    kGlobal,      // index of the name
    kCall,        // index of the name, arguments, last batch of items
    kForeign,     // a name that is none of `globals`: the first of two refs, module and name
    kObject,      // that of its maker, -, last batch of items
    kPersistent,  // id
  };
  struct Value {
    Kind kind = Kind::kOpaque;
    uint32_t a = 0, b = 0, c = 0;
  };
  friend class PickleMachine;

  const Value& at(PickleRef value) const { return values_[value]; }

  std::string_view text_;
  std::vector<Value> values_;
  std::vector<PickleRef> refs_;  // what tuples and batches range over
  PickleRef root_ = 0;
};

}  // namespace rwkv

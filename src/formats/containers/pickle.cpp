#include "formats/containers/pickle.h"

#include "formats/containers/bytes.h"
#include "utf8.h"

namespace rwkv {

std::optional<int64_t> Pickle::integer(PickleRef value) const {
  const Value& v = values_[value];
  if (v.kind != Kind::kInt) return std::nullopt;
  return static_cast<int64_t>(uint64_t{v.b} << 32 | v.a);
}

std::optional<std::string_view> Pickle::string(PickleRef value) const {
  const Value& v = values_[value];
  if (v.kind != Kind::kString) return std::nullopt;
  return text_.substr(v.a, v.b);
}

std::span<const PickleRef> Pickle::tuple(PickleRef value) const {
  const Value& v = values_[value];
  if (v.kind != Kind::kTuple) return {};
  return std::span(refs_).subspan(v.a, v.b);
}

std::optional<size_t> Pickle::global(PickleRef value) const {
  const Value& v = values_[value];
  return v.kind == Kind::kGlobal ? std::optional<size_t>(v.a) : std::nullopt;
}

std::optional<size_t> Pickle::callee(PickleRef value) const {
  const Value& v = values_[value];
  return v.kind == Kind::kCall ? std::optional<size_t>(v.a) : std::nullopt;
}

std::span<const PickleRef> Pickle::arguments(PickleRef value) const {
  const Value& v = values_[value];
  return v.kind == Kind::kCall ? tuple(v.b) : std::span<const PickleRef>();
}

std::span<const PickleRef> Pickle::persistent(PickleRef value) const {
  const Value& v = values_[value];
  return v.kind == Kind::kPersistent ? tuple(v.a) : std::span<const PickleRef>();
}

std::string Pickle::foreign(PickleRef value) const {
  const Value& v = values_[value];
  if (v.kind != Kind::kForeign && v.kind != Kind::kObject) return {};
  return printable(*string(refs_[v.a])) + '.' + printable(*string(refs_[v.a + 1]));
}

bool Pickle::has_items(PickleRef value) const {
  const Kind kind = values_[value].kind;
  return kind == Kind::kDict || kind == Kind::kCall || kind == Kind::kObject;
}

// Python's stack machine. A step takes bytes from the pickle and values from the stack above the last mark,
// and fails where either has too few.
class PickleMachine {
 public:
  using Kind = Pickle::Kind;
  using Value = Pickle::Value;

  PickleMachine(std::span<const std::byte> bytes, std::span<const std::string_view> globals,
                std::string where)
      : bytes_(bytes), globals_(globals), where_(std::move(where)) {
    pickle_.text_ = as_text(bytes);
    pickle_.values_.emplace_back();  // index 0 is nobody's batch
  }

  Result<Pickle> run() {
    if (bytes_.size() > UINT32_MAX) return fail_with(ErrorKind::kUnsupported, "larger than 4 GB");
    for (uint32_t opcodes = 0; opcodes < Pickle::kMaxOpcodes; ++opcodes) {
      start_ = at_;
      uint8_t opcode = 0;
      if (!take(opcode)) break;
      if (opcodes == 0 && opcode != 0x80)
        return fail_with(ErrorKind::kBadFile, "not a pickle of protocol 2 to 5");
      if (opcode == '.') return stop();
      if (!step(opcode)) break;
    }
    if (error_) return *std::move(error_);
    return fail_with(ErrorKind::kUnsupported, "more than a million opcodes, far more than a model needs");
  }

 private:
  Error fail_with(ErrorKind kind, const std::string& why) const { return {kind, where_ + ": " + why}; }
  bool fail(ErrorKind kind, const std::string& why) {
    if (!error_) error_ = fail_with(kind, why);
    return false;
  }
  bool broken(const char* why) {
    return fail(ErrorKind::kBadFile, std::string(why) + " at byte " + std::to_string(start_));
  }

  // Bytes.
  template <class T>
  bool take(T& value) {
    if (bytes_.size() - at_ < sizeof value) return broken("the pickle is cut off");
    value = load_le<T>(bytes_.data() + at_);
    at_ += sizeof value;
    return true;
  }
  // Passes over as many bytes as a length of `width` bytes says.
  bool take_lengthy(size_t width, uint64_t& length) {
    length = 0;
    if (!skip(width)) return false;
    std::memcpy(&length, bytes_.data() + at_ - width, width);
    return skip(length);
  }
  bool take_bytes(size_t width) {
    uint64_t length = 0;
    return take_lengthy(width, length) && push({});
  }
  bool take_string(size_t width) {
    uint64_t length = 0;
    if (!take_lengthy(width, length)) return false;
    const size_t offset = at_ - static_cast<size_t>(length);
    if (!valid_utf8(pickle_.text_.substr(offset, at_ - offset))) return broken("invalid UTF-8");
    return push_string(offset, at_);
  }
  bool take_line() {
    const size_t begin = at_, end = pickle_.text_.find('\n', at_);
    if (end == std::string_view::npos) return broken("the pickle is cut off");
    at_ = end + 1;
    return push_string(begin, end);
  }
  bool push_string(size_t begin, size_t end) {
    return push({Kind::kString, static_cast<uint32_t>(begin), static_cast<uint32_t>(end - begin)});
  }

  // Values.
  PickleRef make(Value value) {
    pickle_.values_.push_back(value);
    return static_cast<PickleRef>(pickle_.values_.size() - 1);
  }
  bool push(Value value) { return stack_.push_back(make(value)), true; }
  bool push_integer(int64_t value) {
    const auto bits = static_cast<uint64_t>(value);
    return push({Kind::kInt, static_cast<uint32_t>(bits), static_cast<uint32_t>(bits >> 32)});
  }
  // How many values lie above the last mark.
  size_t available() const { return stack_.size() - (marks_.empty() ? 0 : marks_.back()); }
  bool need(size_t count) { return available() >= count || broken("too few values on the stack"); }
  PickleRef pop() {
    const PickleRef top = stack_.back();
    return stack_.pop_back(), top;
  }
  bool pop_mark(size_t& count) {
    if (marks_.empty()) return broken("no mark on the stack");
    count = available();
    return marks_.pop_back(), true;
  }
  // Moves the top `count` values to where tuples and batches keep theirs. Gives {kind, first, count}.
  Value gather(Kind kind, size_t count) {
    const auto first = static_cast<uint32_t>(pickle_.refs_.size());
    pickle_.refs_.insert(pickle_.refs_.end(), stack_.end() - static_cast<ptrdiff_t>(count), stack_.end());
    stack_.resize(stack_.size() - count);
    return {kind, first, static_cast<uint32_t>(count)};
  }

  // Steps of more than one line.
  bool tuple(size_t count) { return need(count) && push(gather(Kind::kTuple, count)); }
  bool marked_tuple() {
    size_t count = 0;
    return pop_mark(count) && push(gather(Kind::kTuple, count));
  }
  // The items of a list are of no use; those of other objects neither.
  bool marked_append() { return pop_marked() && need(1); }
  bool set_items(size_t count) {
    if (!need(count + 1)) return false;
    if (count % 2 != 0) return broken("a key without a value");
    Value batch = gather(Kind::kBatch, count);
    const PickleRef target = stack_.back();
    if (pickle_.at(target).kind == Kind::kOpaque) return true;
    if (!pickle_.has_items(target)) return broken("sets items of something not a dict");
    batch.c = pickle_.values_[target].c;
    if (count > 0) pickle_.values_[target].c = make(batch);
    return true;
  }
  bool marked_set_items() {
    size_t count = 0;
    return pop_mark(count) && set_items(count);
  }
  bool set_state() {
    if (!need(2)) return false;
    const Value& state = pickle_.at(pop());
    Value& object = pickle_.values_[stack_.back()];
    // What others get, such as the _metadata of an OrderedDict, is of no use here.
    if (object.kind == Kind::kObject && object.c == 0 && state.kind == Kind::kDict) object.c = state.c;
    return true;
  }
  bool call() {
    if (!need(2)) return false;
    const PickleRef arguments = pop();
    const Value callee = pickle_.at(pop());
    if (pickle_.at(arguments).kind != Kind::kTuple) return broken("calls without a tuple of arguments");
    if (callee.kind == Kind::kGlobal) return push({Kind::kCall, callee.a, arguments});
    return push({callee.kind == Kind::kForeign ? Kind::kObject : Kind::kOpaque, callee.a});
  }
  bool pop_any() {
    if (available() > 0) return pop(), true;
    size_t nothing = 0;
    return pop_mark(nothing);
  }
  bool pop_marked() {
    size_t count = 0;
    return pop_mark(count) && (stack_.resize(stack_.size() - count), true);
  }
  bool persistent() { return need(1) && push({Kind::kPersistent, pop()}); }

  // Of the two strings on top.
  bool global() {
    if (!need(2)) return false;
    const auto name = pickle_.string(stack_.back()), module = pickle_.string(stack_[stack_.size() - 2]);
    if (!module || !name) return broken("a global whose name is not a string");
    for (size_t i = 0; i < globals_.size(); ++i) {
      const std::string_view known = globals_[i];
      if (known.size() == module->size() + 1 + name->size() && known.starts_with(*module) &&
          known[module->size()] == '.' && known.ends_with(*name)) {
        stack_.resize(stack_.size() - 2);
        return push({Kind::kGlobal, static_cast<uint32_t>(i)});
      }
    }
    return push(gather(Kind::kForeign, 2));
  }

  // Memo slots are handed out in order, so a slot beyond the next is no pickler's work (and would cost
  // memory).
  bool put(size_t slot) {
    if (!need(1)) return false;
    if (slot > memo_.size()) return broken("memo slot out of order");
    if (slot == memo_.size()) memo_.push_back(stack_.back());
    else memo_[slot] = stack_.back();
    return true;
  }
  bool get(size_t slot) {
    if (slot >= memo_.size()) return broken("empty memo slot");
    return stack_.push_back(memo_[slot]), true;
  }
  template <class Slot>
  bool take_put() {
    Slot slot = 0;
    return take(slot) && put(slot);
  }
  template <class Slot>
  bool take_get() {
    Slot slot = 0;
    return take(slot) && get(slot);
  }
  template <class Integer>
  bool take_integer() {
    Integer value = 0;
    return take(value) && push_integer(value);
  }
  bool take_long() {  // two's complement of as many bytes as it takes
    uint64_t length = 0;
    if (!take_lengthy(1, length)) return false;
    const std::byte* digits = bytes_.data() + at_ - length;
    if (length > sizeof(int64_t)) return push({});
    const bool negative = length > 0 && (digits[length - 1] & std::byte{0x80}) != std::byte{0};
    uint64_t value = negative ? UINT64_MAX : 0;
    std::memcpy(&value, digits, length);
    return push_integer(static_cast<int64_t>(value));
  }
  bool skip(uint64_t count) {
    if (count > bytes_.size() - at_) return broken("the pickle is cut off");
    return at_ += static_cast<size_t>(count), true;
  }
  bool protocol() {
    uint8_t version = 0;
    if (!take(version)) return false;
    return (version >= 2 && version <= 5) ||
           fail(ErrorKind::kUnsupported, "pickle protocol " + std::to_string(version));
  }

  bool step(uint8_t opcode) {
    switch (opcode) {
      case 0x80:
        return protocol();
      case 0x95:
        return skip(8);  // FRAME: the length of what follows, for readers of streams
      case '(':
        return marks_.push_back(static_cast<uint32_t>(stack_.size())), true;

      case 'N':
      case 0x88:
      case 0x89:
        return push({});  // None, True, False
      case 'G':
        return skip(8) && push({});  // a double
      case 'J':
        return take_integer<int32_t>();
      case 'K':
        return take_integer<uint8_t>();
      case 'M':
        return take_integer<uint16_t>();
      case 0x8a:
        return take_long();
      case 'C':
      case 'U':
        return take_bytes(1);
      case 'B':
      case 'T':
      case 0x8b:  // a long integer, longer than any of use
        return take_bytes(4);
      case 0x8e:
      case 0x96:
        return take_bytes(8);
      case 'X':
        return take_string(4);
      case 0x8c:
        return take_string(1);
      case 0x8d:
        return take_string(8);

      case ')':
        return tuple(0);
      case 0x85:
        return tuple(1);
      case 0x86:
        return tuple(2);
      case 0x87:
        return tuple(3);
      case 't':
        return marked_tuple();
      case ']':
      case 0x8f:
        return push({Kind::kList});
      case 0x91:
        return pop_marked() && push({Kind::kList});
      case 'a':
        return need(2) && (pop(), true);
      case 'e':
      case 0x90:
        return marked_append();
      case '}':
        return push({Kind::kDict});
      case 's':
        return set_items(2);
      case 'u':
        return marked_set_items();

      case 'q':
        return take_put<uint8_t>();
      case 'r':
        return take_put<uint32_t>();
      case 0x94:
        return put(memo_.size());
      case 'h':
        return take_get<uint8_t>();
      case 'j':
        return take_get<uint32_t>();

      case '0':
        return pop_any();
      case '1':
        return pop_marked();
      case '2':
        return need(1) && (stack_.push_back(stack_.back()), true);

      case 'c':
        return take_line() && take_line() && global();
      case 0x93:
        return global();
      case 0x82:  // an extension: a name that a register of the writer's has under a number
        return skip(1) && push({});
      case 0x83:
        return skip(2) && push({});
      case 0x84:
        return skip(4) && push({});
      case 'R':
      case 0x81:
        return call();  // REDUCE, NEWOBJ
      case 0x92:
        return need(3) && (pop(), call());  // with arguments by name
      case 'b':
        return set_state();
      case 'Q':
        return persistent();
      default:
        break;
    }
    constexpr char kHex[] = "0123456789abcdef";
    const char name[] = {'o', 'p', 'c', 'o', 'd', 'e', ' ', '0', 'x', kHex[opcode >> 4], kHex[opcode & 15],
                         '\0'};
    return broken((std::string("unexpected ") + name).c_str());
  }

  Result<Pickle> stop() {
    if (stack_.size() != 1 || !marks_.empty())
      return fail_with(ErrorKind::kBadFile, "the pickle stops half way");
    pickle_.root_ = stack_.back();
    return std::move(pickle_);
  }

  const std::span<const std::byte> bytes_;
  const std::span<const std::string_view> globals_;
  const std::string where_;
  size_t at_ = 0, start_ = 0;  // the next byte; the opcode in hand
  std::vector<PickleRef> stack_, memo_;
  std::vector<uint32_t> marks_;  // the height of the stack at each
  Pickle pickle_;
  std::optional<Error> error_;
};

Result<Pickle> Pickle::read(std::span<const std::byte> bytes, std::span<const std::string_view> globals,
                            std::string where) {
  return PickleMachine(bytes, globals, std::move(where)).run();
}

}  // namespace rwkv

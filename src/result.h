// Errors are values: a kind that programs can act on and a sentence that people can.
#pragma once

#include <cassert>
#include <new>
#include <string>
#include <utility>

namespace rwkv {

enum class ErrorKind {
  kInvalidArgument,  // an option, token id or size that the caller passed
  kBadFile,          // bytes that are not what their format says: truncated, foreign, hostile
  kBadModel,         // a readable file whose tensors do not make a model: missing, wrong shape or type
  kBadVocabulary,    // a vocabulary that cannot be read or does not fit the model
  kUnsupported,      // recognised, but not something this version runs
  kReadFailed,       // the source could not deliver its bytes
  kOutOfMemory,
};

// The kind as the stable string that reaches JavaScript as RwkvError.code.
constexpr const char* error_code(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kInvalidArgument:
      return "invalid-argument";
    case ErrorKind::kBadFile:
      return "bad-file";
    case ErrorKind::kBadModel:
      return "bad-model";
    case ErrorKind::kBadVocabulary:
      return "bad-vocabulary";
    case ErrorKind::kUnsupported:
      return "unsupported";
    case ErrorKind::kReadFailed:
      return "read-failed";
    case ErrorKind::kOutOfMemory:
      return "out-of-memory";
  }
  return "unknown";
}

struct Error {
  ErrorKind kind;
  std::string message;

  // In one place (room.cpp), for every early return has one.
  Error(ErrorKind kind, std::string message);
  Error(const Error&);
  Error(Error&&) noexcept;
  Error& operator=(const Error&);
  Error& operator=(Error&&) noexcept;
  ~Error();
};

// A T or the Error that says why there is none. By hand, since a std::variant goes through tables wherever one ends: 17 KB of a module.
template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : ok_(true), value_(std::move(value)) {}
  Result(Error error) : ok_(false), error_(std::move(error)) {}
  Result(const Result& other) : ok_(other.ok_) { set(other); }
  Result(Result&& other) noexcept : ok_(other.ok_) { set(std::move(other)); }
  Result& operator=(Result other) noexcept {
    clear();
    ok_ = other.ok_;
    set(std::move(other));
    return *this;
  }
  ~Result() { clear(); }

  bool ok() const { return ok_; }
  explicit operator bool() const { return ok_; }

  // REQUIRES: ok().
  T& value() { return assert(ok_), value_; }
  const T& value() const { return assert(ok_), value_; }
  T& operator*() { return value(); }
  const T& operator*() const { return value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  // REQUIRES: !ok().
  const Error& error() const { return assert(!ok_), error_; }

 private:
  template <class Other>
  void set(Other&& other) {
    if (ok_) new (&value_) T(std::forward<Other>(other).value_);
    else new (&error_) Error(std::forward<Other>(other).error_);
  }
  void clear() {
    if (ok_) value_.~T();
    else error_.~Error();
  }

  bool ok_;
  union {
    T value_;
    Error error_;
  };
};

struct Done {};
using Status = Result<Done>;

}  // namespace rwkv

// Errors are values: a kind that programs can act on and a sentence that people can.
#pragma once

#include <cassert>
#include <string>
#include <utility>
#include <variant>

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
};

// A T or the Error that says why there is none.
template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : held_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : held_(std::in_place_index<1>, std::move(error)) {}

  bool ok() const { return held_.index() == 0; }
  explicit operator bool() const { return ok(); }

  // REQUIRES: ok().
  T& value() { return assert(ok()), *std::get_if<0>(&held_); }
  const T& value() const { return assert(ok()), *std::get_if<0>(&held_); }
  T& operator*() { return value(); }
  const T& operator*() const { return value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  // REQUIRES: !ok().
  const Error& error() const { return assert(!ok()), *std::get_if<1>(&held_); }

 private:
  std::variant<T, Error> held_;
};

struct Done {};
using Status = Result<Done>;

}  // namespace rwkv

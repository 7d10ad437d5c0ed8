// What the bindings share: how answers, errors and arrays become JavaScript's. No C++ exception exists, and
// no JavaScript one may pass through: callbacks answer with a message instead. What fails answers { error },
// the rest { value }. Arrays leave as copies; a view of the heap never outlives a call.
#pragma once

#include <emscripten/bind.h>
#include <emscripten/val.h>

#include <memory>
#include <span>

#include "formats/source.h"
#include "model/weights.h"
#include "room.h"
#include "tokenizer/tokenizer.h"

namespace rwkv {

using emscripten::typed_memory_view;
using emscripten::val;

inline val succeed(val value) {
  val result = val::object();
  result.set("value", value);
  return result;
}

inline val fail(const Error& error) {
  val inner = val::object(), result = val::object();
  inner.set("code", std::string(error_code(error.kind)));
  inner.set("message", error.message);
  result.set("error", inner);
  return result;
}

// The value, or its error.
template <class T>
val answer(Result<T> result) {
  if (!result) return fail(result.error());
  if constexpr (std::is_same_v<T, Done>) return succeed(val::null());
  else if constexpr (std::is_same_v<T, val> || std::is_convertible_v<T, val>)
    return succeed(std::move(*result));
  else return succeed(val(std::make_unique<T>(std::move(*result))));
}

// A typed array of its own with what `view` shows; null where JavaScript has no memory for it.
extern "C" emscripten::EM_VAL rwkv_copy(emscripten::EM_VAL view);

// Errors: kOutOfMemory.
template <class Element>
Result<val> copy_of(std::span<const Element> values) {
  const val view(typed_memory_view(values.size(), values.data()));
  const val copy = val::take_ownership(rwkv_copy(view.as_handle()));
  if (!copy.isNull()) return copy;
  return Error{ErrorKind::kOutOfMemory,
               "no memory for an array of " + std::to_string(values.size_bytes()) + " bytes"};
}

inline Result<val> copy_of(std::span<const std::byte> bytes) {
  return copy_of(std::span(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()));
}

// The next piece of a file that is made; `null` for the one of no bytes, behind the last.
inline val answer_piece(const Result<Buffer>& piece) {
  if (!piece) return fail(piece.error());
  return piece->bytes() == 0 ? succeed(val::null()) : answer(copy_of(piece->span()));
}

// Of an array of numbers. Errors: kOutOfMemory.
template <class Element>
Result<std::vector<Element>> numbers_of(const val& array, const char* what) {
  const auto bytes = uint64_t(array["length"].as<double>()) * sizeof(Element);
  if (const Status room = require_room(bytes, what); !room) return room.error();
  return emscripten::convertJSArrayToNumberVector<Element>(array);
}

// Of JavaScript's text, or of its bytes. Errors: kOutOfMemory.
inline Result<std::string> text_of(const val& text, const char* what) {
  constexpr uint64_t kBytesOfUnit = 2 * 3;  // of UTF-8, which Embind copies once
  if (const Status room = require_room(kBytesOfUnit * uint64_t(text["length"].as<double>()), what); !room)
    return room.error();
  return text.as<std::string>();
}

// JavaScript's { name, size, read(offset, into) -> '' or what went wrong }.
class JsSource final : public Source {
 public:
  explicit JsSource(val source)
      : Source(source["name"].as<std::string>()),
        source_(source),
        size_(uint64_t(source["size"].as<double>())) {}
  uint64_t size() const override { return size_; }
  Status read(uint64_t offset, std::span<std::byte> out) const override {
    const val view(typed_memory_view(out.size(), reinterpret_cast<uint8_t*>(out.data())));
    const auto message = source_.call<std::string>("read", double(offset), view);
    if (message.empty()) return Done{};
    return Error{ErrorKind::kReadFailed, name() + ": " + message};
  }

 private:
  val source_;
  uint64_t size_;
};

struct LoadedModel {
  Model model;
  std::unique_ptr<Tokenizer> tokenizer;  // nullptr: token ids only
  std::string tokenizer_kind;
  const char* format;    // of the file
  std::string sampling;  // what the file recommends, in words
};

inline val or_null(const std::string& text) { return text.empty() ? val::null() : val(text); }

inline val describe(const Config& config, const char* format, uint64_t parameters) {
  val result = val::object();
  result.set("format", std::string(format));
  result.set("version", std::string(version_name(config.version)));
  result.set("layers", config.layers);
  result.set("channels", config.channels);
  result.set("heads", config.heads);
  result.set("headSize", config.head_size);
  result.set("hidden", config.hidden);
  result.set("vocabulary", config.vocabulary);
  result.set("parameters", double(parameters));
  return result;
}

}  // namespace rwkv

// What a checkpoint is of, in words: lines of a name and a value, of which the first that differs tells why it does not fit.
#pragma once

#include <string>

#include "model/model.h"

namespace rwkv {

// The shortest text that is this number and no other.
std::string text_of(float value);

class Identity {
 public:
  void add(const char* name, const std::string& value) { lines_ += std::string(name) + ' ' + value + '\n'; }
  void add(const char* name, float value) { add(name, text_of(value)); }
  void add(const char* name, uint64_t value) { add(name, std::to_string(value)); }
  const std::string& lines() const { return lines_; }

 private:
  std::string lines_;
};

// Of its sizes, its number format, its norms and the first rows of each matrix, which adapters that are merged change.
std::string identity_of(Model& model);

// "learning rate: expected 0.1, found 0.2" of two that differ; what was found is untrusted.
std::string difference(const std::string& expected, const std::string& found);

}  // namespace rwkv

// A list of strings as GGUF lays it out: each with its length, a u64, before it.
#pragma once

#include <string>
#include <vector>

#include "formats/gguf_file.h"

namespace rwkv {

inline std::string string_list(const std::vector<std::string>& strings) {
  Bytes list;
  for (const std::string& string : strings) put_gguf_text(list, string);
  return {reinterpret_cast<const char*>(list.data()), list.size()};
}

}  // namespace rwkv

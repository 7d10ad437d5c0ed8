// A reader of untrusted bytes as the fuzzers see it. To add one: write NAME.cpp with `const Reader
// fuzz::NAME`, and name it below and in CMakeLists.txt.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "support.h"

namespace rwkv::fuzz {

struct Reader {
  const char* name;  // of its target (fuzz_NAME), its corpus, its findings and its dictionary (NAME.dict)
  // Small good files to start from.
  std::vector<Bytes> (*seeds)();
  // Reads the bytes, which are anything at all, and tells which promise that broke; empty where none. Sets
  // `good` when they were a good file.
  std::string (*broken_promise)(std::span<const std::byte> bytes, bool& good);
};

extern const Reader ggml, gguf, json, lora, packed, pickle, pth, pth_dict, python_literal, safetensors,
    safetensors_header, sampler, saved_session, state, utf8, vocabulary, vocabulary_strings, zip;

inline constexpr const Reader* kReaders[] = {
    &ggml,
    &gguf,
    &json,
    &lora,
    &packed,
    &pickle,
    &pth,
    &pth_dict,
    &python_literal,
    &safetensors,
    &safetensors_header,
    &sampler,
    &saved_session,
    &state,
    &utf8,
    &vocabulary,
    &vocabulary_strings,
    &zip,
};

}  // namespace rwkv::fuzz

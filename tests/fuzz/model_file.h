// What fuzzers of model files do: open, load in every quantization, read a token.
#pragma once

#include <span>
#include <string>

#include "formats/checkpoint.h"
#include "quant/matrix.h"
#include "support.h"

namespace rwkv::fuzz {

// Bytes of memory, halved, that a byte of a pickle may stand for: a value and its places on the stack, in the
// memo and in a tuple, all in tables that double as they grow.
constexpr uint64_t kPickleFactor = 32;

// Which promise `open` or the steps after it break, given a file of these bytes; empty where none.
// `table_factor`: bytes of memory, halved, that a byte of the format's tables may stand for. Sets `good` when
// the file could be read, and loaded where it holds a model.
std::string broken_promise(Result<Checkpoint> (*open)(const Source&), std::span<const std::byte> bytes,
                           uint64_t table_factor, bool& good);

// Which promise loading a model breaks, where the tensors are few, and then running it and, where it `converts`, packing it;
// empty where none. Sets `good` to false where they should be a model and are none.
std::string broken_promise_of_loading(const Checkpoint& file, bool converts, bool& good);

// A model in our own packed format; empty where the checkpoint holds none.
Bytes packed_file(const Checkpoint& checkpoint, Quantization quantization);

}  // namespace rwkv::fuzz

// Walks the tables: a format that gets a row is tested by it.
#include "quant/table.h"

#include <catch_amalgamated.hpp>
#include <cstring>
#include <set>

#include "quant/sample_group.h"

using namespace rwkv;

namespace {

constexpr std::byte kFills[] = {std::byte{0xA5}, std::byte{0x5A}};
constexpr size_t kGuard = 64;

using Bytes = std::vector<std::byte>;

// (K, 4), column by column, of half of a group's values (8, K).
std::vector<float> columns_of(const std::vector<float>& values, int cols, int half) {
  std::vector<float> columns;
  for (int k = 0; k < cols; ++k)
    for (int row = 0; row < 4; ++row) columns.push_back(values[size_t(4 * half + row) * cols + k]);
  return columns;
}

// A group between guards, written over memory of one byte.
Bytes packed(const NumberFormat& format, const std::vector<float>& values, int cols, std::byte fill) {
  Bytes memory(kGuard + size_t(format.group_bytes(cols)) + kGuard, fill);
  for (int half = 0; half < 2; ++half)
    format.pack({columns_of(values, cols, half).data(), cols, half, false}, memory.data() + kGuard);
  return memory;
}

std::vector<float> unpacked(const NumberFormat& format, const Bytes& memory, int cols) {
  std::vector<float> values(size_t(kGroup) * cols + 1, 12345.0f);
  format.unpack(memory.data() + kGuard, cols, values.data());
  CHECK(values.back() == 12345.0f);
  values.pop_back();
  return values;
}

}  // namespace

TEST_CASE("every number format has a name and a packed type of its own, by which it is found") {
  std::set<std::string_view> names;
  std::set<DType> types;
  for (const NumberFormat& format : kNumberFormats) {
    INFO(format.name);
    CHECK(names.insert(format.name).second);
    CHECK(types.insert(format.packed).second);
    CHECK(find_quantization(format.name) == format.quantization);
    CHECK(quantization_name(format.quantization) == format.name);
    CHECK(is_packed(packed_type(format.quantization)));
    CHECK(format_of(packed_type(format.quantization)) == format.quantization);
  }
  for (const char* name : {"", "q", "q88", "F32", "packed Q8"}) CHECK_FALSE(find_quantization(name));
}

TEST_CASE("every packed type belongs to a number format, and every other type has bytes and a name") {
  std::set<std::string_view> names;
  size_t packed_types = 0;
  for (const DTypeRow& type : kDTypes) {
    INFO(type.name);
    CHECK(names.insert(type.name).second);
    CHECK(bytes_of(type.dtype, 3 * uint64_t(type.elements)) == 3 * uint64_t(type.bytes));
    if (!is_packed(type.dtype)) continue;
    CHECK(packed_type(format_of(type.dtype)) == type.dtype);
    ++packed_types;
  }
  CHECK(packed_types == kQuantizations.size());
}

TEST_CASE("a matrix that does not fit a format's blocks, a low-rank matrix and an embedding have a format") {
  for (const NumberFormat& format : kNumberFormats) {
    INFO(format.name);
    for (const int cols : {1, 31, 32, 33, 48, 4096}) {
      const Quantization made = format_for(format.quantization, cols);
      CHECK(cols % int(number_format(made).block) == 0);
      CHECK((made == format.quantization) == (cols % int(format.block) == 0));
    }
    CHECK(number_format(format.low_rank).group_bytes(4096) >= format.group_bytes(4096));
    CHECK_FALSE(is_packed(format.embedding));
  }
}

TEST_CASE("packing a group writes each of its bytes and no other, and unpacking gives the weights back") {
  for (const NumberFormat& format : kNumberFormats)
    for (const int blocks : {1, 2, 3, 7}) {
      const int cols = blocks * int(format.block);
      INFO(format.name << ", " << cols << " columns");
      const auto values = sample_group(cols, unsigned(cols));
      const Bytes a = packed(format, values, cols, kFills[0]), b = packed(format, values, cols, kFills[1]);
      CHECK(std::memcmp(&a[kGuard], &b[kGuard], size_t(format.group_bytes(cols))) == 0);
      for (size_t i = 0; i < kGuard; ++i) {
        REQUIRE(a[i] == kFills[0]);
        REQUIRE(a[a.size() - 1 - i] == kFills[0]);
      }
      // A format of so many bits a weight errs no more than three bits fewer would have to.
      const auto once = unpacked(format, a, cols);
      const double bits = 8.0 * double(format.group_bytes(cols)) / double(values.size());
      CHECK(relative_error(once, values) < std::exp2(3 - std::min(bits, 12.0)));
      const auto twice = unpacked(format, packed(format, once, cols, kFills[0]), cols);
      CHECK(relative_error(twice, once) < 1e-6);
    }
}

#include "tools/calibration/q4_row.h"

#include <cstring>

namespace rwkv {
namespace {

using q4::kPart;

// Where a row's numbers lie in its group: packed.md.
struct Place {
  Place(const Matrix& matrix, int row)
      : group(size_t(row / kGroup) * matrix.group_bytes()), lane(row % kGroup % 4), half(row % kGroup / 4) {}

  size_t unit() const { return group + size_t(4 * half + lane) * sizeof(float); }
  size_t block(int k) const { return group + q4::kUnitsBytes + size_t(k / kBlock) * q4::kBlockBytes; }
  size_t scale(int part) const { return block(part * kPart) + size_t(4 * lane + 2 * (part % 2) + half); }
  size_t zero(int part) const { return scale(part) + 16; }
  size_t level(int k) const {
    const int column = k % kBlock;
    return block(k) + 32 + size_t(16 * quad_of(column) + 4 * lane + place_of(column));
  }
  int shift() const { return 4 * half; }

  size_t group;
  int lane, half;
};

}  // namespace

void put_row(Matrix& matrix, int row, const Q4Row& from) {
  const Place place(matrix, row);
  auto* bytes = matrix.data.as<uint8_t>();
  std::memcpy(bytes + place.unit(), &from.unit, sizeof from.unit);
  for (int part = 0; part < from.cols() / kPart; ++part) {
    bytes[place.scale(part)] = uint8_t(from.scales[size_t(part)]);
    bytes[place.zero(part)] = uint8_t(from.zeros[size_t(part)]);
  }
  for (int k = 0; k < from.cols(); ++k)
    bytes[place.level(k)] |= uint8_t(from.levels[size_t(k)] << place.shift());
}

Q4Row take_row(const Matrix& matrix, int row) {
  Q4Row to(matrix.cols);
  const Place place(matrix, row);
  const auto* bytes = matrix.data.as<uint8_t>();
  std::memcpy(&to.unit, bytes + place.unit(), sizeof to.unit);
  for (int part = 0; part < to.cols() / kPart; ++part) {
    to.scales[size_t(part)] = bytes[place.scale(part)];
    to.zeros[size_t(part)] = int8_t(bytes[place.zero(part)]);
  }
  for (int k = 0; k < to.cols(); ++k) to.levels[size_t(k)] = bytes[place.level(k)] >> place.shift() & 15;
  return to;
}

}  // namespace rwkv

// Builds zip archives in memory, right or deliberately wrong.
#pragma once

#include "support.h"

namespace rwkv {

struct ZipPart {
  std::string name;
  Bytes data;
  size_t alignment = 1;  // of the data, made by the local header's extra field, as torch does
  uint16_t flags = 0, method = 0;
  bool zip64 = false;  // sizes and offset in the central entry's extra field
};

struct ZipLayout {
  bool zip64 = false;  // end record and locator of zip64, the 32-bit fields full of ones
  std::string comment = {};
  int64_t extra_count = 0, extra_offset = 0, extra_bytes = 0;  // lies in the end record
};

inline void put_extra_padding(Bytes& file, const ZipPart& part) {
  const size_t start = file.size() + 2 + part.name.size() + 4;  // behind extra length, name, field header
  const size_t padding = (part.alignment - start % part.alignment) % part.alignment;
  put_le(file, static_cast<uint16_t>(part.alignment > 1 ? 4 + padding : 0));
  put(file, part.name);
  if (part.alignment == 1) return;
  put(file, "FB");
  put_le(file, static_cast<uint16_t>(padding));
  file.insert(file.end(), padding, std::byte{'Z'});
}

inline Bytes zip_of(const std::vector<ZipPart>& parts, const ZipLayout& layout = {}) {
  Bytes file, directory;
  for (const ZipPart& part : parts) {
    const size_t header = file.size();
    const auto size = static_cast<uint32_t>(part.data.size());
    put(file, "PK\3\4");
    for (uint16_t field : {uint16_t{0}, part.flags, part.method, uint16_t{0}, uint16_t{0}})
      put_le(file, field);
    for (uint32_t field : {uint32_t{0}, size, size}) put_le(file, field);
    put_le(file, static_cast<uint16_t>(part.name.size()));
    put_extra_padding(file, part);
    file.insert(file.end(), part.data.begin(), part.data.end());

    put(directory, "PK\1\2");
    for (uint16_t field : {uint16_t{0}, uint16_t{0}, part.flags, part.method, uint16_t{0}, uint16_t{0}}) {
      put_le(directory, field);
    }
    put_le(directory, uint32_t{0});  // crc
    put_le(directory, part.zip64 ? UINT32_MAX : size);
    put_le(directory, part.zip64 ? UINT32_MAX : size);
    put_le(directory, static_cast<uint16_t>(part.name.size()));
    put_le(directory, static_cast<uint16_t>(part.zip64 ? 28 : 0));
    for (int k = 0; k < 3; ++k) put_le(directory, uint16_t{0});  // comment, disk, attributes
    put_le(directory, uint32_t{0});
    put_le(directory, part.zip64 ? UINT32_MAX : static_cast<uint32_t>(header));
    put(directory, part.name);
    if (part.zip64) {
      put_le(directory, uint16_t{1});
      put_le(directory, uint16_t{24});
      for (uint64_t field : {uint64_t{size}, uint64_t{size}, uint64_t{header}}) put_le(directory, field);
    }
  }

  const auto count = static_cast<uint64_t>(static_cast<int64_t>(parts.size()) + layout.extra_count);
  const auto offset = static_cast<uint64_t>(static_cast<int64_t>(file.size()) + layout.extra_offset);
  const auto bytes = static_cast<uint64_t>(static_cast<int64_t>(directory.size()) + layout.extra_bytes);
  file.insert(file.end(), directory.begin(), directory.end());
  if (layout.zip64) {
    const uint64_t record = file.size();
    put(file, "PK\6\6");
    put_le(file, uint64_t{44});
    put_le(file, uint32_t{0});
    put_le(file, uint64_t{0});
    for (uint64_t field : {count, count, bytes, offset}) put_le(file, field);
    put(file, "PK\6\7");
    put_le(file, uint32_t{0});
    put_le(file, record);
    put_le(file, uint32_t{1});
  }
  put(file, "PK\5\6");
  put_le(file, uint32_t{0});
  for (int k = 0; k < 2; ++k) put_le(file, static_cast<uint16_t>(layout.zip64 ? UINT16_MAX : count));
  put_le(file, layout.zip64 ? UINT32_MAX : static_cast<uint32_t>(bytes));
  put_le(file, layout.zip64 ? UINT32_MAX : static_cast<uint32_t>(offset));
  put_le(file, static_cast<uint16_t>(layout.comment.size()));
  put(file, layout.comment);
  return file;
}

}  // namespace rwkv

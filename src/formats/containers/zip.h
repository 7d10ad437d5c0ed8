// The directory of a zip archive whose entries are stored, not compressed: where each one's bytes lie in the
// file.
#pragma once

#include <string_view>
#include <vector>

#include "formats/source.h"
#include "result.h"
#include "tensor.h"

namespace rwkv {

struct ZipEntry {
  std::string_view name;
  uint64_t header = 0;  // offset of the local header, which precedes the data
  uint64_t bytes = 0;
};

class ZipDirectory {
 public:
  // The source must outlive the directory. Errors: kBadFile (no archive, truncated, inconsistent),
  // kUnsupported (compressed or encrypted entries, a directory beyond 16 MB), kReadFailed, kOutOfMemory.
  static Result<ZipDirectory> open(const Source& source);

  const std::vector<ZipEntry>& entries() const { return entries_; }  // sorted by name
  const ZipEntry* find(std::string_view name) const;                 // nullptr where there is none
  // Where the entry's bytes begin; all of them lie inside the file. Errors: kBadFile, kReadFailed.
  Result<uint64_t> data_offset(const ZipEntry& entry) const;

 private:
  struct End {
    uint64_t directory = 0, bytes = 0, count = 0;
  };
  explicit ZipDirectory(const Source& source) : source_(&source) {}
  static Result<End> find_end(const Source& source);
  Status read_entries(const End& end);

  const Source* source_;
  Buffer directory_;  // holds the names
  uint64_t data_end_ = 0;
  std::vector<ZipEntry> entries_;
};

}  // namespace rwkv

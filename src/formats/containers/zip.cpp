#include "formats/containers/zip.h"

#include <algorithm>

#include "formats/containers/bytes.h"

namespace rwkv {
namespace {

// Records, by signature, and the bytes of their fixed parts. All numbers are little-endian and unaligned.
constexpr uint32_t kLocalHeader = 0x04034b50, kCentralEntry = 0x02014b50, kEnd = 0x06054b50,
                   kEnd64 = 0x06064b50, kLocator64 = 0x07064b50;
constexpr uint64_t kLocalHeaderBytes = 30, kCentralEntryBytes = 46, kEndBytes = 22, kEnd64Bytes = 56,
                   kLocator64Bytes = 20;

constexpr uint64_t kMaxDirectoryBytes = 16 << 20;  // a hundred thousand entries
constexpr uint32_t kSee64 = 0xFFFFFFFF;            // the number stands in the zip64 extra field

uint16_t u16(const std::byte* at) { return load_le<uint16_t>(at); }
uint32_t u32(const std::byte* at) { return load_le<uint32_t>(at); }
uint64_t u64(const std::byte* at) { return load_le<uint64_t>(at); }

// Replaces those of `numbers` that say kSee64, in their order, from the extra field (u16 id, u16 size,
// bytes)* with id 1.
bool resolve_zip64(std::span<const std::byte> extra, std::initializer_list<uint64_t*> numbers) {
  std::span<const std::byte> wide;
  while (extra.size() >= 4) {
    const size_t size = u16(extra.data() + 2);
    if (size > extra.size() - 4) break;  // some writers leave padding that looks like a field
    if (u16(extra.data()) == 1) wide = extra.subspan(4, size);
    extra = extra.subspan(4 + size);
  }
  for (uint64_t* number : numbers) {
    if (*number != kSee64) continue;
    if (wide.size() < 8) return false;
    *number = u64(wide.data());
    wide = wide.subspan(8);
  }
  return true;
}

}  // namespace

// The end record is the last thing in the file but for a comment whose length it tells.
Result<ZipDirectory::End> ZipDirectory::find_end(const Source& source) {
  const uint64_t size = source.size();
  const uint64_t tail_bytes = std::min<uint64_t>(size, kEndBytes + UINT16_MAX);
  Result<Buffer> tail = read_range(source, size - tail_bytes, tail_bytes);
  if (!tail) return tail.error();
  const std::byte* bytes = tail->as<std::byte>();

  uint64_t at =
      tail_bytes - kEndBytes;  // in the tail; wraps around when the tail is too short, or at its start
  if (tail_bytes < kEndBytes) at = UINT64_MAX;
  while (at < tail_bytes && !(u32(bytes + at) == kEnd && u16(bytes + at + 20) == tail_bytes - at - kEndBytes))
    --at;
  if (at >= tail_bytes)
    return bad_file(source, "no zip directory at the end: the file is cut off or not a zip");

  End end{u32(bytes + at + 16), u32(bytes + at + 12), u16(bytes + at + 10)};
  uint64_t end_offset = size - tail_bytes + at;
  if (end_offset >= kLocator64Bytes) {
    std::byte locator[kLocator64Bytes], record[kEnd64Bytes];
    if (Status read = source.read(end_offset - kLocator64Bytes, locator); !read) return read.error();
    if (u32(locator) == kLocator64) {
      end_offset -= kLocator64Bytes;
      const uint64_t record_offset = u64(locator + 8);
      if (record_offset > end_offset || end_offset - record_offset < kEnd64Bytes) {
        return bad_file(source, "zip64 directory record outside the file");
      }
      if (Status read = source.read(record_offset, record); !read) return read.error();
      if (u32(record) != kEnd64) return bad_file(source, "no zip64 directory record where the file says");
      end = {u64(record + 48), u64(record + 40), u64(record + 32)};
      end_offset = record_offset;
    }
  }
  if (end.directory > end_offset || end.bytes > end_offset - end.directory) {
    return bad_file(source, "zip directory outside the file");
  }
  return end;
}

Result<ZipDirectory> ZipDirectory::open(const Source& source) {
  Result<End> end = find_end(source);
  if (!end) return end.error();
  if (end->count > end->bytes / kCentralEntryBytes) {
    return bad_file(source, "zip directory too small for its " + std::to_string(end->count) + " entries");
  }
  if (end->bytes > kMaxDirectoryBytes) {
    return unsupported(source,
                       "zip directory of " + std::to_string(end->bytes) + " bytes, expected at most 16 MB");
  }
  ZipDirectory zip(source);
  if (Status read = zip.read_entries(*end); !read) return read.error();
  return zip;
}

Status ZipDirectory::read_entries(const End& end) {
  Result<Buffer> directory = read_directory(*source_, end.directory, end.bytes);
  if (!directory) return directory.error();
  directory_ = std::move(*directory);
  data_end_ = end.directory;
  entries_.reserve(static_cast<size_t>(end.count));

  std::span<const std::byte> rest = directory_.span();
  for (uint64_t i = 0; i < end.count; ++i) {
    const std::byte* fixed = rest.data();
    if (rest.size() < kCentralEntryBytes || u32(fixed) != kCentralEntry) {
      return bad_file(*source_, "broken zip directory at entry " + std::to_string(i));
    }
    const size_t name = u16(fixed + 28), extra = u16(fixed + 30), comment = u16(fixed + 32);
    if (rest.size() - kCentralEntryBytes < name + extra + comment) {
      return bad_file(*source_, "broken zip directory at entry " + std::to_string(i));
    }
    const auto variable = rest.subspan(kCentralEntryBytes);
    ZipEntry entry{as_text(variable.first(name)), u32(fixed + 42), u32(fixed + 24)};
    uint64_t stored = u32(fixed + 20);
    rest = variable.subspan(name + extra + comment);

    const unsigned flags = u16(fixed + 8), method = u16(fixed + 10);
    const std::string shown = printable(entry.name);
    if (flags & 1) return unsupported(*source_, shown + ": encrypted");
    if (method != 0) {
      return unsupported(*source_, shown + ": compressed (zip method " + std::to_string(method) +
                                       "), expected a stored entry");
    }
    if (!resolve_zip64(variable.subspan(name, extra), {&entry.bytes, &stored, &entry.header})) {
      return bad_file(*source_, shown + ": zip64 size missing");
    }
    if (stored != entry.bytes || entry.header > data_end_ || data_end_ - entry.header < kLocalHeaderBytes ||
        entry.bytes > data_end_ - entry.header - kLocalHeaderBytes) {
      return bad_file(*source_, shown + ": zip entry outside the file");
    }
    entries_.push_back(entry);
  }
  if (!rest.empty()) return bad_file(*source_, "zip directory larger than its entries");

  // By a heap, which is 4 KB of WebAssembly less than std::sort.
  const auto precedes = [](const ZipEntry& a, const ZipEntry& b) { return a.name < b.name; };
  std::make_heap(entries_.begin(), entries_.end(), precedes);
  std::sort_heap(entries_.begin(), entries_.end(), precedes);
  const auto same = [](const ZipEntry& a, const ZipEntry& b) { return a.name == b.name; };
  const auto twice = std::adjacent_find(entries_.begin(), entries_.end(), same);
  if (twice != entries_.end())
    return bad_file(*source_, printable(twice->name) + ": twice in the zip directory");
  return Done{};
}

const ZipEntry* ZipDirectory::find(std::string_view name) const {
  const auto found =
      std::lower_bound(entries_.begin(), entries_.end(), name,
                       [](const ZipEntry& entry, std::string_view wanted) { return entry.name < wanted; });
  return found != entries_.end() && found->name == name ? &*found : nullptr;
}

// The local header repeats the name and has an extra field of its own, which torch uses to align the data.
Result<uint64_t> ZipDirectory::data_offset(const ZipEntry& entry) const {
  std::byte local[kLocalHeaderBytes];
  if (Status read = source_->read(entry.header, local); !read) return read.error();
  if (u32(local) != kLocalHeader) return bad_file(*source_, printable(entry.name) + ": no local zip header");
  const uint64_t data = entry.header + kLocalHeaderBytes + u16(local + 26) + u16(local + 28);
  if (data > data_end_ || entry.bytes > data_end_ - data) {
    return bad_file(*source_, printable(entry.name) + ": zip entry outside the file");
  }
  return data;
}

}  // namespace rwkv

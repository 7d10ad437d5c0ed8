#include "formats/containers/zip.h"

#include "formats/containers/zip_writer.h"
#include "formats/promises.h"
#include "fuzz/memory.h"
#include "fuzz/reader.h"

namespace rwkv::fuzz {
namespace {

std::vector<Bytes> seeds() {
  const Bytes data = to_bytes("some bytes");
  const std::vector<ZipPart> parts = {{"tales/data.pkl", data, 64}, {"tales/data/0", data}, {"empty", {}}};
  const ZipPart wide{.name = "tales/data/1", .data = data, .zip64 = true};
  return {zip_of({}), zip_of(parts), zip_of(parts, {.comment = "a comment"}),
          zip_of({wide}, {.zip64 = true})};
}

std::string broken_promise_of(const ZipDirectory& zip, const Source& source) {
  std::string_view before;
  for (const ZipEntry& entry : zip.entries()) {
    if (&entry != &zip.entries().front() && entry.name <= before) return "entries out of order";
    before = entry.name;
    if (zip.find(entry.name) != &entry) return "an entry that is not found by its name";
    const Result<uint64_t> offset = zip.data_offset(entry);
    if (!offset) {
      if (std::string broken = broken_promise(offset.error(), source); !broken.empty()) return broken;
    } else if (*offset > source.size() || entry.bytes > source.size() - *offset) {
      return "an entry outside the file";
    }
  }
  return {};
}

std::string check(std::span<const std::byte> bytes, bool& good) {
  const MemorySource source("model", bytes);
  const MemoryMeter meter;
  const Result<ZipDirectory> zip = ZipDirectory::open(source);
  if (std::string broken = broken_promise(meter, twice(bytes.size())); !broken.empty()) return broken;
  good = zip.ok();
  return zip ? broken_promise_of(*zip, source) : broken_promise(zip.error(), source);
}

}  // namespace

const Reader zip = {"zip", seeds, check};

}  // namespace rwkv::fuzz

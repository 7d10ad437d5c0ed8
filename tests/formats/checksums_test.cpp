#include "formats/checksums.h"

#include "formats/containers/bytes.h"
#include "formats/packed.h"
#include "fuzz/tiny_models.h"
#include "model/oracle.h"
#include "reference.h"
#include "tokenizer/embedded_tokenizer.h"

namespace rwkv {
namespace {

using Catch::Matchers::ContainsSubstring;
using fuzz::OpenFile;
using fuzz::tiny_model;

Bytes random_bytes(size_t count) {
  Bytes bytes;
  for (const float value : reference::random_floats(count, 0, 256, unsigned(count)))
    bytes.push_back(std::byte(int(value)));
  return bytes;
}

// A packed file with a vocabulary of nine tokens.
Bytes packed_with_vocabulary(Version version, int C, Quantization quantization) {
  Bytes file = write_safetensors(tiny_model(version, C));
  const size_t begin = file.size();
  for (int i = 0; i < 9; ++i) put_le(file, uint64_t{1}), put(file, std::string(1, char('a' + i)));
  OpenFile original(file);
  original.checkpoint.vocabulary = {"rwkv", begin, original.bytes.size() - begin, 9};
  return converted(original.checkpoint, quantization);
}

// Why a file does not load with its tokenizer; "" where it does.
Error error_of(const Bytes& file, Quantization quantization) {
  const MemorySource source("tales", file);
  const auto checkpoint = open_checkpoint(source);
  if (!checkpoint) return checkpoint.error();
  std::vector<std::string> warnings;
  if (const auto tokenizer = embedded_tokenizer(*checkpoint, warnings); !tokenizer) return tokenizer.error();
  const auto model = load_model(*checkpoint, quantization);
  return model ? Error{ErrorKind::kBadFile, ""} : model.error();
}

void replace_all(Bytes& file, std::string_view from, std::string_view to) {
  for (auto at = file.begin();; ++at) {
    at = std::search(at, file.end(), from.begin(), from.end(),
                     [](std::byte byte, char letter) { return byte == std::byte(letter); });
    if (at == file.end()) return;
    std::copy_n(to_bytes(to).begin(), to.size(), at);
  }
}

TEST_CASE("a checksum is the same however its bytes are cut") {
  const Bytes bytes = random_bytes(10'000);
  const std::span<const std::byte> all(bytes);
  const size_t cuts[] = {0, 1, 100, 4095, 4096, 4097, 8191, 8192, 8193, 9999, 10'000};
  for (const size_t first : cuts)
    for (const size_t second : cuts) {
      if (second < first) continue;
      Checksum sum;
      sum.add(all.first(first)), sum.add(all.subspan(first, second - first)), sum.add(all.subspan(second));
      REQUIRE(sum.value() == checksum(bytes));
    }
}

TEST_CASE(
    "a checksum tells every flipped bit, swapped words and blocks, lost bytes and zeros that were something "
    "else") {
  const Bytes bytes = random_bytes(3 * 4096 + 75);
  const uint64_t whole = checksum(bytes);
  int unseen = 0;
  const auto note = [&](auto damage) {
    Bytes damaged = bytes;
    damage(damaged);
    unseen += checksum(damaged) == whole;
  };
  const auto note_swap = [&](size_t a, size_t b, size_t count) {
    note([&](Bytes& d) { std::swap_ranges(&d[a], &d[a] + count, &d[b]); });
  };
  for (size_t bit = 0; bit < 8 * bytes.size(); bit += bit < 1000 ? 1 : 89)
    note([&](Bytes& b) { b[bit / 8] ^= std::byte(1 << bit % 8); });
  for (size_t a = 4000; a < 4200; a += 4)
    for (size_t b = a + 4; b < 4200; b += 4) note_swap(a, b, 4);
  for (size_t a = 0; a < 3; ++a)
    for (size_t b = a + 1; b < 3; ++b) note_swap(4096 * a, 4096 * b, 4096);
  for (size_t less = 1; less < 100; ++less) note([&](Bytes& b) { b.resize(b.size() - less); });
  for (const size_t more : {1, 2, 15, 16, 4020, 4021, 4022, 8117})
    note([&](Bytes& b) { b.resize(b.size() + more); });
  for (size_t at = 0; at < 12'288; at += 512) note([&](Bytes& b) { std::fill_n(&b[at], 512, std::byte{0}); });
  CHECK(unseen == 0);
}

TEST_CASE("a flipped byte anywhere in a packed file is told") {
  const auto flip = [](Version version, int C, Quantization quantization, size_t step) {
    Bytes file = packed_with_vocabulary(version, C, quantization);
    REQUIRE(error_of(file, quantization).message == "");
    const size_t data = 8 + size_t(load_le<uint64_t>(file.data()));
    for (size_t at = 0; at < file.size(); at += step) {
      CAPTURE(version_name(version), quantization_name(quantization), at, data);
      file[at] ^= std::byte(1 << at % 8);
      const Error error = error_of(file, quantization);
      REQUIRE_THAT(error.message, ContainsSubstring("tales: "));
      if (at >= data) REQUIRE(error.kind == ErrorKind::kBadFile);
      if (at >= data) REQUIRE_THAT(error.message, ContainsSubstring("the file is damaged: "));
      file[at] ^= std::byte(1 << at % 8);
    }
  };
  flip(Version::k4, 8, Quantization::kF16, 3);
  flip(Version::k6, 32, Quantization::kQ8, 211);
  flip(Version::k7, 32, Quantization::kQ4, 211);
}

TEST_CASE(
    "damage is told with the tensor and the place, also where the model is packed anew or read in small "
    "parts") {
  Bytes file = packed_with_vocabulary(Version::k7, 32, Quantization::kQ8);
  const MemorySource source("tales", file);
  const Checkpoint checkpoint = require(open_checkpoint(source));
  const Tensor& key = *checkpoint.find("blocks.0.att.key.weight");
  file[size_t(key.offset) + 5] ^= std::byte{1};
  const std::string expected = "tales: blocks.0.att.key.weight: the file is damaged: bytes 0 to " +
                               std::to_string(key.bytes - 1) + " of it are not those that were written";
  for (const Quantization quantization : kQuantizations)
    CHECK(load_model(checkpoint, quantization).error().message == expected);
  Conversion conversion = require(Conversion::start(checkpoint, Quantization::kQ8));
  auto piece = conversion.next();
  while (piece.ok() && piece->bytes() > 0) piece = conversion.next();
  CHECK(piece.error().message == expected);
  Loading loading = require(Loading::start(checkpoint, Quantization::kQ8, {}, 100));
  auto more = loading.next();
  while (more.ok() && *more) more = loading.next();
  CHECK(more.error().message == expected);
}

TEST_CASE("of a tensor of several pieces the damaged one is told") {
  const size_t size = 2 * kPieceOfTensor + kPieceOfTensor / 2;
  Bytes file(64 + size);
  Checkpoint checkpoint;
  std::vector<uint64_t> sums = {checksum(std::span(file).first(64))};
  append_checksums(std::span(file).subspan(64), sums);
  REQUIRE(sums.size() == 1 + count_pieces(size));
  for (const uint64_t sum : sums) put_le(file, sum);
  const MemorySource source("tales", file);
  checkpoint.source = &source;
  checkpoint.checksums = {64 + size, 8 * sums.size(), 64, {{64, size, 1}}};
  const auto read = [&] { return read_verified(checkpoint, "big", 64, size); };
  CHECK(read().ok());
  const auto told = [&](size_t at) {
    file[64 + at] ^= std::byte{0x80};
    const std::string message = read().error().message;
    file[64 + at] ^= std::byte{0x80};
    return message;
  };
  const auto between = [](const char* first, const char* last) {
    return std::string("tales: big: the file is damaged: bytes ") + first + " to " + last +
           " of it are not those that were written";
  };
  CHECK(told(0) == between("0", "1048575"));
  CHECK(told(kPieceOfTensor) == between("1048576", "2097151"));
  CHECK(told(size - 1) == between("2097152", "2621439"));
}

TEST_CASE(
    "a packed file from before there were checksums loads as it did, and one that has lost half of them "
    "not") {
  const Bytes file = packed_with_vocabulary(Version::k7, 32, Quantization::kQ8);
  const auto without = [&](std::vector<std::string_view> names) {
    Bytes changed = file;
    for (const std::string_view name : names)
      replace_all(changed, name, std::string(name.size(), 'x'));  // a tensor or a word that nobody knows
    return error_of(changed, Quantization::kQ8).message;
  };
  const std::string lost =
      "tales: expected a checksum of each 1048576 bytes of a tensor, found others; whoever changes a file "
      "takes rwkv_wasm_checksums and rwkv_wasm_piece_bytes out of it";
  CHECK(without({kPackedChecksumsKey, kPackedPieceKey}) == "");
  CHECK(without({kPackedChecksumsKey}) == lost);
  CHECK(without({kPackedPieceKey}) == lost);
  Bytes other = file;
  replace_all(other, "\"1048576\"", "\"1048577\"");
  CHECK(error_of(other, Quantization::kQ8).message == lost);
}

}  // namespace
}  // namespace rwkv

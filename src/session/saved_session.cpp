// Sessions as bytes: saved_session.md describes them.
#include <bit>

#include "formats/containers/bytes.h"
#include "formats/containers/cursor.h"
#include "quant/dtype.h"
#include "room.h"
#include "session/session.h"

namespace rwkv {
namespace {

constexpr std::string_view kMagic = "RWKVSESS";
constexpr uint32_t kVersion = 1;
constexpr float kLargestHalf = 65504;

class Hash {
 public:
  void add(uint32_t word) { hash_ = (hash_ ^ word) * 1099511628211ull; }
  void add(std::span<const std::byte> bytes) {  // REQUIRES: whole words
    for (size_t i = 0; i < bytes.size(); i += 4) {
      uint32_t word;
      std::memcpy(&word, bytes.data() + i, 4);
      add(word);
    }
  }
  void add(const Norm& norm) {
    add(std::as_bytes(std::span(norm.weight)));
    add(std::as_bytes(std::span(norm.bias)));
  }
  uint64_t value() const { return hash_; }

 private:
  uint64_t hash_ = 14695981039346656037ull;
};

uint64_t fingerprint(const Model& model) {
  const Config& c = model.config;
  Hash hash;
  for (const int value : {int(c.version), c.layers, c.channels, c.heads, c.hidden, c.vocabulary})
    hash.add(uint32_t(value));
  hash.add(model.ln0);
  for (const Layer& layer : model.layers) hash.add(layer.ln1), hash.add(layer.ln2);
  hash.add(model.ln_out);
  return hash.value();
}

DType type_of(Session::SavedAs format) {
  return format == Session::SavedAs::kF32 ? DType::kF32 : DType::kF16;
}

class Writer {
 public:
  explicit Writer(uint64_t bytes) { out_.reserve(size_t(bytes)); }
  template <class T>
  void number(T value) {
    bytes(std::as_bytes(std::span(&value, 1)));
  }
  void bytes(std::span<const std::byte> more) { out_.insert(out_.end(), more.begin(), more.end()); }
  void text(std::string_view more) { bytes(std::as_bytes(std::span(more))); }
  void floats(std::vector<float> values, Session::SavedAs format) {
    if (format == Session::SavedAs::kF16)
      for (float& v : values) v = std::clamp(v, -kLargestHalf, kLargestHalf);
    const size_t at = out_.size();
    out_.resize(at + bytes_of(type_of(format), values.size()));
    encode(type_of(format), values, out_.data() + at);
  }
  std::vector<std::byte> finish() {
    out_.resize((out_.size() + 3) / 4 * 4);
    Hash hash;
    hash.add(out_);
    number(hash.value());
    return std::move(out_);
  }

 private:
  std::vector<std::byte> out_;
};

constexpr uint64_t kHeaderBytes = 56, kHashBytes = 8;

// Of a whole saved session.
uint64_t saved_bytes(uint64_t queued, uint64_t generated, uint64_t floats, DType dtype) {
  return (kHeaderBytes + queued * 4 + generated * 8 + floats * bytes_of(dtype, 1) + 3) / 4 * 4 + kHashBytes;
}

}  // namespace

Result<std::vector<std::byte>> Session::save(SavedAs format) const {
  const std::vector<float> none;
  const std::vector<float>& logits = queue_.empty() ? logits_ : none;
  const uint64_t size =
      saved_bytes(queue_.size(), sampler_.seen(), logits.size() + state_.size(), type_of(format));
  // Beside it a copy of what the session holds.
  if (const Status room = require_room(size + bytes(), "a saved session"); !room) return room.error();
  const Sampler::Memory memory = sampler_.memory();
  const std::string_view unfinished = text_.pending();
  Writer out(size);
  out.text(kMagic);
  out.number(kVersion);
  out.number(uint32_t(format));
  out.number(fingerprint(model_));
  out.number(memory.random);
  out.number(uint32_t(unfinished.size()));
  out.text(unfinished);
  out.text(std::string(4 - unfinished.size(), '\0'));
  for (const size_t count : {queue_.size(), memory.occurrence.size(), logits.size(), state_.size()})
    out.number(uint32_t(count));
  out.bytes(std::as_bytes(std::span(queue_)));
  for (const auto& [id, count] : memory.occurrence) out.number(id), out.number(count);
  out.floats(logits, format);
  out.floats(state_.values(), format);
  return out.finish();
}

bool Session::is_saved(const Source& file) {
  std::string magic(kMagic.size(), ' ');
  return file.size() >= magic.size() && file.read(0, std::as_writable_bytes(std::span(magic))).ok() &&
         magic == kMagic;
}

Result<Session> Session::restore(const Model& model, const Tokenizer* tokenizer, const Source& file) {
  const auto bad = [&](ErrorKind kind, const std::string& what) {
    return Error{kind, file.name() + ": " + what};
  };
  const auto damaged = [&](const std::string& what) {
    return bad(ErrorKind::kBadFile, "damaged saved session: " + what);
  };
  if (!is_saved(file)) return bad(ErrorKind::kBadFile, "not a saved session");
  if (file.size() < kHeaderBytes + kHashBytes || file.size() % 4)
    return damaged("cut off after " + std::to_string(file.size()) + " bytes");

  Cursor header(file, kHeaderBytes);
  header.skip(kMagic.size());
  const auto version = header.number<uint32_t>(), format = header.number<uint32_t>();
  const auto print = header.number<uint64_t>();
  Sampler::Memory memory{header.number<uint64_t>(), {}};
  const auto unfinished_bytes = header.number<uint32_t>();
  const auto unfinished = header.number<std::array<char, 4>>();
  const uint64_t queued = header.number<uint32_t>(), generated = header.number<uint32_t>(),
                 logits = header.number<uint32_t>(), floats = header.number<uint32_t>();
  if (header.error()) return *header.error();
  if (version != kVersion)
    return bad(ErrorKind::kBadFile, "a saved session of format version " + std::to_string(version) +
                                        "; this version of rwkv-wasm reads version " +
                                        std::to_string(kVersion));
  if (format > 1) return damaged("floats of kind " + std::to_string(format));

  // Whole and untouched, before anything of it is believed.
  const DType dtype = type_of(SavedAs(format));
  const uint64_t float_bytes = bytes_of(dtype, 1);
  const uint64_t expected = saved_bytes(queued, generated, logits + floats, dtype);
  if (expected != file.size())
    return damaged("expected " + std::to_string(expected) + " bytes, found " + std::to_string(file.size()));
  const Result<Buffer> read = read_range(file, 0, file.size());
  if (!read) return read.error();
  Hash hash;
  hash.add(read->span().first(read->bytes() - kHashBytes));
  uint64_t sum;
  std::memcpy(&sum, read->as<std::byte>() + read->bytes() - kHashBytes, sizeof sum);
  if (hash.value() != sum) return damaged("the checksum does not match");

  const uint64_t parts = sizeof(float) * floats + sizeof(Token) * queued + kOccurrenceBytes * generated;
  if (const Status room = require_room(bytes(model) + parts, "a session"); !room) return room.error();
  Session session(model, tokenizer, 0, nullptr);
  session.queue_.reserve(size_t(queued));
  const auto V = uint64_t(model.config.vocabulary);
  if (print != fingerprint(model) || floats != session.state_.size() || (logits && logits != V))
    return bad(ErrorKind::kBadModel, "a session of another model");
  const std::byte* at = read->as<std::byte>() + kHeaderBytes;
  const auto take = [&](auto value) {
    std::memcpy(&value, at, sizeof value);
    at += sizeof value;
    return value;
  };
  const auto is_token = [&](Token id) { return id >= 0 && uint64_t(id) < V; };
  for (uint64_t i = 0; i < queued; ++i) {
    session.queue_.push_back(take(Token{}));
    if (!is_token(session.queue_.back())) return damaged("token " + std::to_string(session.queue_.back()));
  }
  for (uint64_t i = 0; i < generated; ++i) {
    const auto id = take(Token{});
    const auto count = take(float{});
    if (!is_token(id) || !(count >= 0) ||
        (!memory.occurrence.empty() && id <= memory.occurrence.rbegin()->first))
      return damaged("penalty of token " + std::to_string(id));
    memory.occurrence.emplace_hint(memory.occurrence.end(), id, count);
  }
  session.logits_.resize(size_t(logits));
  decode(dtype, at, session.logits_);
  std::vector<float> state(session.state_.size());
  decode(dtype, at + logits * float_bytes, state);
  session.state_.set_values(state);
  session.sampler_ = Sampler(std::move(memory));
  const std::string_view waiting(unfinished.data(), std::min<size_t>(unfinished_bytes, 4));
  if (!session.text_.push(waiting).empty() || session.text_.pending() != waiting || waiting.size() > 3)
    return damaged("bytes that begin no character");
  return session;
}

}  // namespace rwkv

// Checkpoints of a tuning: tuning_checkpoint.md describes them.
#include "formats/containers/bytes.h"
#include "formats/containers/checksum.h"
#include "room.h"
#include "training/identity.h"
#include "training/tuning.h"

namespace rwkv {
namespace {

constexpr std::string_view kMagic = "RWKVTUNE";
constexpr uint32_t kVersion = 1;
constexpr uint64_t kHeaderBytes = 24, kSumBytes = 8, kMostIdentityBytes = 16 << 10, kPieceBytes = 64 << 10;
constexpr const char* kMethods[] = {"state", "lora", "full"};
constexpr const char* kSchedules[] = {"constant", "linear", "cosine"};

constexpr uint64_t aligned(uint64_t bytes) { return (bytes + 3) / 4 * 4; }

struct Header {
  char magic[8];
  uint32_t version, identity_bytes, step, zero;
};
static_assert(sizeof(Header) == kHeaderBytes);

}  // namespace

// Of all that decides what the steps that are left give, but the weights themselves.
std::string Tuning::identity() const {
  const TuningOptions& o = options_;
  Identity of;
  of.add("method", kMethods[int(o.method)]);
  of.add("steps", uint64_t(o.rate.steps));
  of.add("contextLength", uint64_t(o.context));
  of.add("batch", uint64_t(o.batch));
  of.add("learningRate", float(o.rate.rate));
  of.add("schedule", kSchedules[int(o.rate.schedule)]);
  of.add("warmup", uint64_t(o.rate.warmup));
  of.add("betas[0]", o.optimizer.beta1);
  of.add("betas[1]", o.optimizer.beta2);
  of.add("epsilon", o.optimizer.epsilon);
  of.add("weightDecay", o.optimizer.weight_decay);
  of.add("gradientClip", o.gradient_clip);
  of.add("seed", o.seed);
  if (o.method == Method::kLora) {
    of.add("rank", uint64_t(o.adapters.rank));
    of.add("alpha", o.adapters.alpha);
    std::string targets;
    for (const std::string& target : o.adapters.targets) targets += (targets.empty() ? "" : ",") + target;
    of.add("targets", targets);
  }
  of.add("texts", documents_.fingerprint());
  return model_identity_ + of.lines();
}

uint64_t Tuning::saved_bytes(uint64_t identity_bytes) const {
  uint64_t floats = 0;
  for (const Parameter& parameter : parameters()) floats += 3 * uint64_t(parameter.values.size());
  return kHeaderBytes + aligned(identity_bytes) + floats * sizeof(float) + kSumBytes;
}

Result<std::vector<std::byte>> Tuning::save() const {
  assert(optimizer_);
  const std::string of = identity();
  const uint64_t bytes = saved_bytes(of.size());
  if (const Status room = require_room(bytes, "a checkpoint"); !room) return room.error();
  std::vector<std::byte> out;
  out.reserve(size_t(bytes));
  const auto put = [&](std::span<const std::byte> more) { out.insert(out.end(), more.begin(), more.end()); };
  Header header{{}, kVersion, uint32_t(of.size()), uint32_t(step_), 0};
  std::copy(kMagic.begin(), kMagic.end(), header.magic);
  put(std::as_bytes(std::span(&header, 1)));
  put(std::as_bytes(std::span(of)));
  out.resize(size_t(kHeaderBytes + aligned(of.size())));
  for (size_t i = 0; i < parameters().size(); ++i) {
    const auto& [m, v] = optimizer_->moments()[i];
    for (const std::vector<float>* values : {&parameters()[i].values, &m, &v})
      put(std::as_bytes(std::span(*values)));
  }
  const uint64_t sum = checksum(out);
  put(std::as_bytes(std::span(&sum, 1)));
  return out;
}

Status Tuning::restore(const Source& file) {
  assert(optimizer_ && step_ == 0);
  const auto damaged = [&](const std::string& what) { return bad_file(file, "damaged checkpoint: " + what); };
  Header header{};
  if (file.size() >= kHeaderBytes + kSumBytes)
    if (const Status read = file.read(0, std::as_writable_bytes(std::span(&header, 1))); !read) return read;
  if (std::string_view(header.magic, sizeof header.magic) != kMagic)
    return bad_file(file, "not a checkpoint of learning");
  if (header.version != kVersion)
    return bad_file(file, "a checkpoint of format version " + std::to_string(header.version) +
                              "; this version of rwkv-wasm reads version " + std::to_string(kVersion));

  // Whole and untouched, before anything of it is believed.
  const uint64_t body = file.size() - kSumBytes;
  Checksum sum;
  std::vector<std::byte> piece(size_t(std::min<uint64_t>(kPieceBytes, body)));
  for (uint64_t at = 0; at < body; at += piece.size()) {
    const auto part = std::span(piece).first(size_t(std::min<uint64_t>(piece.size(), body - at)));
    if (const Status read = file.read(at, part); !read) return read;
    sum.add(part);
  }
  uint64_t written;
  if (const Status read = file.read(body, std::as_writable_bytes(std::span(&written, 1))); !read) return read;
  if (sum.value() != written) return damaged("the checksum does not match");

  const uint64_t start = kHeaderBytes + aligned(header.identity_bytes);
  if (header.identity_bytes > kMostIdentityBytes || start > body) return damaged("it ends too early");
  const std::string expected = identity();
  std::string found(header.identity_bytes, ' ');
  if (const Status read = file.read(kHeaderBytes, std::as_writable_bytes(std::span(found))); !read)
    return read;
  if (found != expected)
    return Error{ErrorKind::kInvalidArgument,
                 file.name() + ": a checkpoint of other learning: " + difference(expected, found)};
  if (file.size() != saved_bytes(expected.size()) || header.step > uint32_t(options_.rate.steps))
    return damaged("it is not as long as its words say");

  const Result<Buffer> read = read_range(file, start, body - start);
  if (!read) return read.error();
  const std::byte* at = read->as<std::byte>();
  const auto take = [&](std::vector<float>& values) {
    std::memcpy(values.data(), at, values.size() * sizeof(float));
    at += values.size() * sizeof(float);
  };
  step_ = int(header.step);
  const auto moments = optimizer_->go_on_after(step_);
  for (size_t i = 0; i < parameters().size(); ++i)
    take(parameters()[i].values), take(moments[i].m), take(moments[i].v);
  std::visit([](auto& subject) { subject.assign(); }, subject_);
  return Done{};
}

}  // namespace rwkv

// Saved sessions of a tiny model of version 7. The checksum, which would stop a fuzzer, is added to what it
// makes.
#include "formats/containers/bytes.h"
#include "formats/promises.h"
#include "fuzz/memory.h"
#include "fuzz/reader.h"
#include "fuzz/tiny_models.h"
#include "model/weights.h"
#include "session/session.h"

namespace rwkv::fuzz {
namespace {

constexpr size_t kSumBytes = 8;

const Model& model() {
  static const Model loaded = std::move(
      *load_model(OpenFile(write_safetensors(tiny_model(Version::k7, 8, 2))).checkpoint, Quantization::kF32));
  return loaded;
}

void drain(Session& session) {
  Arena arena;
  Session* one[] = {&session};
  while (session.pending()) (void)read_pending(one, arena);
}

std::vector<Bytes> seeds() {
  Session session = std::move(*Session::create(model(), nullptr, 1));
  const Token tokens[] = {1, 2, 3};
  if (!session.prompt(tokens)) return {};
  std::vector<Bytes> seeds;
  const auto add = [&](Session::SavedAs format) {
    Bytes bytes = *session.save(format);
    bytes.resize(bytes.size() - kSumBytes);
    seeds.push_back(std::move(bytes));
  };
  add(Session::SavedAs::kF32);
  drain(session);
  (void)session.sample({});
  drain(session);
  add(Session::SavedAs::kF32);
  add(Session::SavedAs::kF16);
  return seeds;
}

// FNV-1a over the 32-bit words.
uint64_t sum_of(std::span<const std::byte> bytes) {
  uint64_t sum = 14695981039346656037ull;
  for (size_t i = 0; i + 4 <= bytes.size(); i += 4)
    sum = (sum ^ load_le<uint32_t>(bytes.data() + i)) * 1099511628211ull;
  return sum;
}

std::string check(std::span<const std::byte> bytes, bool& good) {
  Bytes file(bytes.begin(), bytes.end());
  const uint64_t sum = sum_of(bytes);
  const auto* sum_bytes = reinterpret_cast<const std::byte*>(&sum);
  file.insert(file.end(), sum_bytes, sum_bytes + kSumBytes);
  const MemorySource source("model", file);
  const Model& model = fuzz::model();
  const MemoryMeter meter;
  Result<Session> session = Session::restore(model, nullptr, source);
  if (std::string broken = broken_promise(meter, twice(4 * file.size())); !broken.empty()) return broken;
  if (!session)
    return session.error().message.starts_with("model: ")
               ? ""
               : "an error without the name: " + session.error().message;
  good = true;
  if (session->pending() > 1000) return {};
  if (!session->prompt({})) return "a fresh session takes no empty prompt";
  drain(*session);
  (void)session->sample({});
  return !session->save(Session::SavedAs::kF32) ? "nothing is saved" : "";
}

}  // namespace

const Reader saved_session = {"saved_session", seeds, check};

}  // namespace rwkv::fuzz

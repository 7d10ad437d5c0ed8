#include "formats/checkpoint.h"

#include <algorithm>

#include "formats/containers/bytes.h"
#include "formats/dialects/dialect.h"

namespace rwkv {
namespace {

// What people hand over instead of a model, by its first bytes.
struct Foreign {
  std::string_view start;
  ErrorKind kind;
  const char* what;
};
constexpr Foreign kForeign[] = {
    {"\x80\x02", ErrorKind::kUnsupported, "a bare pickle (torch before 1.6); load it and torch.save it anew"},
    {"\x80\x03", ErrorKind::kUnsupported, "a bare pickle; torch.save the weights"},
    {"\x80\x04", ErrorKind::kUnsupported, "a bare pickle; torch.save the weights"},
    {"\x80\x05", ErrorKind::kUnsupported, "a bare pickle; torch.save the weights"},
    {"\x1f\x8b", ErrorKind::kUnsupported, "a gzip file; unpack it first"},
    {"<!doctype", ErrorKind::kBadFile, "an HTML page, not a model file"},
    {"<html", ErrorKind::kBadFile, "an HTML page, not a model file"},
    {"version https://git-lfs", ErrorKind::kBadFile, "a Git LFS pointer, not the model file itself"},
    {"{", ErrorKind::kBadFile,
     "JSON, the index or the config of a model; an index loads by its path or URL, or with its files"},
};

bool starts_with_any_case(std::string_view text, std::string_view start) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; };
  return text.size() >= start.size() && std::equal(start.begin(), start.end(), text.begin(),
                                                   [&](char a, char b) { return lower(a) == lower(b); });
}

std::string hex(std::string_view bytes) {
  std::string text;
  for (char c : bytes) {
    text += "0123456789abcdef"[static_cast<uint8_t>(c) >> 4];
    text += "0123456789abcdef"[static_cast<uint8_t>(c) & 15];
    text += ' ';
  }
  if (!text.empty()) text.pop_back();
  return text;
}

// A safetensors header is at most 100 MB, so the upper half of its length is zero; no magic word above has
// that.
bool looks_like_safetensors(std::string_view first) {
  return first.size() > 8 && first.substr(4, 4) == std::string_view("\0\0\0\0", 4) && first[8] == '{';
}

Result<Checkpoint> with_authors_names(Result<Checkpoint> file, Holds holds) {
  if (!file) return file;
  if (Status named = use_authors_names(*file, holds); !named) return named.error();
  return file;
}

Result<Checkpoint> open(const Source& source, Holds holds) {
  std::byte bytes[32];
  const auto count = static_cast<size_t>(std::min<uint64_t>(source.size(), sizeof bytes));
  if (Status status = source.read(0, std::span(bytes).first(count)); !status) return status.error();
  const std::string_view first = as_text(std::span(bytes).first(count));

  if (first.starts_with("PK\3\4")) return with_authors_names(open_pth(source), holds);
  if (first.starts_with("GGUF")) return open_gguf(source);
  if (first.starts_with("fmgg")) return open_ggml(source);
  if (looks_like_safetensors(first)) return with_authors_names(open_safetensors(source), holds);
  const std::string_view text = first.substr(std::min(first.find_first_not_of(" \t\r\n"), first.size()));
  for (const Foreign& foreign : kForeign) {
    if (!starts_with_any_case(text, foreign.start)) continue;
    return Error{foreign.kind, source.name() + ": this is " + foreign.what};
  }
  if (first.empty()) return bad_file(source, "the file is empty");
  return bad_file(
      source, "not a .pth, .safetensors, GGUF or rwkv.cpp file; it starts with " + hex(first.substr(0, 16)));
}

}  // namespace

const Tensor* Checkpoint::find(std::string_view name) const {
  const auto found = tensors.find(name);
  return found == tensors.end() ? nullptr : &found->second;
}

std::string Checkpoint::why_not(std::string_view name) const {
  for (const auto& [in_file, what] : foreign)
    if (in_file.ends_with(name)) return "holds " + what.name + ", expected F32, F16 or BF16";
  return "missing";
}

void Checkpoint::set_aside(const std::string& name, std::string what) {
  constexpr size_t kMost = 1024;
  Tensor nothing;
  nothing.name = std::move(what);
  if (foreign.size() < kMost) foreign.try_emplace(name, std::move(nothing));
}

Result<std::span<const std::byte>> Checkpoint::read(const Tensor& tensor, Buffer& buffer) const {
  if (!buffer || buffer.bytes() < tensor.bytes) {
    buffer = Buffer();  // before the next is made: never both
    Result<Buffer> larger = allocate(*source, tensor.bytes);
    if (!larger) return larger.error();
    buffer = std::move(*larger);
  }
  const std::span<std::byte> bytes = buffer.span().first(static_cast<size_t>(tensor.bytes));
  if (Status status = source->read(tensor.offset, bytes); !status) return status.error();
  return std::span<const std::byte>(bytes);
}

Result<Checkpoint> open_checkpoint(const Source& source) { return open(source, Holds::kModel); }
Result<Checkpoint> open_adapters(const Source& source) { return open(source, Holds::kAdapters); }

}  // namespace rwkv

#include "formats/lora.h"

#include "formats/containers/bytes.h"

namespace rwkv {

Status join_lora(Checkpoint& model, const JoinedSource& both, LoraScale scale) {
  const Source& source = both.second;
  Result<Checkpoint> file = open_adapters(source);
  if (!file) return file.error();
  if (const Status room = require_tables(source, file->tensors.size()); !room) return room;

  constexpr std::string_view kAlpha = "lora_alpha";
  if (const Tensor* alpha = file->find(kAlpha); alpha && alpha->bytes == sizeof(float)) {
    float told = 0;
    if (Status read = source.read(alpha->offset, std::as_writable_bytes(std::span(&told, 1))); !read)
      return read;
    if (std::isnan(scale.alpha) && std::isfinite(told)) scale.alpha = told;
  }
  if (std::isnan(scale.scale) && std::isnan(scale.alpha))
    return Error{ErrorKind::kInvalidArgument,
                 source.name() + ": does not tell its alpha: say alpha, or scale"};

  const size_t whole = model.tensors.size();
  size_t parts[2] = {};  // lora_A, lora_B
  for (auto& [name, tensor] : file->tensors) {
    if (name == kAlpha) continue;
    const size_t at = name.find(kAdapter), letter = at + kAdapter.size();
    const bool is_part = at != std::string::npos && (name[letter] == 'A' || name[letter] == 'B');
    const Tensor* own = model.find(is_part ? name.substr(0, at) + ".weight" : name);
    if (!own || (is_part && (own->shape.size() != 2 || own->name.ends_with("emb.weight"))))
      return Error{ErrorKind::kBadModel,
                   source.name() + ": " + printable(name) +
                       ": neither lora_A or lora_B of a matrix of the model nor one of its "
                       "tensors; other kinds of adapters are not read"};
    tensor.offset += both.first.size();
    if (is_part) {
      const bool is_B = name[letter] == 'B';
      ++parts[is_B];
      if (is_B && !tensor.shape.empty())
        tensor.scale = std::isnan(scale.scale) ? scale.alpha / float(tensor.shape.back()) : scale.scale;
    }
    model.tensors[is_part ? name.substr(0, letter + 1) : name] = std::move(tensor);
  }
  if (parts[0] != parts[1] || parts[0] == 0 || model.tensors.size() != whole + 2 * parts[0])
    return bad_file(source, "expected lora_A and lora_B, one of each for a matrix");
  model.source = &both;
  return Done{};
}

}  // namespace rwkv

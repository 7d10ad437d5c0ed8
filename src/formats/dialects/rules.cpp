#include "formats/dialects/rules.h"

#include "formats/containers/bytes.h"
#include "formats/views.h"

namespace rwkv {
namespace {

Status add(Tensor tensor, Checkpoint& checkpoint) {
  const auto [at, is_new] = checkpoint.tensors.try_emplace(tensor.name, Tensor{});
  if (!is_new) return bad_file(*checkpoint.source, printable(tensor.name) + ": in the file twice");
  at->second = std::move(tensor);
  return Done{};
}

}  // namespace

Status add_by_rule(const Rule& rule, const std::string& prefix, int64_t head_size, Tensor tensor,
                   Checkpoint& checkpoint) {
  const auto count = int64_t(tensor.count());
  const auto bad = [&](const std::string& expected) {
    return bad_file(*checkpoint.source, printable(tensor.name) + ": expected " + expected + ", file has " +
                                            to_string(tensor.shape));
  };
  Tensor view = tensor;
  view.name = prefix + std::string(rule.authors);
  view.stored = rule.stored;
  switch (rule.layout) {
    case Layout::kSame:
      break;
    case Layout::kTurned:
      if (tensor.shape.size() < 2) return bad("two dimensions or more");
      view = transposed(std::move(view));
      break;
    case Layout::kHeads:
      if (head_size < 1 || count % head_size != 0 ||
          uint64_t(head_size) % block_size(tensor.dtype).elements != 0)
        return bad("heads of " + std::to_string(head_size) + ", each of whole blocks");
      view.shape = {count / head_size, head_size};
      break;
    case Layout::kFlat:
      view.shape = {count};
      break;
    case Layout::kFused:
      if (tensor.shape.size() < 2 || tensor.shape[0] != int64_t(rule.letters.size()))
        return bad("the " + std::to_string(rule.letters.size()) + " vectors " + std::string(rule.letters));
      for (size_t i = 0; i < rule.letters.size(); ++i)
        if (Status status = add(entry(view, int64_t(i), view.name + rule.letters[i]), checkpoint); !status)
          return status;
      return Done{};
  }
  return add(std::move(view), checkpoint);
}

}  // namespace rwkv

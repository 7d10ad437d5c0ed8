#include "recording/recording.h"

#include <algorithm>

#include "recording/recorder.h"

namespace rwkv {

uint32_t WeightTable::id(const Weight& weight) {
  const auto [at, is_new] = ids_.emplace(weight.place, uint32_t(weights_.size()));
  if (is_new) weights_.push_back(weight);
  return at->second;
}

void Recorder::append(std::initializer_list<uint32_t> words) {
  const size_t end = words_.size() + kOperationWords;
  words_.insert(words_.end(), words.begin(), words.end());
  words_.resize(end);
}

Recording::Recording(const Model& model) : model_(model) { (void)list({1, 1, 1, true}); }

Result<std::vector<uint32_t>> Recording::list(const PassShape& shape) {
  const auto [rows, sequences, wanted, wants_hidden, layers] = shape;
  const int all = model_.config.layers;
  if (rows < 1 || sequences < 1 || sequences > rows || wanted < 0 || wanted > rows || layers < 0 ||
      layers > all)
    return Error{ErrorKind::kInvalidArgument, "a pass of " + std::to_string(rows) + " rows, " +
                                                  std::to_string(sequences) + " sequences, " +
                                                  std::to_string(wanted) + " wanted, through " +
                                                  std::to_string(layers) + " layers"};
  Batch batch;
  batch.sequences.assign(size_t(sequences), {nullptr, 0, 1, nullptr});
  batch.sequences.back() = {nullptr, sequences - 1, rows - sequences + 1, nullptr};
  batch.wanted.assign(size_t(wanted), 0);
  batch.wants_hidden = wants_hidden;

  Recorder recorder(weights_, model_.config.vocabulary);
  const Outputs out = run_model(recorder, model_, batch, layers > 0 ? layers : all);
  constexpr uint64_t kMostBytes = uint64_t{4} << 30;
  if (const uint64_t bytes = recorder.floats() * sizeof(float); bytes > kMostBytes)
    return no_room(bytes, "scratch memory of a pass");
  std::vector<uint32_t> list = {uint32_t(rows),
                                uint32_t(sequences),
                                uint32_t(wanted),
                                uint32_t(recorder.floats()),
                                wanted ? Recorder::address(out.logits) : kNone,
                                wants_hidden ? Recorder::address(out.hidden) : kNone};
  list.resize(kOperationWords);
  list.insert(list.end(), recorder.words().begin(), recorder.words().end());
  return list;
}

std::vector<uint32_t> tables(const Batch& batch, std::span<const uint32_t> slots) {
  std::vector<uint32_t> words;
  for (size_t i = 0; i < batch.sequences.size(); ++i)
    for (const uint32_t word :
         {slots[i], uint32_t(batch.sequences[i].first), uint32_t(batch.sequences[i].count)})
      words.push_back(word);
  for (const Sequence& s : batch.sequences) words.insert(words.end(), s.tokens, s.tokens + s.count);
  words.insert(words.end(), batch.wanted.begin(), batch.wanted.end());
  return words;
}

}  // namespace rwkv

// Passes that this processor makes: the halves of each, and forward() between them.
#include "room.h"
#include "session/scoring.h"
#include "session/session.h"

namespace rwkv {

Status read_pending(std::span<Session* const> sessions, Arena& arena, std::span<const int> most) {
  const ArenaScope scope(arena);
  PendingPass pass;
  if (Status planned = pass.plan(sessions, most); !planned) return planned;
  if (pass.slices().empty()) return Done{};
  uint64_t rows = 0, last_rows = 0;
  for (const Slice& slice : pass.slices()) rows += slice.tokens.size(), last_rows += slice.wanted;
  const Model& model = sessions.front()->model();
  if (Status room = arena.reserve(scratch_bytes(model, rows, last_rows), "a pass"); !room) {
    if (!pass.has_guesses()) return room;
    pass.forget_guesses();
    return read_pending(sessions, arena, most);
  }
  pass.start();
  forward(model, pass.slices(), arena);
  pass.finish();
  return Done{};
}

Status Scoring::next(Arena& arena) {
  const ArenaScope scope(arena);
  if (Status room = has_room(); !room) return room;
  const uint64_t rows = next_rows(), bytes = scratch_bytes(model_, rows, 2 * rows);  // once more for `logits`
  if (Status room = arena.reserve(bytes, "log probabilities"); !room) return room;
  const Rows logits = arena.rows(int(rows), model_.config.vocabulary);
  const Slice slice = next_slice(logits.data);
  forward(model_, {&slice, 1}, arena);
  return take({logits.data, logits.size()});
}

Status Pooling::next(Arena& arena) {
  const ArenaScope scope(arena);
  const uint64_t rows = next_rows(), bytes = scratch_bytes(model_, 2 * rows, 0);  // once more for `hidden`
  if (Status room = arena.reserve(bytes, "hidden states"); !room) return room;
  const Rows hidden = arena.rows(int(rows), model_.config.channels);
  const Slice slice = next_slice(hidden.data);
  forward(model_, {&slice, 1}, arena);
  return take({hidden.data, hidden.size()});
}

}  // namespace rwkv

// A text on its way through a model, half a layer at a time: what stands between layers is kept, so that each
// layer can be read again and again while its matrices change.
#pragma once

#include <span>
#include <vector>

#include "model/model.h"
#include "programs.h"

namespace rwkv {

class Stream {
 public:
  // Each window of the text, behind kEndOfText and from a fresh state; embedded.
  Stream(const Model& model, std::span<const Token> tokens);

  size_t windows() const { return windows_.size(); }
  Rows x(size_t window) const { return windows_[window].x; }  // (R, C)

  enum class Half { kTimeMix, kChannelMix };
  // What half a layer adds to x, into `out` (R, C), which is as x.
  void run(const Model& model, int layer, Half half, size_t window, Arena& arena, Rows out) const;
  // x += that, for all windows.
  void advance(const Model& model, int layer, Half half);
  // What the head gets, (R, C).
  void normed(const Model& model, size_t window, Rows out) const;

 private:
  struct Window {
    std::vector<Token> tokens;
    Rows x, v_first, embedding;
  };
  std::vector<float> memory_;
  std::vector<Window> windows_;
};

}  // namespace rwkv

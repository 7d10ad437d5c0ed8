// Sessions, as the bindings share them.
#pragma once

#include "./js.h"
#include "session/session.h"

namespace rwkv {

struct JsSession {
  Session session;
  SamplingOptions options = {};
  int top_logprobs = -1;  // how many of the likeliest tokens each step tells; -1: no log probabilities at all
};

// Of an array of sessions. Errors: kOutOfMemory.
inline Result<std::vector<Session*>> sessions_of(const val& array) {
  const auto count = uint64_t(array["length"].as<double>());
  if (const Status room = require_room(sizeof(Session*) * count, "a pass"); !room) return room.error();
  std::vector<Session*> sessions;
  sessions.reserve(size_t(count));
  for (const val& js : array)
    sessions.push_back(&js.as<JsSession*>(emscripten::allow_raw_pointers())->session);
  return sessions;
}

// What computes with a model: running.cpp, or gpu.cpp.
std::string kernels_of(const Model& model);

}  // namespace rwkv

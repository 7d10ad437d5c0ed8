// Results do not depend on the number of threads, bit for bit.
#include "threads.h"

#include "model/oracle.h"
#include "reference.h"

using namespace rwkv;

namespace {

// The shortest ranges: every loop of a tiny model is shared.
constexpr double kShort = 1e-3;

// What `compute` gives on 1, 2 and 3 threads, twice each: helpers come early or late.
template <class F>
void check_threads(F compute) {
  const auto alone = compute();
  for (const int threads : {2, 3})
    for (const double least_ns : {kShort, Pool::kLeastNs}) {
      const Threads helpers(threads, least_ns);
      INFO(threads << " threads, ranges of " << least_ns << " ns");
      for (int i = 0; i < 2; ++i) CHECK(compute() == alone);
    }
}

}  // namespace

TEST_CASE("logits are the same on 1, 2 and 3 threads, for each version, format and chunk") {
  for (const auto& [name, quantization] : oracles_in_formats()) {
    const Oracle oracle = load_oracle(name, quantization);
    const std::vector<Token> tokens(oracle.tokens.begin(), oracle.tokens.begin() + 7);
    for (const size_t chunk : {1, 7}) {
      INFO(name << " " << quantization_name(quantization) << " in chunks of " << chunk);
      check_threads([&] { return read_all(oracle.model, tokens, chunk); });
    }
  }
}

TEST_CASE("large products are the same on 1, 2 and 3 threads") {
  Arena arena;
  for (const Quantization format : kQuantizations)
    for (const int R : {1, 6}) {
      const int M = 1003, K = 256;
      Matrix W = make_matrix(format, M, K);
      for (int group = 0; group * kGroup < M; ++group)
        pack_group(W, group, reference::random_floats(size_t(kGroup) * K, -1, 1, unsigned(group)).data());
      auto x = reference::random_floats(size_t(R) * K, -1, 1, 7);
      INFO(quantization_name(format) << " R " << R);
      check_threads([&] {
        std::vector<float> y(size_t(R) * M);
        matmul(W, {x.data(), R, K}, {y.data(), R, M}, arena);
        return y;
      });
    }
}

TEST_CASE("recurrences are the same on 1, 2 and 3 threads") {
  const int T = 5, H = 6, N = 64, C = H * N;
  std::vector<std::vector<float>> values;
  for (unsigned seed = 0; seed < 7; ++seed)
    values.push_back(reference::random_floats(size_t(T) * C, 0.1f, 0.9f, seed));
  const auto rows = [&](size_t i) { return Rows{values[i].data(), T, C}; };
  const Vector w = reference::random_floats(C, -3, 0, 8), u = reference::random_floats(C, -1, 1, 9);
  const auto after = [&](size_t state_size, auto run) {
    return [=] {
      std::vector<float> all(state_size + size_t(T) * C);  // the state, then y
      run(all.data(), Rows{all.data() + state_size, T, C});
      return all;
    };
  };
  check_threads(after(3 * C, [&](float* S, Rows y) { wkv4(rows(0), rows(1), rows(2), w, u, S, y); }));
  check_threads(
      after(size_t(C) * N, [&](float* S, Rows y) { wkv6(rows(0), rows(1), rows(2), rows(3), u, H, S, y); }));
  check_threads(after(size_t(C) * N, [&](float* S, Rows y) {
    wkv7(rows(0), rows(1), rows(2), rows(3), rows(4), rows(5), H, S, y);
  }));
}

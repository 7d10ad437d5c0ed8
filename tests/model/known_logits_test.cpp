// The logits of tests/web/known-logits.ts, which Node and browsers give: the core itself gives the same bits, natively too, for
// nothing is contracted there. Relaxed SIMD alone has products and sums that round once.
#if !defined(__wasm_relaxed_simd__)

#include "model/oracle.h"
#include "sha256.h"

#if !defined(__EMSCRIPTEN__) || defined(__wasm_atomics__)
#include "threads.h"
#define RWKV_TEST_THREADS
#endif

namespace rwkv {
namespace {

struct Known {
  std::string source = text_of(read_file(fixture("../web/known-logits.ts")));

  // What stands between quotes behind `name`.
  std::string value(std::string_view name) const {
    const size_t at = source.find(name);
    REQUIRE(at != std::string::npos);
    const size_t begin = source.find('\'', at) + 1;
    return source.substr(begin, source.find('\'', begin) - begin);
  }
  std::vector<Token> tokens() const {
    std::vector<Token> tokens;
    const std::string text = value("knownText = ");
    for (int i = 0; i < 4; ++i) tokens.insert(tokens.end(), text.begin(), text.end());
    return tokens;
  }
};

std::string sum_of_last(const std::vector<float>& logits, const Model& model) {
  return sha256(std::as_bytes(std::span(logits).last(size_t(model.config.vocabulary))));
}

TEST_CASE("SHA-256 gives the standard's sums") {
  CHECK(sha256({}) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(sha256(to_bytes("abc")) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(sha256(to_bytes("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")) ==
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

// That chunks and numbers of threads change nothing: oracle_test.cpp, threads_test.cpp.
TEST_CASE("the logits behind a known text are those of every engine: alone, in a batch and on four threads") {
  const Known known;
  const std::vector<Token> tokens = known.tokens();
  REQUIRE(tokens.size() == 4 * 44);
  for (const Quantization quantization : kQuantizations) {
    const Model model = load_oracle("v7-bf16", quantization).model;
    const std::string name = quantization_name(quantization), expected = known.value("  " + name + ": ");
    CAPTURE(name);
    CHECK(sum_of_last(read_all(model, tokens, 32), model) == expected);

#ifndef __SANITIZE_ADDRESS__  // a hundred times as slow
    const size_t V = size_t(model.config.vocabulary);
    State a(model.config), b(model.config), c(model.config);
    std::vector<float> of_a(V), of_b(V), of_c(V);
    const std::span<const Token> text(tokens);
    const Slice batch[] = {
        {&a, text.first(5), 1, of_a.data()}, {&b, text, 1, of_b.data()}, {&c, text.first(9), 1, of_c.data()}};
    Arena arena;
    forward(model, batch, arena);
    CHECK(sum_of_last(of_b, model) == expected);
#endif
#if defined(RWKV_TEST_THREADS)
    const Threads helpers(4, 1e-3);  // the shortest ranges: every loop of a tiny model is shared
    CHECK(sum_of_last(read_all(model, tokens, 32), model) == expected);
#endif
  }
}

}  // namespace
}  // namespace rwkv

#endif

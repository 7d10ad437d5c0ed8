#include "training/documents.h"

#include <catch_amalgamated.hpp>
#include <map>

#include "memory_budget.h"

using namespace rwkv;

namespace {

using Tokens = std::vector<int32_t>;

// Document d is 100 d, 100 d + 1, ...: a token tells where it is from.
Tokens document(int d, int count) {
  Tokens tokens;
  for (int i = 0; i < count; ++i) tokens.push_back(100 * d + i);
  return tokens;
}

std::vector<Tokens> order_of(Documents& documents, uint64_t seed, uint64_t epoch) {
  std::vector<Tokens> order;
  for (size_t i = 0; i < documents.count(); ++i) {
    const auto tokens = documents.excerpt(seed, epoch, i).tokens;
    order.emplace_back(tokens.begin(), tokens.end());
  }
  return order;
}

}  // namespace

TEST_CASE("every token but a document's first is a target once, and no excerpt crosses a border") {
  for (const int context : {1, 2, 5, 99}) {
    INFO("context " << context);
    auto documents = Documents::start(context, 1000);
    REQUIRE(documents);
    const int sizes[] = {1, 2, 5, 6, 11, 0};
    for (int d = 0; d < 6; ++d) REQUIRE(documents->add(document(d, sizes[d])));
    CHECK(documents->learned_tokens() == 1 + 4 + 5 + 10);
    std::map<int, int> met;
    for (const Tokens& tokens : order_of(*documents, 1, 0)) {
      CHECK(tokens.size() >= 2);
      CHECK(tokens.size() <= size_t(context) + 1);
      for (size_t i = 1; i < tokens.size(); ++i) {
        CHECK(tokens[i] == tokens[i - 1] + 1);
        ++met[tokens[i]];
      }
    }
    CHECK(met.size() == documents->learned_tokens());
    for (const auto& [token, count] : met) CHECK(count == 1);
  }
}

TEST_CASE("a seed decides the order, another epoch has another, each with all excerpts") {
  auto documents = Documents::start(3, 10000);
  REQUIRE(documents);
  for (int d = 0; d < 20; ++d) REQUIRE(documents->add(document(d, 10)));
  const auto order = order_of(*documents, 7, 0);
  CHECK(order_of(*documents, 7, 0) == order);
  for (const auto& [seed, epoch] : {std::pair{7, 1}, {8, 0}}) {
    auto other = order_of(*documents, uint64_t(seed), uint64_t(epoch)), same = order;
    CHECK(other != order);
    std::sort(other.begin(), other.end()), std::sort(same.begin(), same.end());
    CHECK(other == same);
  }
}

TEST_CASE("what is not to be learned is told, and excerpts without anything to learn are left out") {
  auto documents = Documents::start(3, 1000);
  REQUIRE(documents);
  const std::vector<uint8_t> learned{1, 0, 0, 0, 0, 1, 0};
  REQUIRE(documents->add(document(1, 7), learned));
  REQUIRE(documents->count() == 1);
  const Excerpt excerpt = documents->excerpt(0, 0, 0);
  CHECK(Tokens(excerpt.tokens.begin(), excerpt.tokens.end()) == Tokens{103, 104, 105, 106});
  CHECK(std::vector<uint8_t>(excerpt.learned.begin(), excerpt.learned.end()) ==
        std::vector<uint8_t>{0, 1, 0});
  CHECK(documents->learned_tokens() == 1);
}

TEST_CASE("documents that cannot be are refused by name, and nothing is added") {
  CHECK(!Documents::start(0, 5));
  CHECK(!Documents::start(5, 0));
  auto documents = Documents::start(4, 10);
  REQUIRE(documents);
  const auto code = [&](const Tokens& tokens, const std::vector<uint8_t>& learned = {}) {
    const Status added = documents->add(tokens, learned);
    return std::string(added ? "" : error_code(added.error().kind));
  };
  CHECK(code({1, 10}) == "invalid-argument");
  CHECK(code({1, -1}) == "invalid-argument");
  CHECK(code({1, 2, 3}, {1, 1}) == "invalid-argument");
  const Tokens large(1 << 20, 3);
  std::string little;
  {
    const MemoryBudget budget(1 << 20);
    little = code(large);
  }
  CHECK(little == "out-of-memory");
  CHECK(documents->count() == 0);
}

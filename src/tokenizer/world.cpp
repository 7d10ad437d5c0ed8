#include <algorithm>
#include <array>
#include <cassert>

#include "room.h"
#include "tokenizer/strings.h"
#include "tokenizer/tokenizer.h"
#include "tokenizer/vocabulary.h"

namespace rwkv {
namespace {

struct Match {
  Token id = kEndOfText;
  size_t length = 0;
};

// A node for each prefix of each token, breadth first: the children of a node are neighbours in the order of
// their labels (last bytes), and after them come the children of the next node. So one index a node tells
// where its children begin and where those of the node before it end.
class Trie {
 public:
  // REQUIRES: `ids` are those with bytes, at least one, in the order of their bytes, no two with the same; `count` nodes.
  Trie(const Vocabulary& vocabulary, const std::vector<Token>& ids, size_t count);
  // The nodes that it has: each token brings those of its bytes that it does not share with the one before.
  static size_t count(const Vocabulary& vocabulary, const std::vector<Token>& ids);

  // The longest token that `text` begins with; of length 0 where there is none.
  Match longest_match(std::string_view text) const {
    Match best;
    uint32_t node = text.empty() ? kNone : first_[uint8_t(text[0])];
    for (size_t length = 1; node != kNone; ++length) {
      if (nodes_[node].id != kEndOfText) best = {nodes_[node].id, length};
      node = length < text.size() ? child(node, uint8_t(text[length])) : kNone;
    }
    return best;
  }

 private:
  static constexpr uint32_t kNone = 0;  // the root, which is nobody's child

  struct Node {
    uint32_t children;  // the first; the last is before the next node's first
    Token id;           // the token that ends here, or kEndOfText
  };

  uint32_t child(uint32_t node, uint8_t byte) const {
    const auto begin = labels_.begin() + nodes_[node].children;
    const auto end = labels_.begin() + nodes_[node + 1].children;
    const auto found = std::lower_bound(begin, end, byte);
    return found != end && *found == byte ? uint32_t(found - labels_.begin()) : kNone;
  }

  std::vector<Node> nodes_;      // and one more, where the children of the last end
  std::vector<uint8_t> labels_;  // each node's last byte; apart so that a search stays in a cache line or two
  std::array<uint32_t, 256> first_{};  // the root's child for each byte, which every match begins with
};

size_t Trie::count(const Vocabulary& vocabulary, const std::vector<Token>& ids) {
  size_t count = 1;
  std::string_view before;
  for (const Token id : ids) {
    const std::string_view bytes = vocabulary.bytes(id);
    const size_t most = std::min(before.size(), bytes.size());
    const auto differs = std::mismatch(bytes.begin(), bytes.begin() + most, before.begin()).first;
    count += size_t(bytes.end() - differs);
    before = bytes;
  }
  return count;
}

Trie::Trie(const Vocabulary& vocabulary, const std::vector<Token>& ids, size_t count) {
  nodes_.reserve(count + 1);
  labels_.reserve(count);
  // The tokens below a node, a range of `ids`. Those of the nodes of one depth follow one another.
  struct Range {
    uint32_t begin, end;
  };
  std::vector<Range> level = {{0, uint32_t(ids.size())}}, next;
  labels_.push_back(0);
  for (size_t depth = 0; !level.empty(); ++depth, std::swap(level, next)) {
    next.clear();
    for (auto [begin, end] : level) {
      // Of all tokens that go through a node the one that ends there is the shortest, so the first.
      const bool ends = vocabulary.bytes(ids[begin]).size() == depth;
      nodes_.push_back({uint32_t(labels_.size()), ends ? ids[begin++] : kEndOfText});
      while (begin < end) {
        const uint8_t byte = uint8_t(vocabulary.bytes(ids[begin])[depth]);
        Range below = {begin, begin};
        while (below.end < end && uint8_t(vocabulary.bytes(ids[below.end])[depth]) == byte) ++below.end;
        if (depth == 0) first_[byte] = uint32_t(labels_.size());
        labels_.push_back(byte);
        next.push_back(below);
        begin = below.end;
      }
    }
  }
  nodes_.push_back({uint32_t(labels_.size()), kEndOfText});
  assert(labels_.size() == count && nodes_.size() == count + 1);
}

std::string hexadecimal(char byte) {
  constexpr const char* kDigits = "0123456789ABCDEF";
  return {'0', 'x', kDigits[uint8_t(byte) >> 4], kDigits[uint8_t(byte) & 15]};
}

class TrieTokenizer final : public Tokenizer {
 public:
  TrieTokenizer(Vocabulary vocabulary, const std::vector<Token>& ids, size_t nodes)
      : vocabulary_(std::move(vocabulary)), trie_(vocabulary_, ids, nodes) {}

  Status encode(std::string_view text, std::vector<Token>& ids) const override {
    const size_t before = ids.size();
    for (size_t at = 0; at < text.size();) {
      const Match match = trie_.longest_match(text.substr(at));
      if (match.length == 0) {
        ids.resize(before);
        return Error{ErrorKind::kBadVocabulary, "the vocabulary has no token for byte " +
                                                    hexadecimal(text[at]) + ", at byte " +
                                                    std::to_string(at) + " of the text"};
      }
      ids.push_back(match.id);
      at += match.length;
    }
    return Done{};
  }

  std::string_view bytes(Token id) const override { return vocabulary_.bytes(id); }
  int size() const override { return vocabulary_.size(); }

 private:
  Vocabulary vocabulary_;
  Trie trie_;
};

Result<std::unique_ptr<Tokenizer>> make_trie_tokenizer(std::string_view file_name,
                                                       Result<Vocabulary> vocabulary) {
  if (!vocabulary) return vocabulary.error();
  const auto bad = [&](const std::string& what) {
    return Error{ErrorKind::kBadVocabulary, std::string(file_name) + ": " + what};
  };
  const auto bytes = [&](Token id) { return vocabulary->bytes(id); };

  const auto size = uint64_t(vocabulary->size());
  if (const Status room = require_room(sizeof(Token) * size, file_name); !room) return room.error();
  std::vector<Token> ids;
  ids.reserve(size_t(size));
  for (Token id = 0; id < vocabulary->size(); ++id)
    if (!bytes(id).empty()) ids.push_back(id);
  if (ids.empty()) return bad("the vocabulary is empty");
  // By a heap, which is 10 KB of WebAssembly less than std::sort and as fast there.
  const auto precedes = [&](Token a, Token b) { return bytes(a) < bytes(b); };
  std::make_heap(ids.begin(), ids.end(), precedes);
  std::sort_heap(ids.begin(), ids.end(), precedes);
  const auto twin =
      std::adjacent_find(ids.begin(), ids.end(), [&](Token a, Token b) { return bytes(a) == bytes(b); });
  if (twin != ids.end())
    return bad("ids " + std::to_string(std::min(twin[0], twin[1])) + " and " +
               std::to_string(std::max(twin[0], twin[1])) + " have the same bytes");
  const size_t nodes = Trie::count(*vocabulary, ids);
  constexpr uint64_t kBytesOfNode = 9, kBytesOfId = 48;  // of an id: ranges, in vectors that grow
  if (const Status room = require_room(kBytesOfNode * (nodes + 1) + kBytesOfId * ids.size(), file_name);
      !room)
    return room.error();
  return std::unique_ptr<Tokenizer>(std::make_unique<TrieTokenizer>(std::move(*vocabulary), ids, nodes));
}

}  // namespace

Result<std::unique_ptr<Tokenizer>> make_world_tokenizer(std::string_view file_name, std::string_view file) {
  return make_trie_tokenizer(file_name, read_vocabulary(file_name, file));
}

Result<std::unique_ptr<Tokenizer>> make_escaped_tokenizer(std::string_view file_name,
                                                          std::string_view strings, uint64_t count) {
  return make_trie_tokenizer(file_name, read_strings(file_name, strings, count, Spelling::kEscaped));
}

}  // namespace rwkv

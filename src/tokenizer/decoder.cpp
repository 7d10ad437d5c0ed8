#include "tokenizer/strings.h"
#include "tokenizer/tokenizer.h"

namespace rwkv {
namespace {

class Decoder final : public Tokenizer {
 public:
  explicit Decoder(Vocabulary vocabulary) : vocabulary_(std::move(vocabulary)) {}

  Status encode(std::string_view, std::vector<Token>&) const override {
    return Error{ErrorKind::kUnsupported, "this vocabulary turns ids into text, not text into ids"};
  }
  std::string_view bytes(Token id) const override { return vocabulary_.bytes(id); }
  int size() const override { return vocabulary_.size(); }

 private:
  Vocabulary vocabulary_;
};

}  // namespace

Result<std::unique_ptr<Tokenizer>> make_decoder(std::string_view file_name, std::string_view strings,
                                                uint64_t count) {
  Result<Vocabulary> vocabulary = read_strings(file_name, strings, count, Spelling::kPlain);
  if (!vocabulary) return vocabulary.error();
  return std::unique_ptr<Tokenizer>(std::make_unique<Decoder>(std::move(*vocabulary)));
}

}  // namespace rwkv

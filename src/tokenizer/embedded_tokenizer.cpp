#include "tokenizer/embedded_tokenizer.h"

#include "formats/checksums.h"
#include "formats/containers/bytes.h"
#include "tokenizer/vocabulary.h"

namespace rwkv {

Result<std::unique_ptr<Tokenizer>> embedded_tokenizer(const Checkpoint& checkpoint,
                                                      std::vector<std::string>& warnings) {
  const auto& [kind, offset, bytes, count] = checkpoint.vocabulary;
  const Source& source = *checkpoint.source;
  if (kind.empty()) return std::unique_ptr<Tokenizer>();
  if (kind != "rwkv") {
    warnings.push_back(
        source.name() + ": its vocabulary is of kind '" + printable(kind) +
        "', which is not known here: loaded without a tokenizer; the option tokenizer takes its "
        "tokenizer.json");
    return std::unique_ptr<Tokenizer>();
  }
  const auto bad = [&](const std::string& what) {
    return Error{ErrorKind::kBadVocabulary, source.name() + ": " + what};
  };
  if (bytes > kMaxVocabularyBytes)
    return bad("expected a vocabulary of at most " + std::to_string(kMaxVocabularyBytes) + " bytes, found " +
               std::to_string(bytes));
  if (offset > source.size() || bytes > source.size() - offset)
    return bad("its vocabulary lies outside the file");
  const Result<Buffer> strings = read_verified(checkpoint, "the vocabulary", offset, bytes);
  if (!strings) return strings.error();
  return make_escaped_tokenizer(source.name(), as_text(strings->span()), count);
}

}  // namespace rwkv

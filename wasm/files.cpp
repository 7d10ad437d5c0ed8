// A model's file, opened to be loaded here or to a device.
#include "./files.h"
#include "quant/table.h"
#include "session/session.h"
#include "tokenizer/embedded_tokenizer.h"

namespace rwkv {
namespace {

// `null`: none. 'embedded': the file's own, which may be none. 'bytes'. { kind, name, bytes }: a trie file;
// with `count`: a list of so many strings, to decode with.
Result<std::unique_ptr<Tokenizer>> make_tokenizer(const val& vocabulary, const Checkpoint& checkpoint,
                                                  std::vector<std::string>& warnings) {
  if (vocabulary.isNull()) return std::unique_ptr<Tokenizer>();
  if (vocabulary.isString())
    return vocabulary.as<std::string>() == "bytes" ? make_byte_tokenizer()
                                                   : embedded_tokenizer(checkpoint, warnings);
  const auto name = vocabulary["name"].as<std::string>();
  const auto bytes = text_of(vocabulary["bytes"], name.c_str());
  if (!bytes) return bytes.error();
  const val count = vocabulary["count"];
  return count.isNumber() ? make_decoder(name, *bytes, uint64_t(count.as<double>()))
                          : make_world_tokenizer(name, *bytes);
}

}  // namespace

Quantization chosen(const val& asked, const Checkpoint& checkpoint) {
  const std::string name = asked.isNull() ? checkpoint.packed_as : asked.as<std::string>();
  return find_quantization(name).value_or(Quantization::kQ8);
}

Result<std::unique_ptr<OpenModel>> open_model(const val& js_source, const val& lora, const val& vocabulary) {
  auto js = std::make_unique<OpenModel>(js_source, lora.isNull() ? js_source : lora);
  auto checkpoint = open_checkpoint(js->source);
  if (!checkpoint) return checkpoint.error();
  js->checkpoint = std::move(*checkpoint);
  if (!lora.isNull()) {
    const LoraScale scale{lora["alpha"].as<float>(), lora["scale"].as<float>()};
    if (const auto joined = join_lora(js->checkpoint, js->both, scale); !joined) return joined.error();
  }
  auto tokenizer = make_tokenizer(vocabulary, js->checkpoint, js->warnings);
  if (!tokenizer) return tokenizer.error();
  const auto config = detect_config(js->checkpoint);
  if (!config) return config.error();
  const bool is_file = !vocabulary.isNull() && !vocabulary.isString();
  const std::string kind =
      vocabulary.isNull() ? "" : (is_file ? vocabulary["kind"] : vocabulary).as<std::string>();
  const std::string file = is_file              ? vocabulary["name"].as<std::string>()
                           : kind == "embedded" ? js->source.name()
                                                : kind;
  if (const auto fits = check_vocabulary(file, tokenizer->get(), *config); !fits) return fits.error();
  js->result = std::make_unique<LoadedModel>(
      LoadedModel{{}, std::move(*tokenizer), "", js->checkpoint.format, js->checkpoint.sampling});
  if (js->result->tokenizer) js->result->tokenizer_kind = kind;
  return js;
}

val bytes_needed(const Checkpoint& checkpoint, const val& quantization) {
  const auto plan = plan_model(checkpoint, chosen(quantization, checkpoint));
  return plan ? succeed(val(double(plan->bytes))) : fail(plan.error());
}

}  // namespace rwkv

// Packs a model into four bits, looking at what its matrices are multiplied with when it reads a text:
//
//   calibrate MODEL VOCABULARY|bytes TEXT OUT [NAME=q8...] [emb.weight=TYPE]
//     TEXT        documents, each ended by a zero byte, or one: a few hundred kilobytes of what the model is for
//     NAME=q8     matrices with NAME in their names are packed as q8
//     TYPE        of the embedding, in place of Q8_0: Q6_K, say, where rows are whole blocks
//
// For each matrix it tells how large the errors of its products are beside them, in the core's packing and in
// its own. The file is an ordinary packed file (src/formats/packed.md).
#include "formats/block_writer.h"
#include "model/conversion.h"
#include "tools/calibration/calibration.h"

using namespace rwkv;

namespace {

constexpr std::string_view kEmbedding = "emb.weight";

[[noreturn]] void fail(const std::string& message) {
  std::fprintf(stderr, "%s\n", message.c_str());
  std::exit(1);
}

DType find_type(std::string_view name) {
  for (const DTypeRow& row : kDTypes)
    if (row.name == name && row.elements > 1) return row.dtype;
  fail("no type of blocks: " + std::string(name));
}

void write(const Checkpoint& checkpoint, const char* path) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path, "wb"), &std::fclose);
  Conversion conversion = unwrap(Conversion::start(checkpoint, Quantization::kQ4));
  for (;;) {
    const Buffer piece = unwrap(conversion.next());
    if (piece.bytes() == 0) break;
    if (!file || std::fwrite(piece.as<char>(), 1, piece.bytes(), file.get()) != piece.bytes())
      fail(std::string(path) + ": could not be written");
  }
  std::printf("%s: %llu bytes\n", path, static_cast<unsigned long long>(conversion.bytes()));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 5) fail("usage: calibrate MODEL VOCABULARY|bytes TEXT OUT [NAME=q8...] [emb.weight=TYPE]");
  std::vector<std::string> as_q8;
  std::string embedding_type;
  for (const std::string choice : std::span(argv + 5, size_t(argc - 5))) {
    const size_t split = choice.find('=');
    if (split == choice.npos) fail(choice + ": expected NAME=TYPE");
    const std::string name = choice.substr(0, split), type = choice.substr(split + 1);
    if (name == kEmbedding) embedding_type = type;
    else if (type == "q8") as_q8.push_back(name);
    else fail(choice + ": matrices are q4 or q8");
  }
  const Bytes file = read_file(argv[1]), text_file = read_file(argv[3]);
  const MemorySource source(argv[1], file);
  const Checkpoint original = unwrap(open_checkpoint(source));
  const Text text = unwrap(read_text(*open_tokenizer(argv[2]), text_of(text_file)));

  Calibration calibration(original, text.tokens, as_q8);
  calibration.run();
  if (!embedding_type.empty()) {
    const Tensor& tensor = *original.find(kEmbedding);
    const Vector values = unwrap(TensorReader(original, {}).values(tensor));
    const DType type = find_type(embedding_type);
    if (uint64_t(tensor.shape.back()) % block_size(type).elements)
      fail("rows of the embedding are no whole blocks of " + embedding_type);
    calibration.replaced().replace(kEmbedding, type, tensor.shape, encode_as(type, values));
  }
  write(calibration.replaced().checkpoint(), argv[4]);
}

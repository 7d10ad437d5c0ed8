// Writes model files for the tests of the package and for benchmarks:
//
//   write_models FOLDER
//     every oracle, and what is made of them, in every kind of file
//   write_models random LAYERS CHANNELS VOCABULARY OUT
//     a version 7 with random bf16 weights, as a .pth
//   write_models gguf LAYERS CHANNELS VOCABULARY TYPE OUT
//     the same model as GGUF, its matrices in TYPE: F16, Q8_0 or Q4_0, with a vocabulary that llama.cpp takes
#include <cstdio>
#include <cstdlib>

#include "formats/ggml_writer.h"
#include "formats/gguf_tokens.h"
#include "formats/gguf_writer.h"
#include "formats/pth_writer.h"
#include "formats/safetensors_writer.h"
#include "model/random_model.h"
#include "model/tiny_models.h"

using namespace rwkv;

namespace {

void write(const std::string& path, const Bytes& bytes) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "wb"), &std::fclose);
  if (!bytes.empty() && file && std::fwrite(bytes.data(), 1, bytes.size(), file.get()) == bytes.size())
    return;
  std::fprintf(stderr, "%s: could not be written\n", path.c_str());
  std::exit(1);
}

// Every byte is a token of that id, which is what the oracles' vocabularies of 256 ids can be read as.
std::vector<std::string> byte_tokens() {
  std::vector<std::string> tokens = {"<s>"};
  for (int byte = 1; byte < 256; ++byte) tokens.push_back(python_repr(std::string(1, char(byte))));
  return tokens;
}

void write_all(const std::string& folder) {
  const auto path = [&](const std::string& name) { return folder + "/" + name; };
  for (const std::string name : {"v4-bf16", "v52-fp16", "v6-bf16", "v7-bf16"}) {
    const Bytes pth = read_file(fixture("oracle/" + name + ".pth"));
    const MemorySource source(name, pth);
    const auto checkpoint = open_checkpoint(source);
    if (!checkpoint) std::exit(1);
    const Parts parts = read_tensors(*checkpoint);
    write(path(name + ".pth"), pth);
    write(path(name + ".turned.pth"),
          write_pth(parts, {.turned_views = true, .reversed = true, .zip64 = true}));
    write(path(name + ".safetensors"), write_safetensors(parts));
    write(path(name + ".web-rwkv.safetensors"), write_safetensors(in_web_rwkv_style(parts)));
    write(path(name + ".hugging-face.safetensors"),
          write_safetensors(name[1] == '7' ? in_fla_style(parts) : in_hugging_face_style(parts)));
    write(path(name + ".bin"), write_ggml(*checkpoint));
    if (name[1] < '6') continue;
    write(path(name + ".gguf"), write_gguf(*checkpoint, {.tokens = byte_tokens()}));
    for (const auto& [type, dtype] : {std::pair{"f16", DType::kF16}, {"q8_0", DType::kQ8_0}})
      write(path(name + "." + type + ".gguf"), write_gguf(*checkpoint, {.matrices = dtype}));
  }
  const Parts v52 = oracle_parts("v52-fp16"), v7 = oracle_parts("v7-bf16");
  write(path("v50.pth"), write_pth(tiny_50(v52)));
  write(path("v51.pth"), write_pth(tiny_51(v52, false)));
  write(path("v7a.pth"), write_pth(tiny_7a(v7)));
}

// Bytes, then words that name their ids: "[300]". Texts of single bytes have as many tokens as bytes.
std::vector<std::string> numbered_tokens(int size) {
  std::vector<std::string> tokens = byte_tokens();
  for (int id = int(tokens.size()); id < size; ++id) tokens.push_back("[" + std::to_string(id) + "]");
  tokens.resize(size_t(size));
  return tokens;
}

void write_random_gguf(int layers, int64_t C, int V, std::string_view type, const std::string& path) {
  for (const DType dtype : {DType::kF16, DType::kQ8_0, DType::kQ4_0}) {
    if (type != dtype_name(dtype)) continue;
    const Bytes pth = write_pth(random_v7(layers, C, V));
    const MemorySource source("random", pth);
    const auto checkpoint = open_checkpoint(source);
    if (!checkpoint) std::exit(1);
    return write(path, write_gguf(*checkpoint, {.matrices = dtype, .tokens = numbered_tokens(V)}));
  }
  std::fprintf(stderr, "%s: expected F16, Q8_0 or Q4_0\n", std::string(type).c_str());
  std::exit(2);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 2) return write_all(argv[1]), 0;
  if (argc == 6 && std::string(argv[1]) == "random") {
    write(argv[5], write_pth(random_v7(std::atoi(argv[2]), std::atoi(argv[3]), std::atoi(argv[4]))));
    return 0;
  }
  if (argc == 7 && std::string(argv[1]) == "gguf") {
    write_random_gguf(std::atoi(argv[2]), std::atoi(argv[3]), std::atoi(argv[4]), argv[5], argv[6]);
    return 0;
  }
  std::fprintf(stderr,
               "usage: write_models FOLDER\n"
               "       write_models random LAYERS CHANNELS VOCABULARY OUT\n"
               "       write_models gguf LAYERS CHANNELS VOCABULARY F16|Q8_0|Q4_0 OUT\n");
  return 2;
}

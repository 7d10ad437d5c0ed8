#include "formats/containers/bytes.h"
#include "fuzz/model_file.h"
#include "fuzz/reader.h"
#include "fuzz/tiny_models.h"

namespace rwkv::fuzz {
namespace {

Bytes file_of(std::string_view header, uint64_t data_bytes) {
  Bytes file;
  put_le(file, uint64_t{header.size()});
  put(file, header);
  file.resize(file.size() + data_bytes, std::byte{0x30});
  return file;
}

std::vector<Bytes> seeds() {
  std::vector<Bytes> files = {
      file_of(R"({"a":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},"__metadata__":{"x":"y"}} )", 24),
      file_of(R"({"a":{"shape":[],"dtype":"BF16","data_offsets":[0,2]},"b":{"dtype":"F16","shape":[0,7],)"
              R"("data_offsets":[2,2],"c":[{"d":null}]}})",
              2)};
  for (const Version version : {Version::k4, Version::k5_2, Version::k6, Version::k7}) {
    const std::vector<FileTensor> model = tiny_model(version, 8, 2);
    files.push_back(write_safetensors(model));
    files.push_back(write_safetensors(in_web_rwkv_style(model)));
    const auto renamed = version == Version::k7 ? in_fla_style(model) : in_hugging_face_style(model);
    files.push_back(write_safetensors(renamed));
    if (version == Version::k7) files.push_back(write_safetensors(with_joined_mus(renamed)));
  }
  return files;
}

std::string check(std::span<const std::byte> bytes, bool& good) {
  return broken_promise(open_checkpoint, bytes, 8, good);
}

// The same without the header's length and the data: a header that is made into a file here.
std::vector<Bytes> header_seeds() {
  std::vector<Bytes> headers;
  for (const Bytes& file : seeds()) {
    const auto begin = file.begin() + 8;
    headers.emplace_back(begin, begin + ptrdiff_t(load_le<uint64_t>(file.data())));
  }
  return headers;
}

std::string check_header(std::span<const std::byte> bytes, bool& good) {
  return check(file_of(as_text(bytes), 8000), good);
}

}  // namespace

const Reader safetensors = {"safetensors", seeds, check};
const Reader safetensors_header = {"safetensors_header", header_seeds, check_header};

}  // namespace rwkv::fuzz

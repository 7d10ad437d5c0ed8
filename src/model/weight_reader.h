// Reads named tensors with an expected shape, piece by piece. The first error sticks and empties all later
// answers, so that the table of weights reads as a table; ask for it once at the end.
#pragma once

#include <algorithm>
#include <deque>
#include <functional>
#include <optional>
#include <string>

#include "model/layer.h"
#include "model/tensor_reader.h"

namespace rwkv {

// One tensor of a model as it will lie in memory, and in a packed file.
struct PlannedTensor {
  enum class Kind : uint8_t { kVector, kMatrix, kTransposed, kEmbedding } kind;
  std::string name;
  Shape shape;     // as the authors have it
  DType dtype;     // F32 of vectors, a packed type of matrices
  uint64_t bytes;  // in that type
};

// Of the content of a matrix or an embedding: the bytes from `offset` on.
struct WeightPiece {
  const std::byte* place = nullptr;  // where the content would begin; nullptr: no piece
  uint64_t offset = 0;
  Buffer bytes = {};
};

class WeightReader {
 public:
  WeightReader(const Checkpoint& checkpoint, Quantization quantization, LoadProgress progress = {});

  // From now on nothing is read or allocated: answers are empty, and planned() lists what they would have
  // been.
  void plan_only() { plan_only_ = true; }
  const std::vector<PlannedTensor>& planned() const { return planned_; }

  // From now on matrices and embeddings are answered with memory whose content is yet to come: catch_up()
  // brings about `part_bytes` of the file at a time. REQUIRES: the answers are kept until then.
  void defer(uint64_t part_bytes) { deferred_ = true, part_bytes_ = part_bytes; }
  bool is_behind() const { return !contents_.empty(); }
  void catch_up();
  // The same, but matrices and embeddings are answered with a place and no memory: what catch_up() brings is a
  // piece to be taken, at most one at a time.
  void hand_over(uint64_t part_bytes) { defer(part_bytes), make_piece_ = &WeightReader::make_piece; }
  WeightPiece take_piece() { return std::exchange(piece_, {}); }

  const std::optional<Error>& error() const { return error_; }
  uint64_t bytes() const { return bytes_; }  // of memory that the answers take so far, planned or real
  // Makes it an error, unless there was one before.
  void fail(ErrorKind kind, const std::string& what);
  // What a user should know of the weights: values that are not finite.
  const std::vector<std::string>& warnings() const { return warnings_; }
  std::vector<std::string> take_warnings() { return std::move(warnings_); }

  // Names that follow are within this one: "blocks.3.".
  void enter(std::string prefix) { prefix_ = std::move(prefix); }
  bool has(std::string_view name) const { return find(name) != nullptr; }
  // A dimension of a tensor that tells a size no other tensor tells, such as a rank; 0 (and an error) without
  // it.
  int size_of(std::string_view name, size_t dimension);

  // All values of a tensor, in f32. Dimensions of size 1 do not count: (1, 1, C) is (C).
  Vector vector(std::string_view name, const Shape& shape);
  Norm norm(std::string_view name, int width);
  // (rows, cols), in the model's quantization, packed group by group; of a model that a LoRA was joined to
  // (formats/lora.h) "att.key.weight" + "att.key.lora_B" "att.key.lora_A".
  Matrix matrix(std::string_view name, int rows, int cols);
  // A low-rank matrix, which the file holds transposed: (cols, rows).
  Matrix transposed(std::string_view name, int rows, int cols);
  // The same from the values of a tensor (n, cols, rows) that was read as a vector: entry i of n.
  Matrix transposed(const Vector& values, int i, int rows, int cols);
  // (rows, cols), kept row by row: in the file's own type or the one that goes with the model's quantization,
  // whichever is smaller.
  Embedding embedding(std::string_view name, int rows, int cols);

 private:
  // What answers that were given still lack: of `count` rows or bytes those from `next` on, `stripe` at a
  // time, to where each `unit` of them takes `unit_bytes`.
  struct Content {
    uint64_t count, stripe;
    std::byte* place;
    uint64_t unit, unit_bytes;
    std::function<Status(WeightReader& in, uint64_t first, uint64_t count, std::byte* out)> read;
    uint64_t next = 0;

    uint64_t bytes_of(uint64_t n) const { return (n + unit - 1) / unit * unit_bytes; }
  };
  // A piece for so many bytes of it; nullptr (and an error) without memory.
  std::byte* make_piece(const Content& content, uint64_t bytes);
  bool hands_over() const { return make_piece_ != nullptr; }

  // Its bytes as they are, (rows, ...), to a place; `look` at them counts values that are not finite and spoil the matrix.
  using CountNotFinite = size_t (*)(std::span<const std::byte>);
  void fill(const Tensor& tensor, std::byte* place, uint64_t bytes, CountNotFinite look = nullptr,
            bool* is_spoilt = nullptr);
  // Its rows to a place, where each `unit` of them takes `unit_bytes`: encode(row, count, values, out) takes eight
  // or fewer and tells how many values are not finite.
  using EncodeRows = std::function<size_t(int row, int count, float* values, std::byte* out)>;
  void fill_rows(const Tensor& tensor, std::byte* place, uint64_t unit, uint64_t unit_bytes,
                 EncodeRows encode);
  void read_later(Content content);

  const Tensor* find(std::string_view name) const;
  // The tensor under this very shape, if it is there and has it but for dimensions of one; else an error.
  std::optional<Tensor> expect(std::string_view name, const Shape& shape);
  Quantization low_rank_format(int cols) const {
    return format_for(number_format(quantization_).low_rank, cols);
  }
  // What is added to a matrix (M, K): B A, of A (rank, K) and B (M, rank); empty: nothing.
  struct Update {
    Vector A, B;
  };
  Update read_update(std::string_view matrix, int rows, int cols);
  // `view`, which is `tensor` or its transpose, and the update, packed as `format`.
  Matrix pack(PlannedTensor::Kind kind, const Tensor& tensor, const Tensor& view, Quantization format,
              Update update = {});
  void keep(PlannedTensor::Kind kind, const Tensor& tensor, DType dtype, uint64_t bytes);
  // Keeps an error; whether there was none.
  bool accept(const Status& status);
  void warn_of(const Tensor& tensor, size_t not_finite);
  // Fails unless there is room for so many bytes and what no input decides.
  bool has_room_for(uint64_t bytes);

  const Checkpoint& checkpoint_;
  const Quantization quantization_;
  TensorReader tensors_;
  std::string prefix_;
  std::optional<Error> error_;
  bool plan_only_ = false, deferred_ = false;
  uint64_t part_bytes_ = 16 << 20;
  std::deque<Content> contents_;
  WeightPiece piece_;
  // Where pieces are made, if they are: what hands none over links none of it.
  std::byte* (WeightReader::*make_piece_)(const Content&, uint64_t) = nullptr;
  std::vector<PlannedTensor> planned_;
  std::vector<std::string> warnings_;
  uint64_t bytes_ = 0;
};

}  // namespace rwkv

// Checkpoint -> Model: every tensor by its name, with its shape, into its field, normalised so that nothing
// after this knows the file's dialect.
#pragma once

#include "model/model.h"
#include "model/weight_reader.h"

namespace rwkv {

// Reads and packs piece by piece: the peak is the packed model and about a megabyte, or the largest tensor
// that does not lie row by row. The large matrices take `quantization`, the low-rank ones of quantised models
// q8, the vectors f32. Errors: kBadModel and kUnsupported (detect_config; a missing
// tensor, a wrong shape, with name, expected and found), kReadFailed, kOutOfMemory.
Result<Model> load_model(const Checkpoint& checkpoint, Quantization quantization,
                         const LoadProgress& progress = {});

// The same in parts of about `part_bytes` of the file. A caller may do other things between them.
class Loading {
 public:
  static constexpr uint64_t kPartBytes = 16 << 20;
  // The checkpoint must outlive it. Errors: those of detect_config.
  static Result<Loading> start(const Checkpoint& checkpoint, Quantization quantization,
                               LoadProgress progress = {}, uint64_t part_bytes = kPartBytes);
  // Before the first part: matrices and embeddings get a place (Buffer) and no memory. All that is small is read first, and model()
  // is whole but for their content; then next() brings one piece of that at a time, to be taken.
  void hand_over(uint64_t part_bytes) { reader_.hand_over(part_bytes), hands_over_ = true; }
  WeightPiece take_piece() { return reader_.take_piece(); }
  bool is_whole() const;
  const Model& model() const { return model_; }
  // So far, as the model's.
  const std::vector<std::string>& warnings() const { return reader_.warnings(); }
  // Reads the next part; whether there is another. Errors: those of load_model; it is over then.
  Result<bool> next();
  // REQUIRES: next() said that there is nothing more.
  Model finish();

 private:
  Loading(const Checkpoint& checkpoint, const Config& config, Quantization quantization,
          LoadProgress progress, uint64_t part_bytes);

  const Checkpoint* checkpoint_;
  WeightReader reader_;
  Model model_;
  int next_ = 0;
  bool hands_over_ = false;
};

// What loading would give, told from names and shapes alone.
struct ModelPlan {
  Config config;
  uint64_t parameters;
  uint64_t bytes;  // of memory that the weights would take
  std::vector<PlannedTensor> tensors;
};

// Checks all that load_model checks but the weights themselves, which are not read. Errors: its own.
Result<ModelPlan> plan_model(const Checkpoint& checkpoint, Quantization quantization);

}  // namespace rwkv

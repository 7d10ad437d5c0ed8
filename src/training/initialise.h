// A model from scratch: the weights that the authors' trainers begin with (RWKV-LM: __init__ and generate_init_weight
// of RWKV-v4neo, RWKV-v5 and RWKV-v7/train_temp), under their names.
#pragma once

#include "formats/tensor_file.h"
#include "model/config.h"

namespace rwkv {

struct NewModel {
  Version version = Version::k7;  // 4, 5.2, 6 or 7
  int layers = 0, channels = 0, vocabulary = 0;
  int head_size = 64;  // of versions 5 to 7
  int hidden = 0;      // 0: the version's own share of the channels
  uint64_t seed = 0;
};

// Each weight is made when its turn comes: orthogonal ones, as most are, take min(M, K) M K products. The same seed
// gives the same model. Errors: kInvalidArgument (a size that makes no model: which, expected, found), kUnsupported
// (another version), kOutOfMemory, those of TensorFile::start.
Result<TensorFile> new_model_file(const NewModel& wanted, TensorFileFormat format);

}  // namespace rwkv

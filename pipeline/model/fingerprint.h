// Which model a directory holds, as one number: a worker proves with it that it has the head's model before it loads
// what may take minutes, and before one token of another model is served.
//
// Of: the bytes of config.json, and with weights from files those of the weight index: model.safetensors.index.json, or
// the header of model.safetensors. The weights themselves are not read: it tells models apart, it does not prove that
// nobody changed one. XXH3-64 of each, chained.
//
// Errors: kModelLoadFailed, naming the file.
#pragma once

#include <cstdint>
#include <filesystem>

#include "base/error.h"
#include "base/weights_kind.h"

namespace sluice {

// Never 0.
Result<std::uint64_t> model_fingerprint(const std::filesystem::path& model_dir, WeightsKind weights);

}  // namespace sluice

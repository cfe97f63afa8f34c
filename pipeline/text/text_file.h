// Reading the small text files of a model directory.
#pragma once

#include <filesystem>
#include <string>

#include "base/error.h"

namespace sluice {

// The whole file. kModelLoadFailed, naming the path: absent, unreadable, or larger than `bytes_max`.
Result<std::string> read_text_file(const std::filesystem::path& path, std::size_t bytes_max);

}  // namespace sluice

// Where tests find their files.
#pragma once

#include <filesystem>
#include <optional>
#include <string_view>

namespace sluice::test {

// A file or folder of the checkout, by its path from the top: source_path("tests/golden/storyteller-llama.json").
std::filesystem::path source_path(std::string_view relative);

// Material that the project may read but not hold (real tokenizers, traces): it lies in $SLUICE_SHARED, or in `shared`
// beside the checkout. Absent: the test says so with MESSAGE and returns.
std::optional<std::filesystem::path> shared_path(std::string_view relative);

}  // namespace sluice::test

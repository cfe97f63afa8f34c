#include "pipeline/text/text_file.h"

#include <fstream>

namespace sluice {

Result<std::string> read_text_file(const std::filesystem::path& path, std::size_t bytes_max) {
  const auto fail = [&](const std::string& why) {
    return Error{ErrorCode::kModelLoadFailed, path.string() + " " + why};
  };
  std::error_code code;
  if (!std::filesystem::exists(path, code)) return fail("does not exist");
  if (!std::filesystem::is_regular_file(path, code)) return fail("is not a file");
  std::ifstream file(path, std::ios::binary);
  if (!file) return fail("cannot be opened");
  std::string contents;
  std::string chunk(std::size_t{1} << 16, '\0');
  // Read to the end rather than to the size that the directory tells: the file may be changing.
  while (file) {
    file.read(chunk.data(), static_cast<std::streamsize>(chunk.size()));
    contents.append(chunk, 0, static_cast<std::size_t>(file.gcount()));
    if (contents.size() > bytes_max) return fail("is larger than " + std::to_string(bytes_max) + " bytes");
  }
  if (file.bad()) return fail("cannot be read");
  return contents;
}

}  // namespace sluice

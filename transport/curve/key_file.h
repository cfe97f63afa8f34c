// The files that keys lie in, one line each beside comments (lines that begin with '#'):
//
//   NAME.key    secret KEY NAME     mode 0600: whoever has it is NAME
//   NAME.pub    public KEY NAME     for everybody
//
// KEY is 40 characters of Z85; NAME is 1 to 64 of [A-Za-z0-9._-].
// Errors:  kInvalidConfig with "FILE:LINE: sentence", or with the file and the reason of the operating system. No
//          sentence repeats a secret key.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "transport/curve/key.h"

namespace sluice::transport {

inline constexpr std::size_t kKeyFileBytesMax = 4096;

bool is_key_name(std::string_view name);

// A secret key that others than its owner may read or write is refused, as ssh does.
Result<KeyPair> read_key_file(const std::filesystem::path& path);
Result<PublicKey> read_public_key_file(const std::filesystem::path& path);

// Makes NAME.key and NAME.pub; files that exist are not touched.
Result<KeyPair> write_new_key_files(const std::filesystem::path& directory, const std::string& name);
// The one file alone.
Result<void> write_public_key_file(const std::filesystem::path& path, const PublicKey& key, const std::string& name);

// ---- what the allow-list has in common with them --------------------------------------------------------------------

Result<std::string> read_small_file(const std::filesystem::path& path, std::size_t bytes_max);

// The words of each line that is neither empty nor a comment, with the line's number (from 1). Blanks and tabs
// separate; a carriage return at the end of a line is ignored.
struct WordLine {
  std::size_t number = 0;
  std::vector<std::string_view> words;
};
std::vector<WordLine> word_lines(std::string_view text);

Error line_error(const std::string& file_name, std::size_t line, const std::string& sentence);

// What a word that should be a key, but is none, has wrong: without repeating it.
std::string key_complaint(std::string_view word);

}  // namespace sluice::transport

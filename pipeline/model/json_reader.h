// Reads numbers, flags and strings out of one JSON object whose writer is not trusted: each value is checked for its
// type and range, and the first thing that is wrong is remembered, so that a reader of twenty keys checks once.
//
// Owns:   the parsed document.
// Errors: kModelLoadFailed "FILE: KEY: what is wrong".
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/id.h"

namespace sluice {

class JsonReader {
 public:
  // Parses one JSON object; `name` stands for the file in errors.
  static Result<JsonReader> parse(std::string_view text, std::string_view name);

  // Whether the key is there and not null.
  bool has(const char* key) const;
  // Whether the key is there, be it null.
  bool mentions(const char* key) const { return root_.contains(key); }

  // The value of a key, which must be a whole number (a number) in [min, max]. An absent or null key gives `fallback`
  // where there is one, and is an error otherwise. After an error the value is `min`.
  std::uint64_t unsigned_integer(const char* key, std::uint64_t min, std::uint64_t max,
                                 std::optional<std::uint64_t> fallback = std::nullopt);
  float number(const char* key, double min, double max, std::optional<double> fallback = std::nullopt);
  bool flag(const char* key, bool fallback);
  std::string string(const char* key, std::string_view fallback);
  // A token id or a list of them, each below vocab_size and at most `count_max`; absent or null: empty.
  std::vector<TokenId> token_ids(const char* key, std::uint32_t vocab_size, std::size_t count_max);
  // The whole numbers in [min, max] under a key; absent or null: empty.
  std::vector<std::uint64_t> unsigned_integers(const char* key, std::uint64_t min, std::uint64_t max,
                                               std::size_t count_max);
  // The object under a key; empty where the key is absent or null. Its errors are its own.
  std::optional<JsonReader> object(const char* key);
  // The strings under a key; absent or null: empty.
  std::vector<std::string> strings(const char* key, std::size_t count_max);

  // The object of strings under a key; absent or null: empty.
  std::map<std::string, std::string> string_map(const char* key);

  // Remembers an error about a key, unless there is an earlier one.
  void fail(std::string_view key, std::string_view what);
  const std::optional<Error>& error() const { return error_; }

 private:
  JsonReader(nlohmann::json root, std::string name) : root_(std::move(root)), name_(std::move(name)) {}

  std::uint64_t whole_number(const char* key, const nlohmann::json& value, std::uint64_t min, std::uint64_t max);

  nlohmann::json root_;
  std::string name_;
  std::optional<Error> error_;
};

// The bytes of a regular file of at most `bytes_max`; kModelLoadFailed otherwise, naming the file.
Result<std::string> read_small_file(const std::filesystem::path& path, std::size_t bytes_max);

}  // namespace sluice

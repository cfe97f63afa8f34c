#include "pipeline/model/json_reader.h"

#include <cmath>
#include <fstream>
#include <sstream>

#include "base/json_nesting.h"

namespace sluice {
namespace {

// Documents from outside could nest deep enough to overflow the stack of whoever walks or destroys them.
constexpr std::size_t kDepthMax = 32;

std::string shortened(const nlohmann::json& value) {
  // Bytes that are no UTF-8 are replaced: dump would throw otherwise.
  std::string text = value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  constexpr std::size_t kShown = 60;
  if (text.size() > kShown) text = text.substr(0, kShown) + "...";
  return text;
}

std::string shown(double value) {
  std::ostringstream out;
  out << value;
  return out.str();
}

}  // namespace

Result<JsonReader> JsonReader::parse(std::string_view text, std::string_view name) {
  if (json_nesting(text) > kDepthMax) {
    return Error{ErrorCode::kModelLoadFailed,
                 std::string(name) + ": nested deeper than " + std::to_string(kDepthMax) + " levels"};
  }
  auto root = nlohmann::json::parse(text.begin(), text.end(), nullptr, /*allow_exceptions=*/false);
  if (root.is_discarded()) return Error{ErrorCode::kModelLoadFailed, std::string(name) + ": not valid JSON"};
  if (!root.is_object()) return Error{ErrorCode::kModelLoadFailed, std::string(name) + ": not a JSON object"};
  return JsonReader(std::move(root), std::string(name));
}

bool JsonReader::has(const char* key) const {
  const auto it = root_.find(key);
  return it != root_.end() && !it->is_null();
}

std::uint64_t JsonReader::unsigned_integer(const char* key, std::uint64_t min, std::uint64_t max,
                                           std::optional<std::uint64_t> fallback) {
  if (!has(key)) {
    if (fallback.has_value()) return *fallback;
    fail(key, "missing");
    return min;
  }
  return whole_number(key, root_[key], min, max);
}

std::uint64_t JsonReader::whole_number(const char* key, const nlohmann::json& value, std::uint64_t min,
                                       std::uint64_t max) {
  if (value.is_number_unsigned()) {
    const auto number = value.get<std::uint64_t>();
    if (number >= min && number <= max) return number;
  }
  fail(key, shortened(value) + " is no whole number from " + std::to_string(min) + " to " + std::to_string(max));
  return min;
}

std::vector<std::uint64_t> JsonReader::unsigned_integers(const char* key, std::uint64_t min, std::uint64_t max,
                                                         std::size_t count_max) {
  std::vector<std::uint64_t> values;
  if (!has(key)) return values;
  const auto& list = root_[key];
  if (!list.is_array() || list.size() > count_max) {
    fail(key, "is no list of at most " + std::to_string(count_max) + " whole numbers");
    return values;
  }
  for (const auto& item : list) values.push_back(whole_number(key, item, min, max));
  return values;
}

float JsonReader::number(const char* key, double min, double max, std::optional<double> fallback) {
  if (!has(key)) {
    if (!fallback.has_value()) fail(key, "missing");
    return static_cast<float>(fallback.value_or(min));
  }
  const auto& value = root_[key];
  if (value.is_number()) {
    const auto number = value.get<double>();
    if (number >= min && number <= max) return static_cast<float>(number);
  }
  fail(key, shortened(value) + " is no number from " + shown(min) + " to " + shown(max));
  return static_cast<float>(min);
}

bool JsonReader::flag(const char* key, bool fallback) {
  if (!has(key)) return fallback;
  const auto& value = root_[key];
  if (value.is_boolean()) return value.get<bool>();
  fail(key, shortened(value) + " is neither true nor false");
  return fallback;
}

std::string JsonReader::string(const char* key, std::string_view fallback) {
  if (!has(key)) return std::string(fallback);
  const auto& value = root_[key];
  if (value.is_string()) return value.get<std::string>();
  fail(key, shortened(value) + " is no string");
  return std::string(fallback);
}

std::vector<TokenId> JsonReader::token_ids(const char* key, std::uint32_t vocab_size, std::size_t count_max) {
  std::vector<TokenId> ids;
  if (!has(key)) return ids;
  const auto& value = root_[key];
  const auto add = [&](const nlohmann::json& id) {
    if (id.is_number_unsigned() && id.get<std::uint64_t>() < vocab_size) {
      ids.push_back(static_cast<TokenId>(id.get<std::uint64_t>()));
    } else {
      fail(key, shortened(id) + " is no token id below " + std::to_string(vocab_size));
    }
  };
  if (!value.is_array()) {
    add(value);
  } else if (value.size() > count_max) {
    fail(key, "has " + std::to_string(value.size()) + " ids, limit " + std::to_string(count_max));
  } else {
    for (const auto& id : value) add(id);
  }
  return ids;
}

std::optional<JsonReader> JsonReader::object(const char* key) {
  if (!has(key)) return std::nullopt;
  if (root_[key].is_object()) return JsonReader(root_[key], name_ + ": " + key);
  fail(key, shortened(root_[key]) + " is no object");
  return std::nullopt;
}

std::vector<std::string> JsonReader::strings(const char* key, std::size_t count_max) {
  std::vector<std::string> values;
  if (!has(key)) return values;
  const auto& list = root_[key];
  if (!list.is_array() || list.size() > count_max) {
    fail(key, "is no list of at most " + std::to_string(count_max) + " strings");
    return values;
  }
  for (const auto& item : list) {
    if (item.is_string()) {
      values.push_back(item.get<std::string>());
    } else {
      fail(key, shortened(item) + " is no string");
    }
  }
  return values;
}

std::map<std::string, std::string> JsonReader::string_map(const char* key) {
  std::map<std::string, std::string> values;
  if (!has(key)) return values;
  if (!root_[key].is_object()) fail(key, "is no object");
  for (const auto& [name, value] : root_[key].items()) {
    if (value.is_string()) {
      values.emplace(name, value.get<std::string>());
    } else {
      fail(key, shortened(value) + " is no string");
    }
  }
  return values;
}

void JsonReader::fail(std::string_view key, std::string_view what) {
  if (error_.has_value()) return;
  error_ = Error{ErrorCode::kModelLoadFailed, name_ + ": " + std::string(key) + ": " + std::string(what)};
}

Result<std::string> read_small_file(const std::filesystem::path& path, std::size_t bytes_max) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(path, error)) {
    return Error{ErrorCode::kModelLoadFailed, path.string() + ": no such file"};
  }
  const auto size = std::filesystem::file_size(path, error);
  if (error) return Error{ErrorCode::kModelLoadFailed, path.string() + ": " + error.message()};
  if (size > bytes_max) {
    return Error{ErrorCode::kModelLoadFailed,
                 path.string() + ": has " + std::to_string(size) + " bytes, limit " + std::to_string(bytes_max)};
  }
  std::string text(static_cast<std::size_t>(size), '\0');
  std::ifstream in(path, std::ios::binary);
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (!in || static_cast<std::size_t>(in.gcount()) != text.size()) {
    return Error{ErrorCode::kModelLoadFailed, path.string() + ": cannot be read"};
  }
  return text;
}

}  // namespace sluice

// Reading JSON that may be anything: each function checks the type and names the place when it is another.
// nlohmann's exceptions never occur: parsing runs without them, and values are read only after their type was checked.
// Private to this folder's .cpp files.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "pipeline/text/vocabulary.h"

namespace sluice::json_reading {

using Json = nlohmann::json;

inline Error malformed(std::string_view where, std::string_view what) {
  return {ErrorCode::kModelLoadFailed, std::string(where) + " " + std::string(what)};
}

inline Result<Json> parse(std::string_view text, std::string_view name) {
  Json json = Json::parse(text.begin(), text.end(), nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded()) return malformed(name, "is no valid JSON (cut short?)");
  if (!json.is_object()) return malformed(name, "is no JSON object");
  return json;
}

// Null for an absent key and for a null value alike.
inline const Json* find(const Json& object, const char* key) {
  const auto entry = object.find(key);
  return entry == object.end() || entry->is_null() ? nullptr : &*entry;
}

inline Result<void> check_object(const Json& json, std::string_view where) {
  if (!json.is_object()) return malformed(where, "is no JSON object");
  return {};
}

// A key that we do not know may change the meaning of those that we do.
inline Result<void> check_keys(const Json& json, std::string_view where,
                               std::initializer_list<std::string_view> known) {
  if (auto object = check_object(json, where); !object) return object;
  for (const auto& entry : json.items()) {
    bool is_known = false;
    for (const std::string_view key : known) is_known = is_known || key == entry.key();
    if (!is_known) return malformed(where, "has the key " + in_quotes(entry.key()) + ", which is not supported");
  }
  return {};
}

inline Result<bool> bool_or(const Json& object, const char* key, bool absent, std::string_view where) {
  const Json* value = find(object, key);
  if (value == nullptr) return absent;
  if (!value->is_boolean()) return malformed(where, "has a " + in_quotes(key) + " that is neither true nor false");
  return value->get<bool>();
}

inline Result<std::string> string_at(const Json& object, const char* key, std::string_view where) {
  const Json* value = find(object, key);
  if (value == nullptr || !value->is_string()) return malformed(where, "has no string " + in_quotes(key));
  return value->get_ref<const std::string&>();
}

inline std::optional<std::int64_t> as_integer(const Json& value) {
  if (!value.is_number_integer()) return std::nullopt;
  if (value.is_number_unsigned() && value.get<std::uint64_t>() > std::uint64_t{INT64_MAX}) return std::nullopt;
  return value.get<std::int64_t>();
}

}  // namespace sluice::json_reading

// Tables of known keys, and the one loop that reads a table of the file by them: unknown key, wrong type, value out of
// range and missing key are each found, worded and placed here, once for all keys.
//
// A Field<Section> names a key and reads its value into a Section. The makers below cover the usual kinds.
// Errors:  kInvalidConfig with file, line, column, the table and key, the value and what would be allowed.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/error.h"
#include "pipeline/topology/config_document.h"
#include "pipeline/topology/spelling.h"

namespace sluice::topology {

// Where a value stands, for its messages.
struct FieldPlace {
  std::string_view file_name;
  std::string_view table;  // "[ingress]", "[[stage]]"; empty: top level.
  std::string_view key;

  Error error(Position position, std::string_view sentence) const {
    return config_error(file_name, position, name() + " " + std::string(sentence));
  }
  Error wrong_type(const ConfigNode& node, std::string_view wanted) const {
    return error(node.position, "takes " + std::string(wanted) + ", not " + std::string(kind_of(node)));
  }
  std::string name() const { return table.empty() ? in_quotes(key) : std::string(table) + " " + std::string(key); }
};

template <class Section>
struct Field {
  enum class Need : std::uint8_t { kOptional, kRequired };

  std::string_view key;
  std::function<Result<void>(const FieldPlace&, const ConfigNode&, Section&)> read;
  Need need = Need::kOptional;

  Field required() && {
    need = Need::kRequired;
    return std::move(*this);
  }
};

// Reads every entry of a table; `table` is its name for messages.
template <class Section>
Result<void> read_table(std::string_view file_name, std::string_view table, const ConfigNode& node,
                        const std::vector<Field<Section>>& fields, Section& section) {
  const std::string where = table.empty() ? "the file" : std::string(table);
  const auto* entries = node.get<ConfigNode::Table>();
  if (entries == nullptr) {
    return config_error(file_name, node.position, where + " takes a table, not " + std::string(kind_of(node)));
  }
  std::set<std::string_view> seen;
  for (const ConfigEntry& entry : *entries) {
    const Field<Section>* known = nullptr;
    std::vector<std::string_view> names;
    for (const Field<Section>& field : fields) {
      names.push_back(field.key);
      if (field.key == entry.key) known = &field;
    }
    if (known == nullptr) {
      return config_error(file_name, entry.position,
                          "unknown key " + in_quotes(entry.key) + " in " + where + "; the nearest known key is " +
                              in_quotes(nearest_name(entry.key, names)));
    }
    seen.insert(known->key);
    Result<void> read = known->read({file_name, table, known->key}, entry.value, section);
    if (!read.ok()) return read;
  }
  for (const Field<Section>& field : fields) {
    if (field.need == Field<Section>::Need::kRequired && !seen.contains(field.key)) {
      return config_error(file_name, node.position, where + " lacks " + in_quotes(field.key));
    }
  }
  return {};
}

// A whole number of [min, max].
template <class Section, class Number>
Field<Section> whole_number(std::string_view key, Number Section::*member, std::type_identity_t<Number> min,
                            std::type_identity_t<Number> max) {
  return {
      key, [=](const FieldPlace& place, const ConfigNode& node, Section& section) -> Result<void> {
        const auto* value = node.get<std::int64_t>();
        if (value == nullptr) return place.wrong_type(node, "a whole number");
        if (!std::in_range<Number>(*value) || static_cast<Number>(*value) < min || static_cast<Number>(*value) > max) {
          return place.error(node.position, "is " + std::to_string(*value) + ", allowed are " + std::to_string(min) +
                                                " to " + std::to_string(max));
        }
        section.*member = static_cast<Number>(*value);
        return {};
      }};
}

// "512MiB", "2GiB", or a whole number of bytes. Absent: not a size, or beyond 64 bits.
std::optional<std::uint64_t> parse_size_bytes(std::string_view text);
// "512MiB": the largest unit that divides it.
std::string size_to_string(std::uint64_t bytes);

template <class Section, class Number>
Field<Section> size_in_bytes(std::string_view key, Number Section::*member, std::type_identity_t<Number> min,
                             std::type_identity_t<Number> max) {
  return {key, [=](const FieldPlace& place, const ConfigNode& node, Section& section) -> Result<void> {
            std::optional<std::uint64_t> bytes;
            if (const auto* text = node.get<std::string>()) {
              bytes = parse_size_bytes(*text);
              if (!bytes)
                return place.error(node.position, "is " + in_quotes(*text) + ", not a size such as '512MiB' or '2GiB'");
            } else if (const auto* number = node.get<std::int64_t>()) {
              if (*number >= 0) bytes = static_cast<std::uint64_t>(*number);
            } else {
              return place.wrong_type(node, "a size such as \"512MiB\"");
            }
            if (!bytes || *bytes < min || *bytes > max) {
              return place.error(node.position, "is " + (bytes ? size_to_string(*bytes) : std::string("negative")) +
                                                    ", allowed are " + size_to_string(min) + " to " +
                                                    size_to_string(max));
            }
            section.*member = static_cast<Number>(*bytes);
            return {};
          }};
}

// One of several names. A name without a value is known, and refused as not supported yet.
template <class Value>
struct Choice {
  std::string_view name;
  std::optional<Value> value;
};

template <class Section, class Value>
Field<Section> choice(std::string_view key, Value Section::*member, std::vector<Choice<Value>> choices) {
  return {key, [=](const FieldPlace& place, const ConfigNode& node, Section& section) -> Result<void> {
            const auto* text = node.get<std::string>();
            if (text == nullptr) return place.wrong_type(node, "a string");
            std::vector<std::string_view> names;
            for (const Choice<Value>& known : choices) {
              names.push_back(known.name);
              if (known.name != *text) continue;
              if (!known.value) return place.error(node.position, in_quotes(*text) + " is not supported yet");
              section.*member = *known.value;
              return {};
            }
            return place.error(node.position, "has the unknown value " + in_quotes(*text) +
                                                  "; the nearest known one is " +
                                                  in_quotes(nearest_name(*text, names)));
          }};
}

// A string that `complaint` has nothing to say about: it returns what is wrong ("is empty"), or nothing.
template <class Section>
Field<Section> text(std::string_view key, std::string Section::*member,
                    std::optional<std::string> (*complaint)(std::string_view)) {
  return {key, [=](const FieldPlace& place, const ConfigNode& node, Section& section) -> Result<void> {
            const auto* value = node.get<std::string>();
            if (value == nullptr) return place.wrong_type(node, "a string");
            if (const std::optional<std::string> wrong = complaint(*value)) return place.error(node.position, *wrong);
            section.*member = *value;
            return {};
          }};
}

// A truth value; the one that is not `supported`, if given, is refused as not supported yet.
template <class Section>
Field<Section> truth(std::string_view key, bool Section::*member, std::optional<bool> supported = std::nullopt) {
  return {key, [=](const FieldPlace& place, const ConfigNode& node, Section& section) -> Result<void> {
            const auto* value = node.get<bool>();
            if (value == nullptr) return place.wrong_type(node, "true or false");
            if (supported && *value != *supported) {
              return place.error(node.position, std::string(*value ? "true" : "false") + " is not supported yet");
            }
            section.*member = *value;
            return {};
          }};
}

// A key that the design knows and the engine does not do yet.
template <class Section>
Field<Section> unsupported(std::string_view key, std::string_view name) {
  return {key, [=](const FieldPlace& place, const ConfigNode& node, Section&) -> Result<void> {
            return config_error(place.file_name, node.position, std::string(name) + " is not supported yet");
          }};
}

// A table with fields of its own.
template <class Section, class Inner>
Field<Section> table(std::string_view key, std::string_view name, Inner Section::*member,
                     std::vector<Field<Inner>> fields) {
  return {key, [=, fields = std::move(fields)](const FieldPlace& place, const ConfigNode& node, Section& section) {
            return read_table(place.file_name, name, node, fields, section.*member);
          }};
}

}  // namespace sluice::topology

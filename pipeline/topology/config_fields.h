// Makers of fields (config_schema.h) for the usual kinds of values. What a file that leaves the key out gets is what a
// Section has when it is made; each maker takes the documented default from there.
#pragma once

#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/error.h"
#include "pipeline/topology/config_schema.h"
#include "pipeline/topology/value_syntax.h"

namespace sluice::topology {

inline std::string toml_text(std::string_view text) {
  return "\"" + std::string(text) + "\"";
}

// A whole number of [min, max].
template <class Section, std::unsigned_integral Number>
Field<Section> whole_number(std::string_view key, Number Section::*member, std::type_identity_t<Number> min,
                            std::type_identity_t<Number> max) {
  const auto read = [=](const FieldPlace& place, const ConfigNode& node, Section& section) -> Result<void> {
    const auto* value = node.get<std::int64_t>();
    if (value == nullptr) return place.wrong_type(node, "a whole number");
    if (!std::in_range<Number>(*value) || static_cast<Number>(*value) < min || static_cast<Number>(*value) > max) {
      return place.error(node.position, "is " + std::to_string(*value) + ", allowed are " + std::to_string(min) +
                                            " to " + std::to_string(max));
    }
    section.*member = static_cast<Number>(*value);
    return {};
  };
  return {key, read, WholeNumberShape{min, max}, std::to_string(Section{}.*member)};
}

// A number of [min, max], whole or not.
template <class Section>
Field<Section> real_number(std::string_view key, double Section::*member, double min, double max) {
  const auto read = [=](const FieldPlace& place, const ConfigNode& node, Section& section) -> Result<void> {
    const auto* whole = node.get<std::int64_t>();
    const auto* real = node.get<double>();
    if (whole == nullptr && real == nullptr) return place.wrong_type(node, "a number");
    const double value = real != nullptr ? *real : static_cast<double>(*whole);
    if (value >= min && value <= max) {  // Not so if it is none.
      section.*member = value;
      return {};
    }
    return place.error(node.position,
                       "is out of range, allowed are " + std::to_string(min) + " to " + std::to_string(max));
  };
  return {key, read, NumberShape{min, max}, shortest_decimal(Section{}.*member)};
}

template <class Section, class Number>
Field<Section> size_in_bytes(std::string_view key, Number Section::*member, std::type_identity_t<Number> min,
                             std::type_identity_t<Number> max) {
  const auto read = [=](const FieldPlace& place, const ConfigNode& node, Section& section) -> Result<void> {
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
                                            ", allowed are " + size_to_string(min) + " to " + size_to_string(max));
    }
    section.*member = static_cast<Number>(*bytes);
    return {};
  };
  return {key, read, SizeShape{min, max}, toml_text(size_to_string(Section{}.*member))};
}

// One of several names. A name without a value is known, and refused as not supported yet.
template <class Value>
struct Choice {
  std::string_view name;
  std::optional<Value> value;
};

template <class Section, class Value>
Field<Section> choice(std::string_view key, Value Section::*member, std::vector<Choice<Value>> choices) {
  ChoiceShape shape;
  std::string default_value;
  for (const Choice<Value>& known : choices) {
    if (known.value) shape.names.emplace_back(known.name);
    if (known.value == Section{}.*member) default_value = toml_text(known.name);
  }
  const auto read = [=](const FieldPlace& place, const ConfigNode& node, Section& section) -> Result<void> {
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
    return place.unknown_value(node, *text, names);
  };
  return {key, read, std::move(shape), std::move(default_value)};
}

// A string that `complaint` has nothing to say about: it returns what is wrong ("is empty"), or nothing.
template <class Section>
Field<Section> text(std::string_view key, std::string Section::*member,
                    std::optional<std::string> (*complaint)(std::string_view)) {
  const auto read = [=](const FieldPlace& place, const ConfigNode& node, Section& section) -> Result<void> {
    const auto* value = node.get<std::string>();
    if (value == nullptr) return place.wrong_type(node, "a string");
    if (const std::optional<std::string> wrong = complaint(*value)) return place.error(node.position, *wrong);
    section.*member = *value;
    return {};
  };
  return {key, read, TextShape{}, toml_text(Section{}.*member)};
}

// A truth value.
template <class Section>
Field<Section> truth(std::string_view key, bool Section::*member) {
  const auto read = [=](const FieldPlace& place, const ConfigNode& node, Section& section) -> Result<void> {
    const auto* value = node.get<bool>();
    if (value == nullptr) return place.wrong_type(node, "true or false");
    section.*member = *value;
    return {};
  };
  return {key, read, TruthShape{}, Section{}.*member ? "true" : "false"};
}

// A name in a list, and what it sets.
template <class Section>
struct Flag {
  std::string_view name;
  bool Section::*member;
};

// A list of names: sets their flags and clears the others. `if_empty` says what to write in place of an empty list.
template <class Section>
Field<Section> flags(std::string_view key, std::vector<Flag<Section>> known, std::string_view if_empty) {
  TextListShape shape;
  std::string defaults;
  std::string first_two;
  for (const Flag<Section>& flag : known) {
    if (shape.names.size() < 2) first_two += (first_two.empty() ? "" : ", ") + toml_text(flag.name);
    if (Section{}.*flag.member) defaults += (defaults.empty() ? "" : ", ") + toml_text(flag.name);
    shape.names.emplace_back(flag.name);
  }
  const auto read = [=](const FieldPlace& place, const ConfigNode& node, Section& section) -> Result<void> {
    const auto* list = node.get<ConfigNode::Array>();
    if (list == nullptr) return place.wrong_type(node, "a list such as [" + first_two + "]");
    if (list->empty()) return place.error(node.position, "is empty: " + std::string(if_empty));
    for (const Flag<Section>& flag : known) section.*flag.member = false;
    for (const ConfigNode& element : *list) {
      const auto* name = element.get<std::string>();
      if (name == nullptr) return place.wrong_type(element, "strings");
      std::vector<std::string_view> names;
      bool is_known = false;
      for (const Flag<Section>& flag : known) {
        names.push_back(flag.name);
        if (flag.name != *name) continue;
        section.*flag.member = true;
        is_known = true;
      }
      if (!is_known) return place.unknown_value(element, *name, names);
    }
    return {};
  };
  return {key, read, std::move(shape), "[" + defaults + "]"};
}

// A table with fields of its own; `name` is how it is written, "[ingress]".
template <class Section, class Inner>
Field<Section> table(std::string_view key, std::string_view name, Inner Section::*member,
                     std::vector<Field<Inner>> fields) {
  TableShape shape{std::string(name), shapes_of(fields)};
  const auto read = [=, fields = std::move(fields)](const FieldPlace& place, const ConfigNode& node, Section& section) {
    return read_table(place.file_name, name, node, fields, section.*member);
  };
  return {key, read, std::move(shape)};
}

// A list of at most `max` tables, "[[stage]]". An Element has a Position `at`, which is told where its table stands.
template <class Section, class Element>
Field<Section> table_list(std::string_view key, std::string_view name, std::vector<Element> Section::*member,
                          std::size_t max, std::vector<Field<Element>> fields) {
  TableShape shape{std::string(name), shapes_of(fields), max};
  const auto read = [=, fields = std::move(fields)](const FieldPlace& place, const ConfigNode& node,
                                                    Section& section) -> Result<void> {
    const auto* list = node.get<ConfigNode::Array>();
    if (list == nullptr) return place.error(node.position, "takes a list of tables: write " + std::string(name));
    if (list->size() > max) {
      return place.error(node.position, "has " + std::to_string(list->size()) + " " + std::string(key) + "s, limit " +
                                            std::to_string(max));
    }
    for (const ConfigNode& node_of_element : *list) {
      Element element;
      element.at = node_of_element.position;
      Result<void> done = read_table(place.file_name, name, node_of_element, fields, element);
      if (!done.ok()) return done;
      (section.*member).push_back(std::move(element));
    }
    return {};
  };
  return {key, read, std::move(shape)};
}

// `field`, and what is to be said or noted of the value that it has read: check(place, node, section).
template <class Section, class Check>
Field<Section> checked(Field<Section> field, Check check) {
  field.read = [read = std::move(field.read), check = std::move(check)](const FieldPlace& place, const ConfigNode& node,
                                                                        Section& section) -> Result<void> {
    Result<void> done = read(place, node, section);
    return done.ok() ? check(place, node, section) : done;
  };
  return field;
}

}  // namespace sluice::topology

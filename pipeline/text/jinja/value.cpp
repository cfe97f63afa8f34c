#include "pipeline/text/jinja/value.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "pipeline/text/jinja/run.h"

namespace sluice::jinja {

std::optional<Value> Object::attribute(Run&, std::string_view) {
  return std::nullopt;
}

Value Object::call(Run& run, const Arguments&) {
  return run.fail(description(run) + " is not callable");
}

Value Value::undefined(std::string why) {
  return Value(Kind::kUndefined, std::make_shared<const std::string>(std::move(why)));
}

Value Value::of_sequence(Kind kind, std::vector<Value> items) {
  auto sequence = std::make_shared<Sequence>();
  for (const Value& item : items) sequence->depth = std::max(sequence->depth, item.depth() + 1);
  sequence->items = std::move(items);
  return Value(kind, std::shared_ptr<const Sequence>(std::move(sequence)));
}

Value Value::of_range(std::vector<Value> items, std::int64_t start, std::int64_t stop, std::int64_t step) {
  auto sequence = std::make_shared<Sequence>();
  sequence->items = std::move(items);
  sequence->range = {start, stop, step};
  return Value(Kind::kRange, std::shared_ptr<const Sequence>(std::move(sequence)));
}

Value Value::of_failing_iterator(std::string error) {
  auto sequence = std::make_shared<Sequence>();
  sequence->error = std::move(error);
  return Value(Kind::kIterator, std::shared_ptr<const Sequence>(std::move(sequence)));
}

Value Value::of_dict(Dict dict) {
  return Value(Kind::kDict, std::make_shared<const Dict>(std::move(dict)));
}

std::int64_t Value::as_int() const {
  return is(Kind::kBool) ? std::int64_t{as_bool()} : std::get<std::int64_t>(data_);
}

double Value::as_float() const {
  return is(Kind::kFloat) ? std::get<double>(data_) : static_cast<double>(as_int());
}

const std::vector<Value>& Value::items() const {
  return as_sequence().items;
}

std::string Value::why_undefined() const {
  const auto* why = std::get_if<std::shared_ptr<const std::string>>(&data_);
  return why == nullptr ? "a value is undefined" : **why;
}

int Value::depth() const {
  if (is_dict()) return as_dict().depth();
  if (is(Kind::kObject)) return as_object()->depth();
  return is_sequence() ? as_sequence().depth : 0;
}

bool Value::is_same(const Value& other) const {
  return kind_ == other.kind_ && data_ == other.data_;
}

bool Dict::set(Value key, Value value) {
  auto hashed = hash_key(key);
  if (!hashed) return false;
  depth_ = std::max({depth_, key.depth() + 1, value.depth() + 1});
  const auto [place, is_new] = places_.try_emplace(std::move(*hashed), entries_.size());
  if (is_new) {
    entries_.emplace_back(std::move(key), std::move(value));
  } else {
    entries_[place->second].second = std::move(value);
  }
  return true;
}

void Dict::set(const Text& key, Value value) {
  static_cast<void>(set(Value::of_text(key), std::move(value)));
}

void Dict::set(std::string_view key, Value value) {
  set(Text(std::string(key), /*is_trusted=*/true), std::move(value));
}

const Value* Dict::find(const Value& key) const {
  const auto hashed = hash_key(key);
  return hashed ? find_hashed(*hashed) : nullptr;
}

const Value* Dict::find(std::string_view key) const {
  std::string hashed = "s";
  hashed += key;
  return find_hashed(hashed);
}

const Value* Dict::find_hashed(const std::string& hashed) const {
  const auto place = places_.find(hashed);
  return place == places_.end() ? nullptr : &entries_[place->second].second;
}

std::optional<std::string> hash_key(const Value& value) {
  switch (value.kind()) {
    case Kind::kUndefined: return "u";
    case Kind::kNone: return "n";
    case Kind::kBool:
    case Kind::kInt: return "i" + std::to_string(value.as_int());
    case Kind::kFloat: {
      const double number = value.as_float();
      if (number == std::floor(number) && std::abs(number) < 0x1p63) {
        return "i" + std::to_string(static_cast<std::int64_t>(number));
      }
      return "f" + std::to_string(std::bit_cast<std::uint64_t>(number));
    }
    case Kind::kText: return "s" + std::string(value.bytes());
    case Kind::kTuple: {
      std::string hashed = "t";
      for (const Value& item : value.items()) {
        if (item.is(Kind::kTuple)) return std::nullopt;  // One could hold itself many times over.
        const auto part = hash_key(item);
        if (!part) return std::nullopt;
        hashed += std::to_string(part->size()) + ":" + *part;
      }
      return hashed;
    }
    default: return std::nullopt;
  }
}

const Value* Arguments::find(std::string_view name) const {
  for (const auto& [key, value] : named) {
    if (key.bytes() == name) return &value;
  }
  return nullptr;
}

std::string_view type_name(const Value& value) {
  switch (value.kind()) {
    case Kind::kUndefined: return "Undefined";
    case Kind::kNone: return "NoneType";
    case Kind::kBool: return "bool";
    case Kind::kInt: return "int";
    case Kind::kFloat: return "float";
    case Kind::kText: return "str";
    case Kind::kList: return "list";
    case Kind::kTuple: return "tuple";
    case Kind::kRange: return "range";
    case Kind::kKeysView: return "dict_keys";
    case Kind::kValuesView: return "dict_values";
    case Kind::kItemsView: return "dict_items";
    case Kind::kIterator: return "generator";
    case Kind::kDict: return "dict";
    case Kind::kObject: return "object";
  }
  return "object";
}

}  // namespace sluice::jinja

// What the expressions of a template work on: Python's values as far as templates see them.
//
// Lists, tuples and mappings never change once made (the sandbox that Hugging Face renders in forbids it), so values
// share them. Only namespaces change, and what holds a position: iterators, loops.
//
// Thread: a value may be read by any thread unless it is an object or an iterator.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "pipeline/text/jinja/text.h"

namespace sluice::jinja {

enum class Kind : std::uint8_t {
  kUndefined,
  kNone,
  kBool,
  kInt,
  kFloat,
  kText,
  kList,
  kTuple,
  kRange,
  kKeysView,    // d.keys()
  kValuesView,  // d.values()
  kItemsView,   // d.items()
  kIterator,    // What filters such as map give: runs once, has no length.
  kDict,
  kObject,  // Namespaces, loops, and whatever can be called.
};

class Value;
class Run;
class Dict;

struct Arguments;

// What has an identity: namespaces, macros, functions, loops.
class Object {
 public:
  virtual ~Object() = default;

  // As in "<Macro 'x'>", and in errors.
  virtual std::string description(Run& run) const = 0;
  // Absent: it has no such attribute.
  virtual std::optional<Value> attribute(Run& run, std::string_view name);
  virtual bool is_callable() const { return false; }
  // Of the values in it, as Value::depth(). 0 for what is registered with Run, which takes it apart itself.
  virtual int depth() const { return 0; }
  virtual Value call(Run& run, const Arguments& arguments);
  // Drops what it refers to.
  virtual void release() {}
};

struct Sequence;

class Value {
 public:
  Value() = default;  // Undefined.
  static Value undefined(std::string why);
  static Value none() { return Value(Kind::kNone, std::monostate{}); }
  static Value of_bool(bool value) { return Value(Kind::kBool, value); }
  static Value of_int(std::int64_t value) { return Value(Kind::kInt, value); }
  static Value of_float(double value) { return Value(Kind::kFloat, value); }
  static Value of_text(Text text) { return Value(Kind::kText, std::make_shared<const Text>(std::move(text))); }
  static Value of_sequence(Kind kind, std::vector<Value> items);
  static Value of_range(std::vector<Value> items, std::int64_t start, std::int64_t stop, std::int64_t step);
  // An iterator that fails once something is taken from it.
  static Value of_failing_iterator(std::string error);
  static Value of_dict(Dict dict);
  static Value of_object(std::shared_ptr<Object> object) { return Value(Kind::kObject, std::move(object)); }

  Kind kind() const { return kind_; }
  bool is(Kind kind) const { return kind_ == kind; }
  bool is_undefined() const { return kind_ == Kind::kUndefined; }
  bool is_text() const { return kind_ == Kind::kText; }
  bool is_dict() const { return kind_ == Kind::kDict; }
  // An int, as Python counts bools among them.
  bool is_integral() const { return kind_ == Kind::kInt || kind_ == Kind::kBool; }
  bool is_number() const { return is_integral() || kind_ == Kind::kFloat; }
  // Has items in an order: everything from kList to kIterator.
  bool is_sequence() const { return kind_ >= Kind::kList && kind_ <= Kind::kIterator; }

  bool as_bool() const { return std::get<bool>(data_); }
  std::int64_t as_int() const;  // Of an integral value.
  double as_float() const;      // Of a number.
  const Text& as_text() const { return *std::get<std::shared_ptr<const Text>>(data_); }
  std::string_view bytes() const { return as_text().bytes(); }
  const Sequence& as_sequence() const { return *std::get<std::shared_ptr<const Sequence>>(data_); }
  const std::vector<Value>& items() const;
  const Dict& as_dict() const { return *std::get<std::shared_ptr<const Dict>>(data_); }
  const std::shared_ptr<Object>& as_object() const { return std::get<std::shared_ptr<Object>>(data_); }

  // Of an undefined value: "'x' is undefined".
  std::string why_undefined() const;
  // Levels of lists, mappings and objects in it: what is nested without limit could not be freed in bounded stack.
  int depth() const;
  // The same object, or equal scalars: Python's `is`.
  bool is_same(const Value& other) const;

 private:
  using Data = std::variant<std::monostate, bool, std::int64_t, double, std::shared_ptr<const std::string>,
                            std::shared_ptr<const Text>, std::shared_ptr<const Sequence>, std::shared_ptr<const Dict>,
                            std::shared_ptr<Object>>;
  Value(Kind kind, Data data) : kind_(kind), data_(std::move(data)) {}

  Kind kind_ = Kind::kUndefined;
  Data data_;
};

struct Sequence {
  std::vector<Value> items;
  int depth = 1;
  std::array<std::int64_t, 3> range{};  // Of a kRange: start, stop, step.
  mutable std::size_t num_taken = 0;    // Of a kIterator.
  std::string error;                    // Of a kIterator: what whoever takes from it fails with; empty: none.
};

// A mapping in the order of insertion, as Python's.
class Dict {
 public:
  using Entry = std::pair<Value, Value>;
  static constexpr std::size_t kEntryBytes = 2 * sizeof(Entry);

  // False: the key cannot be one (a list, a mapping). A key that is there keeps its place.
  [[nodiscard]] bool set(Value key, Value value);
  void set(const Text& key, Value value);
  void set(std::string_view key, Value value);  // Of a key that is the template's, or ours.

  // Null where it is absent.
  const Value* find(const Value& key) const;
  const Value* find(std::string_view key) const;

  const std::vector<Entry>& entries() const { return entries_; }
  std::size_t size() const { return entries_.size(); }
  int depth() const { return depth_; }

 private:
  const Value* find_hashed(const std::string& hashed) const;

  std::vector<Entry> entries_;
  std::unordered_map<std::string, std::size_t> places_;  // By hash_key().
  int depth_ = 1;
};

// A text that is equal for two values exactly if they are the same key of a mapping: 1, 1.0 and true are one, 1 and '1'
// are not. Absent for what cannot be a key; tuples in tuples are none here.
std::optional<std::string> hash_key(const Value& value);

// What a call passes.
struct Arguments {
  std::vector<Value> positional;
  std::vector<std::pair<Text, Value>> named;  // Texts, for the keys of **mapping may come from outside.

  const Value* find(std::string_view name) const;
};

// Python's name of the type: "str", "dict".
std::string_view type_name(const Value& value);

}  // namespace sluice::jinja

#include "pipeline/text/jinja/methods.h"

#include <algorithm>
#include <array>
#include <span>

#include "pipeline/text/jinja/access.h"
#include "pipeline/text/jinja/comparison.h"
#include "pipeline/text/jinja/operation.h"
#include "pipeline/text/jinja/text_methods.h"

namespace sluice::jinja {
namespace {

class BoundMethod final : public Object {
 public:
  BoundMethod(const Operation& entry, Value self) : entry_(entry), self_(std::move(self)) {}

  std::string description(Run&) const override { return "<method '" + std::string(entry_.name) + "'>"; }
  bool is_callable() const override { return true; }
  int depth() const override { return self_.depth() + 1; }
  Value call(Run& run, const Arguments& arguments) override { return perform(run, entry_, self_, arguments); }

 private:
  const Operation& entry_;
  Value self_;
};

Value keys(Run& run, const Value& self, const Bound&) {
  std::vector<Value> items;
  for (const auto& entry : self.as_dict().entries()) items.push_back(entry.first);
  return run.make_sequence(Kind::kKeysView, std::move(items));
}

Value values(Run& run, const Value& self, const Bound&) {
  std::vector<Value> items;
  for (const auto& entry : self.as_dict().entries()) items.push_back(entry.second);
  return run.make_sequence(Kind::kValuesView, std::move(items));
}

Value items_of(Run& run, const Value& self, const Bound&) {
  std::vector<Value> items;
  for (const auto& [key, value] : self.as_dict().entries()) {
    items.push_back(run.make_sequence(Kind::kTuple, {key, value}));
  }
  return run.make_sequence(Kind::kItemsView, std::move(items));
}

Value get(Run& run, const Value& self, const Bound& arguments) {
  if (!run.allocate_key(arguments[0])) return {};
  if (!hash_key(arguments[0])) return run.fail("unhashable type: '" + std::string(type_name(arguments[0])) + "'");
  if (const Value* found = self.as_dict().find(arguments[0])) return *found;
  return arguments.has(1) ? arguments[1] : Value::none();
}

Value copy(Run&, const Value& self, const Bound&) {
  return self;
}

Value count(Run& run, const Value& self, const Bound& arguments) {
  const auto& items = self.items();
  return Value::of_int(
      std::count_if(items.begin(), items.end(), [&](const Value& item) { return equals(run, item, arguments[0]); }));
}

Value index(Run& run, const Value& self, const Bound& arguments) {
  const auto& items = self.items();
  const auto found =
      std::find_if(items.begin(), items.end(), [&](const Value& item) { return equals(run, item, arguments[0]); });
  if (found == items.end()) return run.fail("the value is not in the list");
  return Value::of_int(found - items.begin());
}

constexpr std::array kDictMethods = {
    Operation{"copy", {{}}, copy},      Operation{"get", {{"key", "default"}, 1}, get},
    Operation{"items", {{}}, items_of}, Operation{"keys", {{}}, keys},
    Operation{"values", {{}}, values},
};
constexpr std::array kListMethods = {
    Operation{"copy", {{}}, copy},
    Operation{"count", {{"value"}, 1}, count},
    Operation{"index", {{"value"}, 1}, index},
};
constexpr std::array kTupleMethods = {
    Operation{"count", {{"value"}, 1}, count},
    Operation{"index", {{"value"}, 1}, index},
};
constexpr std::array<std::string_view, 6> kChangeDict = {"clear", "pop", "popitem", "setdefault", "update", "fromkeys"};
constexpr std::array<std::string_view, 8> kChangeList = {"append", "clear",   "extend", "insert",
                                                         "pop",    "reverse", "remove", "sort"};

std::span<const Operation> methods_of(const Value& value) {
  switch (value.kind()) {
    case Kind::kText: return text_methods();
    case Kind::kDict: return kDictMethods;
    case Kind::kList: return kListMethods;
    case Kind::kTuple: return kTupleMethods;
    default: return {};
  }
}

bool changes(const Value& value, std::string_view name) {
  const auto is_in = [&](const auto& names) { return std::find(names.begin(), names.end(), name) != names.end(); };
  return (value.is_dict() && is_in(kChangeDict)) || (value.is(Kind::kList) && is_in(kChangeList));
}

}  // namespace

std::optional<Value> find_method(Run& run, const Value& self, std::string_view name) {
  if (const Operation* entry = find_operation(methods_of(self), name)) {
    return run.make_object(std::make_shared<BoundMethod>(*entry, self));
  }
  if (!changes(self, name)) return std::nullopt;
  return Value::undefined("'" + std::string(name) + "' would change a " + std::string(type_name(self)) +
                          ", which no template may");
}

}  // namespace sluice::jinja

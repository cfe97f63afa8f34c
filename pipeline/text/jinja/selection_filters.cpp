// map, select, reject, selectattr and rejectattr: filters that apply another filter or a test to each item.
#include <array>
#include <string>

#include "pipeline/text/jinja/access.h"
#include "pipeline/text/jinja/attribute_path.h"
#include "pipeline/text/jinja/code_points.h"
#include "pipeline/text/jinja/comparison.h"
#include "pipeline/text/jinja/filters.h"
#include "pipeline/text/jinja/tests.h"

namespace sluice::jinja {
namespace {

// What is left of the arguments behind the first `num_used`.
Arguments rest_of(const Arguments& arguments, std::size_t num_used) {
  Arguments rest;
  rest.named = arguments.named;
  rest.positional.assign(arguments.positional.begin() + static_cast<std::ptrdiff_t>(num_used),
                         arguments.positional.end());
  return rest;
}

// map(attribute='name', default=...)
Value map_attribute(Run& run, const std::vector<Value>& items, const Arguments& arguments) {
  for (const auto& [name, value] : arguments.named) {
    if (name.bytes() != "attribute" && name.bytes() != "default") {
      return run.fail("map: has no argument '" + beginning_of(name.bytes()) + "'");
    }
  }
  const Value* left_out = arguments.find("default");
  std::vector<Value> mapped;
  for (const Value& item : items) {
    if (run.has_failed()) return {};
    Value found = value_at(run, item, arguments.find("attribute"));
    mapped.push_back(found.is_undefined() && left_out != nullptr ? *left_out : std::move(found));
  }
  return run.make_sequence(Kind::kIterator, std::move(mapped));
}

Value map(Run& run, const Value& subject, const Bound& bound) {
  if (!is_true(subject)) return run.make_sequence(Kind::kIterator, {});  // As jinja2: of none, 0 and such too.
  const auto items = iterate(run, subject);
  if (!items) return {};
  const Arguments& arguments = bound.all();
  if (arguments.positional.empty() && arguments.find("attribute") != nullptr) {
    return map_attribute(run, *items, arguments);
  }
  if (arguments.positional.empty() || !arguments.positional[0].is_text()) {
    return run.fail("map: needs the name of a filter, or an attribute");
  }
  const std::string_view name = arguments.positional[0].bytes();
  const Operation* filter = find_filter(name);
  if (filter == nullptr) return run.fail("unknown filter '" + beginning_of(name) + "'");
  const Run::Level level(run);
  if (!level.is_ok()) return {};
  const Arguments rest = rest_of(arguments, 1);
  std::vector<Value> mapped;
  for (const Value& item : *items) {
    if (!run.step()) return {};
    mapped.push_back(perform(run, *filter, item, rest));
  }
  return run.make_sequence(Kind::kIterator, std::move(mapped));
}

// The first argument of selectattr is the attribute; the next of both is the test's name, without one truth counts.
template <bool kKeeps, bool kByAttribute>
Value select(Run& run, const Value& subject, const Bound& bound) {
  if (!is_true(subject)) return run.make_sequence(Kind::kIterator, {});  // As jinja2: of none, 0 and such too.
  const auto items = iterate(run, subject);
  if (!items) return {};
  const Arguments& arguments = bound.all();
  constexpr std::size_t kTestAt = kByAttribute ? 1 : 0;
  if (arguments.positional.size() < kTestAt) return run.fail("needs the name of an attribute");
  const Value* attribute = kByAttribute ? &arguments.positional[0] : nullptr;
  const Operation* test = nullptr;
  Arguments rest;
  if (arguments.positional.size() > kTestAt) {
    const Value& name = arguments.positional[kTestAt];
    if (name.is_text()) test = find_test(name.bytes());
    if (test == nullptr) {
      return run.fail("unknown test '" + (name.is_text() ? beginning_of(name.bytes()) : "?") + "'");
    }
    rest = rest_of(arguments, kTestAt + 1);
  }
  std::vector<Value> kept;
  for (const Value& item : *items) {
    if (!run.step()) return {};
    const Value value = value_at(run, item, attribute);
    const bool holds = is_true(test == nullptr ? value : perform(run, *test, value, rest));
    if (holds == kKeeps) kept.push_back(item);
  }
  return run.make_sequence(Kind::kIterator, std::move(kept));
}

constexpr Parameters kAny{{}, 0, true};

constexpr auto kFilters = std::to_array<Operation>({
    {"map", kAny, lazily<map>},
    {"reject", kAny, lazily<select<false, false>>},
    {"rejectattr", kAny, lazily<select<false, true>>},
    {"select", kAny, lazily<select<true, false>>},
    {"selectattr", kAny, lazily<select<true, true>>},
});

}  // namespace

std::span<const Operation> selection_filters() {
  return kFilters;
}

}  // namespace sluice::jinja

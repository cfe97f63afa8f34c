// Filters that take a sequence apart, count it or put it in order.
#include <algorithm>
#include <array>
#include <cmath>

#include "pipeline/text/jinja/access.h"
#include "pipeline/text/jinja/arithmetic.h"
#include "pipeline/text/jinja/attribute_path.h"
#include "pipeline/text/jinja/comparison.h"
#include "pipeline/text/jinja/filters.h"
#include "pipeline/text/jinja/letter_case.h"
#include "pipeline/text/jinja/python_format.h"
#include "pipeline/text/jinja/sorting.h"
#include "pipeline/text/jinja/text_operations.h"

namespace sluice::jinja {
namespace {

Value first(Run& run, const Value& subject, const Bound&) {
  if (subject.is(Kind::kIterator)) {
    const Sequence& sequence = subject.as_sequence();
    if (!sequence.error.empty()) return run.fail_again(sequence.error);
    if (sequence.num_taken == sequence.items.size()) return Value::undefined("No first item, sequence was empty.");
    return sequence.items[sequence.num_taken++];
  }
  const auto items = iterate(run, subject);
  if (!items || items->empty()) return Value::undefined("No first item, sequence was empty.");
  return items->front();
}

Value last(Run& run, const Value& subject, const Bound&) {
  if (subject.is(Kind::kIterator)) return run.fail("'generator' object is not reversible");
  const auto items = iterate(run, subject);
  if (!items || items->empty()) return Value::undefined("No last item, sequence was empty.");
  return items->back();
}

Value length(Run& run, const Value& subject, const Bound&) {
  if (const auto size = length_of(subject)) return Value::of_int(static_cast<std::int64_t>(*size));
  return run.fail("object of type '" + std::string(type_name(subject)) + "' has no len()");
}

Value list(Run& run, const Value& subject, const Bound&) {
  auto items = iterate(run, subject);
  return items ? run.make_sequence(Kind::kList, std::move(*items)) : Value();
}

Value reverse(Run& run, const Value& subject, const Bound&) {
  if (subject.is_text()) return slice_of(run, subject, Value::none(), Value::none(), Value::of_int(-1));
  auto items = iterate(run, subject);
  if (!items) return {};
  std::reverse(items->begin(), items->end());
  return run.make_sequence(subject.is(Kind::kIterator) ? Kind::kList : Kind::kIterator, std::move(*items));
}

Value join_filter(Run& run, const Value& subject, const Bound& arguments) {
  auto items = iterate(run, subject);
  if (!items) return {};
  if (arguments.has(1)) {
    for (Value& item : *items) item = value_at(run, item, arguments.find(1));
  }
  return join(run, arguments.has(0) ? str_of(run, arguments[0]) : Text(), *items);
}

Value items_filter(Run& run, const Value& subject, const Bound&) {
  if (subject.is_undefined()) return run.make_sequence(Kind::kIterator, {});
  if (!subject.is_dict()) return run.fail("items: can only get item pairs from a mapping");
  std::vector<Value> items;
  for (const auto& [key, value] : subject.as_dict().entries()) {
    items.push_back(run.make_sequence(Kind::kTuple, {key, value}));
  }
  return run.make_sequence(Kind::kIterator, std::move(items));
}

Value dictsort(Run& run, const Value& subject, const Bound& arguments) {
  if (!subject.is_dict()) return run.fail("dictsort: not a mapping: '" + std::string(type_name(subject)) + "'");
  const Text* by = arguments.text(run, 1);
  if (by != nullptr && by->bytes() != "key" && by->bytes() != "value") {
    return run.fail("dictsort: by must be 'key' or 'value'");
  }
  const Value place = Value::of_int(by != nullptr && by->bytes() == "value" ? 1 : 0);
  std::vector<Value> items;
  for (const auto& [key, value] : subject.as_dict().entries()) {
    items.push_back(run.make_sequence(Kind::kTuple, {key, value}));
  }
  const Order order{.attribute = &place, .is_case_sensitive = arguments.flag(0, false)};
  sort(run, items, order, arguments.flag(2, false));
  return run.make_sequence(Kind::kList, std::move(items));
}

Value sort_filter(Run& run, const Value& subject, const Bound& arguments) {
  auto items = iterate(run, subject);
  if (!items) return {};
  const Order order{.attribute = arguments.find(2), .is_case_sensitive = arguments.flag(1, false), .is_list = true};
  sort(run, *items, order, arguments.flag(0, false));
  return run.make_sequence(Kind::kList, std::move(*items));
}

Value unique(Run& run, const Value& subject, const Bound& arguments) {
  const auto items = iterate(run, subject);
  if (!items) return {};
  const Order order{.attribute = arguments.find(1), .is_case_sensitive = arguments.flag(0, false)};
  Dict seen;
  std::vector<Value> kept;
  for (const Value& item : *items) {
    const Value key = sort_key(run, item, order);
    const std::size_t num_seen = seen.size();
    if (!run.allocate(Dict::kEntryBytes) || !run.allocate_key(key)) return {};
    if (!seen.set(key, item)) return run.fail("unique: unhashable type: '" + std::string(type_name(key)) + "'");
    if (seen.size() > num_seen) kept.push_back(item);
  }
  return run.make_sequence(Kind::kIterator, std::move(kept));
}

template <int kSign>
Value extreme(Run& run, const Value& subject, const Bound& arguments) {
  const auto items = iterate(run, subject);
  if (!items) return {};
  if (items->empty()) return Value::undefined("No aggregated item, sequence was empty.");
  const Order order{.attribute = arguments.find(1), .is_case_sensitive = arguments.flag(0, false)};
  const Value* best = &items->front();
  Value best_key = sort_key(run, *best, order);
  for (std::size_t i = 1; i < items->size() && !run.has_failed(); ++i) {
    Value key = sort_key(run, (*items)[i], order);
    if (compare(run, key, best_key) != kSign) continue;
    best = &(*items)[i];
    best_key = std::move(key);
  }
  return *best;
}

Value sum(Run& run, const Value& subject, const Bound& arguments) {
  const auto items = iterate(run, subject);
  if (!items) return {};
  Value total = arguments.has(1) ? arguments[1] : Value::of_int(0);
  if (total.is_text()) return run.fail("sum: cannot sum strings");
  for (const Value& item : *items) {
    if (run.has_failed()) return {};
    total = apply(run, BinaryOperator::kAdd, total, value_at(run, item, arguments.find(0)));
  }
  return total;
}

Value groupby(Run& run, const Value& subject, const Bound& arguments) {
  auto items = iterate(run, subject);
  if (!items) return {};
  const Order order{
      .attribute = &arguments[0], .left_out = arguments.find(1), .is_case_sensitive = arguments.flag(2, false)};
  sort(run, *items, order, /*is_reverse=*/false);
  std::vector<Value> groups;
  for (std::size_t begin = 0; begin < items->size() && !run.has_failed();) {
    const Value key = sort_key(run, (*items)[begin], order);
    std::size_t end = begin + 1;
    while (end < items->size() && equals(run, sort_key(run, (*items)[end], order), key)) ++end;
    std::vector<Value> members(items->begin() + static_cast<std::ptrdiff_t>(begin),
                               items->begin() + static_cast<std::ptrdiff_t>(end));
    // The group is named by its first member's value, in its own case.
    const Order exact{.attribute = &arguments[0], .left_out = arguments.find(1), .is_case_sensitive = true};
    groups.push_back(run.make_sequence(
        Kind::kTuple, {sort_key(run, members.front(), exact), run.make_sequence(Kind::kList, std::move(members))}));
    begin = end;
  }
  return run.make_sequence(Kind::kList, std::move(groups));
}

Value batch(Run& run, const Value& subject, const Bound& arguments) {
  const auto items = iterate(run, subject);
  const std::int64_t size = arguments.integer(run, 0, 1);
  if (!items) return {};
  if (size < 1 || size > kRangeMax) return run.fail("batch: the size must be 1 to " + std::to_string(kRangeMax));
  std::vector<Value> batches;
  std::vector<Value> current;
  for (const Value& item : *items) {
    if (current.size() == static_cast<std::size_t>(size)) {
      batches.push_back(run.make_sequence(Kind::kList, std::move(current)));
      current.clear();
    }
    current.push_back(item);
  }
  if (!current.empty()) {
    if (arguments.has(1) && !arguments[1].is(Kind::kNone)) current.resize(static_cast<std::size_t>(size), arguments[1]);
    batches.push_back(run.make_sequence(Kind::kList, std::move(current)));
  }
  return run.make_sequence(Kind::kIterator, std::move(batches));
}

Value default_filter(Run& run, const Value& subject, const Bound& arguments) {
  const bool is_missing = subject.is_undefined() || (arguments.flag(1, false) && !is_true(subject));
  if (!is_missing) return subject;
  return arguments.has(0) ? arguments[0] : run.make_text({});
}

Value attr(Run& run, const Value& subject, const Bound& arguments) {
  if (!arguments[0].is_text()) return run.fail("attr: the name must be a string");
  // As an attribute only: items of a mapping are not found.
  if (subject.is_dict()) return item_of(run, run.make_dict({}), arguments[0]);
  return attribute_of(run, subject, arguments[0].as_text());
}

constexpr Parameters kNone{{}};
constexpr Parameters kExtreme{{"case_sensitive", "attribute"}};

constexpr auto kFilters = std::to_array<Operation>({
    {"attr", {{"name"}, 1}, attr},
    {"batch", {{"linecount", "fill_with"}, 1}, lazily<batch>},
    {"count", kNone, length},
    {"d", {{"default_value", "boolean"}}, default_filter},
    {"default", {{"default_value", "boolean"}}, default_filter},
    {"dictsort", {{"case_sensitive", "by", "reverse"}}, dictsort},
    {"first", kNone, first},
    {"groupby", {{"attribute", "default", "case_sensitive"}, 1}, groupby},
    {"items", kNone, lazily<items_filter>},
    {"join", {{"d", "attribute"}}, join_filter},
    {"last", kNone, last},
    {"length", kNone, length},
    {"list", kNone, list},
    {"max", kExtreme, extreme<1>},
    {"min", kExtreme, extreme<-1>},
    {"reverse", kNone, reverse},
    {"sort", {{"reverse", "case_sensitive", "attribute"}}, sort_filter},
    {"sum", {{"attribute", "start"}}, sum},
    {"unique", kExtreme, lazily<unique>},
});

}  // namespace

std::span<const Operation> sequence_filters() {
  return kFilters;
}

}  // namespace sluice::jinja

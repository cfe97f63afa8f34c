#include "pipeline/text/jinja/sorting.h"

#include <algorithm>

#include "pipeline/text/jinja/attribute_path.h"
#include "pipeline/text/jinja/comparison.h"
#include "pipeline/text/jinja/letter_case.h"

namespace sluice::jinja {
namespace {

Value in_one_case(Run& run, Value value, const Order& order) {
  if (order.is_case_sensitive || !value.is_text() || !run.step(value.as_text().size())) return value;
  return run.make_text(to_lower(value.as_text()));
}

// "a,b" sorts by a, then by b.
Value several_keys(Run& run, const Value& item, const Order& order) {
  std::vector<Value> keys;
  if (order.attribute == nullptr || !order.attribute->is_text()) {
    keys.push_back(in_one_case(run, value_at(run, item, order.attribute), order));
    return run.make_sequence(Kind::kList, std::move(keys));
  }
  const Text& names = order.attribute->as_text();
  for (std::size_t begin = 0; begin <= names.size() && run.step();) {
    const std::size_t end = std::min(names.bytes().find(',', begin), names.size());
    const Value name = run.make_text(names.slice(begin, end));
    keys.push_back(in_one_case(run, value_at(run, item, &name), order));
    begin = end + 1;
  }
  return run.make_sequence(Kind::kList, std::move(keys));
}

struct Keyed {
  Value key;
  Value item;
};

// std::stable_sort may do anything where the order contradicts itself (NaN, a failed comparison); this does not.
void merge_sort(Run& run, std::vector<Keyed>& items, std::vector<Keyed>& spare, std::size_t begin, std::size_t end,
                bool is_reverse) {
  if (end - begin < 2) return;
  const std::size_t middle = begin + (end - begin) / 2;
  merge_sort(run, items, spare, begin, middle, is_reverse);
  merge_sort(run, items, spare, middle, end, is_reverse);
  std::size_t left = begin;
  std::size_t right = middle;
  for (std::size_t i = begin; i < end; ++i) {
    bool takes_right = left == middle;
    if (left < middle && right < end && !run.has_failed()) {
      takes_right = is_reverse ? compare(run, items[left].key, items[right].key) == -1
                               : compare(run, items[right].key, items[left].key) == -1;
    }
    spare[i] = std::move(items[takes_right ? right++ : left++]);
  }
  std::move(spare.begin() + static_cast<std::ptrdiff_t>(begin), spare.begin() + static_cast<std::ptrdiff_t>(end),
            items.begin() + static_cast<std::ptrdiff_t>(begin));
}

}  // namespace

Value sort_key(Run& run, const Value& item, const Order& order) {
  if (order.is_list) return several_keys(run, item, order);
  Value key = value_at(run, item, order.attribute);
  if (key.is_undefined() && order.left_out != nullptr) key = *order.left_out;
  return in_one_case(run, std::move(key), order);
}

void sort(Run& run, std::vector<Value>& items, const Order& order, bool is_reverse) {
  if (!run.allocate(items.size() * 2 * sizeof(Keyed))) return;
  std::vector<Keyed> keyed;
  keyed.reserve(items.size());
  for (Value& item : items) keyed.push_back({sort_key(run, item, order), item});
  std::vector<Keyed> spare(keyed.size());
  merge_sort(run, keyed, spare, 0, keyed.size(), is_reverse);
  for (std::size_t i = 0; i < items.size(); ++i) items[i] = std::move(keyed[i].item);
}

}  // namespace sluice::jinja

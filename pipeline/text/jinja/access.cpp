#include "pipeline/text/jinja/access.h"

#include <algorithm>

#include "pipeline/text/jinja/code_points.h"
#include "pipeline/text/jinja/methods.h"

namespace sluice::jinja {
namespace {

Value no_such(const Value& value, std::string what) {
  return Value::undefined("'" + std::string(type_name(value)) + " object' has no attribute " + std::move(what));
}

// What value.name finds besides items; absent: nothing.
std::optional<Value> named_member(Run& run, const Value& value, const Text& name) {
  if (value.is(Kind::kObject)) return value.as_object()->attribute(run, name.bytes());
  return find_method(run, value, name.bytes());
}

// An int's place in `size` items, counted from the end where it is negative.
std::optional<std::size_t> place_of(std::int64_t index, std::size_t size) {
  if (index < 0) index += static_cast<std::int64_t>(size);
  if (index < 0 || index >= static_cast<std::int64_t>(size)) return std::nullopt;
  return static_cast<std::size_t>(index);
}

Value character_at(Run& run, const Text& text, std::int64_t index) {
  if (!run.step(text.size())) return {};
  const auto place = place_of(index, text.count_code_points());
  if (!place) return Value::undefined("string index out of range");
  const std::size_t begin = offset_of(text.bytes(), *place);
  std::size_t end = begin;
  next_code_point(text.bytes(), end);
  return run.make_text(text.slice(begin, end));
}

// Absent: there is none.
std::optional<Value> own_item(Run& run, const Value& value, const Value& key) {
  if (value.is_dict()) {
    if (!run.allocate_key(key)) return std::nullopt;
    const Value* found = value.as_dict().find(key);
    return found == nullptr ? std::nullopt : std::optional(*found);
  }
  if (!key.is_integral()) return std::nullopt;
  if (value.is_text()) return character_at(run, value.as_text(), key.as_int());
  if (!value.is(Kind::kList) && !value.is(Kind::kTuple) && !value.is(Kind::kRange)) return std::nullopt;
  const auto place = place_of(key.as_int(), value.items().size());
  return place ? std::optional(value.items()[*place]) : std::nullopt;
}

struct SliceBounds {
  std::int64_t start = 0;
  std::int64_t end = 0;
  std::int64_t step = 1;
  std::int64_t count = 0;
};

// As CPython's PySlice_Unpack and PySlice_AdjustIndices.
std::optional<SliceBounds> bounds_of(Run& run, const Value& start, const Value& stop, const Value& step,
                                     std::size_t size) {
  for (const Value* bound : {&start, &stop, &step}) {
    if (bound->is_integral() || bound->is(Kind::kNone)) continue;
    run.fail("slice indices must be integers or None, not " + std::string(type_name(*bound)));
    return std::nullopt;
  }
  const auto length = static_cast<std::int64_t>(size);
  SliceBounds bounds;
  if (step.is_integral()) bounds.step = std::clamp(step.as_int(), -INT64_MAX, INT64_MAX);
  if (bounds.step == 0) {
    run.fail("slice step cannot be zero");
    return std::nullopt;
  }
  const bool is_backward = bounds.step < 0;
  const auto adjusted = [&](const Value& bound, std::int64_t left_out) {
    if (!bound.is_integral()) return left_out;
    std::int64_t place = bound.as_int();
    if (place < 0) place = std::max(place + length, is_backward ? std::int64_t{-1} : std::int64_t{0});
    return std::min(place, is_backward ? length - 1 : length);
  };
  bounds.start = adjusted(start, is_backward ? length - 1 : 0);
  const std::int64_t end = bounds.end = adjusted(stop, is_backward ? -1 : length);
  if (is_backward) {
    if (end < bounds.start) bounds.count = (bounds.start - end - 1) / -bounds.step + 1;
  } else if (bounds.start < end) {
    bounds.count = (end - bounds.start - 1) / bounds.step + 1;
  }
  return bounds;
}

Value slice_of_text(Run& run, const Text& text, const Value& start, const Value& stop, const Value& step) {
  if (!run.step(2 * text.size())) return {};
  const auto bounds = bounds_of(run, start, stop, step, text.count_code_points());
  if (!bounds) return {};
  const auto first = static_cast<std::size_t>(bounds->start);
  if (bounds->count == 0) return run.make_text({});
  if (bounds->step == 1) {
    const std::size_t begin = offset_of(text.bytes(), first);
    const std::size_t size = offset_of(text.bytes().substr(begin), static_cast<std::size_t>(bounds->count));
    return run.make_text(text.slice(begin, begin + size));
  }
  if (!run.allocate(text.size() * sizeof(std::size_t))) return {};
  std::vector<std::size_t> offsets;
  for (std::size_t offset = 0; offset < text.size(); next_code_point(text.bytes(), offset)) offsets.push_back(offset);
  offsets.push_back(text.size());
  Text picked;
  for (std::int64_t i = 0; i < bounds->count; ++i) {
    const auto place = static_cast<std::size_t>(bounds->start + i * bounds->step);
    picked.append(text, offsets[place], offsets[place + 1]);
  }
  return run.make_text(std::move(picked));
}

}  // namespace

Value attribute_of(Run& run, const Value& value, const Text& name) {
  if (value.is_undefined()) return run.fail(value.why_undefined());
  if (auto member = named_member(run, value, name)) return std::move(*member);
  if (value.is_dict()) {
    if (const Value* found = value.as_dict().find(name.bytes())) return *found;
  }
  return no_such(value, "'" + beginning_of(name.bytes()) + "'");
}

Value item_of(Run& run, const Value& value, const Value& key) {
  if (value.is_undefined()) return run.fail(value.why_undefined());
  if (auto item = own_item(run, value, key)) return std::move(*item);
  if (!key.is_text()) return no_such(value, "of type " + std::string(type_name(key)));
  if (auto member = named_member(run, value, key.as_text())) return std::move(*member);
  return no_such(value, "'" + beginning_of(key.bytes()) + "'");
}

Value slice_of(Run& run, const Value& value, const Value& start, const Value& stop, const Value& step) {
  if (value.is_undefined()) return run.fail(value.why_undefined());
  if (value.is_text()) return slice_of_text(run, value.as_text(), start, stop, step);
  if (!value.is(Kind::kList) && !value.is(Kind::kTuple) && !value.is(Kind::kRange)) {
    return run.fail("'" + std::string(type_name(value)) + "' cannot be sliced");
  }
  const auto bounds = bounds_of(run, start, stop, step, value.items().size());
  if (!bounds || !run.allocate(static_cast<std::size_t>(bounds->count) * sizeof(Value))) return {};
  std::vector<Value> items;
  for (std::int64_t i = 0; i < bounds->count; ++i) {
    items.push_back(value.items()[static_cast<std::size_t>(bounds->start + i * bounds->step)]);
  }
  if (!value.is(Kind::kRange)) return run.make_sequence(value.kind(), std::move(items));
  const auto& [begin, end, stride] = value.as_sequence().range;
  // Unsigned: the end of a huge step is nobody's, but must not overflow.
  const auto new_step = static_cast<std::uint64_t>(bounds->step) * static_cast<std::uint64_t>(stride);
  const std::uint64_t new_start = static_cast<std::uint64_t>(begin) +
                                  static_cast<std::uint64_t>(bounds->start) * static_cast<std::uint64_t>(stride);
  const std::uint64_t new_stop =
      static_cast<std::uint64_t>(begin) + static_cast<std::uint64_t>(bounds->end) * static_cast<std::uint64_t>(stride);
  return Value::of_range(std::move(items), static_cast<std::int64_t>(new_start), static_cast<std::int64_t>(new_stop),
                         static_cast<std::int64_t>(new_step));
}

std::optional<std::size_t> length_of(const Value& value) {
  switch (value.kind()) {
    case Kind::kUndefined: return 0;
    case Kind::kText: return value.as_text().count_code_points();
    case Kind::kDict: return value.as_dict().size();
    case Kind::kIterator: return std::nullopt;
    default:
      if (!value.is_sequence()) return std::nullopt;
      return value.items().size();
  }
}

bool is_iterable(const Value& value) {
  return value.is_undefined() || value.is_text() || value.is_dict() || value.is_sequence();
}

std::optional<std::vector<Value>> iterate(Run& run, const Value& value) {
  std::vector<Value> items;
  if (value.is_undefined()) return items;
  if (value.is_text()) {
    if (!run.step(value.as_text().size())) return std::nullopt;
    for (std::size_t begin = 0; begin < value.bytes().size() && !run.has_failed();) {
      std::size_t end = begin;
      next_code_point(value.bytes(), end);
      items.push_back(run.make_text(value.as_text().slice(begin, end)));
      begin = end;
    }
    return items;
  }
  if (value.is_dict()) {
    if (!run.allocate(value.as_dict().size() * sizeof(Value))) return std::nullopt;
    for (const auto& entry : value.as_dict().entries()) items.push_back(entry.first);
    return items;
  }
  if (!value.is_sequence()) {
    run.fail("'" + std::string(type_name(value)) + "' object is not iterable");
    return std::nullopt;
  }
  if (!run.allocate(value.items().size() * sizeof(Value))) return std::nullopt;
  const Sequence& sequence = value.as_sequence();
  if (!value.is(Kind::kIterator)) return sequence.items;
  if (!sequence.error.empty()) {
    run.fail_again(sequence.error);
    return std::nullopt;
  }
  items.assign(sequence.items.begin() + static_cast<std::ptrdiff_t>(sequence.num_taken), sequence.items.end());
  sequence.num_taken = sequence.items.size();
  return items;
}

}  // namespace sluice::jinja

#include "pipeline/text/jinja/comparison.h"

#include <algorithm>
#include <cmath>

#include "pipeline/text/jinja/access.h"
#include "pipeline/text/jinja/code_points.h"

namespace sluice::jinja {
namespace {

int sign_of(auto a, auto b) {
  return a < b ? -1 : a > b ? 1 : 0;
}

// Exact, although a double has fewer digits than an int.
std::optional<int> compare_int_float(std::int64_t a, double b) {
  if (std::isnan(b)) return std::nullopt;
  if (b >= 0x1p63) return -1;
  if (b < -0x1p63) return 1;
  const double whole = std::floor(b);
  const int sign = sign_of(a, static_cast<std::int64_t>(whole));
  return sign != 0 ? sign : b > whole ? -1 : 0;
}

std::optional<int> compare_numbers(const Value& a, const Value& b) {
  if (a.is_integral() && b.is_integral()) return sign_of(a.as_int(), b.as_int());
  if (a.is_integral()) return compare_int_float(a.as_int(), b.as_float());
  if (b.is_integral()) {
    const auto reversed = compare_int_float(b.as_int(), a.as_float());
    if (!reversed) return std::nullopt;
    return -*reversed;
  }
  if (std::isnan(a.as_float()) || std::isnan(b.as_float())) return std::nullopt;
  return sign_of(a.as_float(), b.as_float());
}

bool equal_items(Run& run, const std::vector<Value>& a, const std::vector<Value>& b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (!equals(run, a[i], b[i])) return false;
  }
  return true;
}

bool equal_dicts(Run& run, const Dict& a, const Dict& b) {
  if (a.size() != b.size()) return false;
  for (const auto& [key, value] : a.entries()) {
    const Value* other = b.find(key);
    if (other == nullptr || !equals(run, value, *other)) return false;
  }
  return true;
}

std::optional<int> compare_items(Run& run, const std::vector<Value>& a, const std::vector<Value>& b) {
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    if (!run.step()) return std::nullopt;
    if (!equals(run, a[i], b[i])) return compare(run, a[i], b[i]);
  }
  return sign_of(a.size(), b.size());
}

}  // namespace

bool is_true(const Value& value) {
  switch (value.kind()) {
    case Kind::kUndefined:
    case Kind::kNone: return false;
    case Kind::kBool:
    case Kind::kInt: return value.as_int() != 0;
    case Kind::kFloat: return value.as_float() != 0;
    case Kind::kText: return !value.as_text().empty();
    case Kind::kDict: return value.as_dict().size() != 0;
    case Kind::kIterator:
    case Kind::kObject: return true;
    default: return !value.items().empty();
  }
}

bool equals(Run& run, const Value& a, const Value& b) {
  if (!run.step()) return false;
  if (a.is_number() && b.is_number()) return compare_numbers(a, b) == 0;
  if (a.kind() != b.kind()) return false;
  switch (a.kind()) {
    case Kind::kText:
      return a.as_text().size() == b.as_text().size() && run.step(a.as_text().size()) && a.bytes() == b.bytes();
    case Kind::kList:
    case Kind::kTuple:
    case Kind::kRange: return equal_items(run, a.items(), b.items());
    case Kind::kDict: return equal_dicts(run, a.as_dict(), b.as_dict());
    case Kind::kUndefined:
    case Kind::kNone: return true;
    default: return a.is_same(b);
  }
}

std::optional<int> compare(Run& run, const Value& a, const Value& b) {
  if (!run.step()) return std::nullopt;
  if (a.is_number() && b.is_number()) return compare_numbers(a, b);
  if (a.is_text() && b.is_text()) {
    if (!run.step(std::min(a.as_text().size(), b.as_text().size()))) return std::nullopt;
    return sign_of(a.bytes().compare(b.bytes()), 0);  // The order of UTF-8 is that of code points.
  }
  if (a.kind() == b.kind() && (a.is(Kind::kList) || a.is(Kind::kTuple)))
    return compare_items(run, a.items(), b.items());
  if (a.is_undefined() || b.is_undefined()) {
    run.fail((a.is_undefined() ? a : b).why_undefined());
  } else {
    run.fail("'" + std::string(type_name(a)) + "' and '" + std::string(type_name(b)) + "' have no order");
  }
  return std::nullopt;
}

bool contains(Run& run, const Value& container, const Value& item) {
  if (container.is_text()) {
    if (!item.is_text()) {
      run.fail("'in <string>' requires string as left operand, not " + std::string(type_name(item)));
      return false;
    }
    if (!run.step(container.as_text().size() + item.as_text().size())) return false;
    return find_bytes(container.bytes(), item.bytes()) != std::string_view::npos;
  }
  if (container.is_dict()) {
    if (!run.allocate_key(item)) return false;
    if (!hash_key(item)) run.fail("unhashable type: '" + std::string(type_name(item)) + "'");
    return container.as_dict().find(item) != nullptr;
  }
  const std::optional<std::vector<Value>> items = iterate(run, container);
  if (!items) return false;
  return std::any_of(items->begin(), items->end(), [&](const Value& one) { return equals(run, item, one); });
}

}  // namespace sluice::jinja

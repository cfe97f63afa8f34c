#include "pipeline/text/jinja/tests.h"

#include <array>

#include "pipeline/text/jinja/access.h"
#include "pipeline/text/jinja/arithmetic.h"
#include "pipeline/text/jinja/comparison.h"
#include "pipeline/text/jinja/filters.h"
#include "pipeline/text/jinja/text_methods.h"

namespace sluice::jinja {
namespace {

template <bool (*kHolds)(const Value&)>
Value of_value(Run&, const Value& subject, const Bound&) {
  return Value::of_bool(kHolds(subject));
}

template <Kind kKind>
bool is_of(const Value& value) {
  return value.is(kKind);
}

bool is_defined(const Value& value) {
  return !value.is_undefined();
}

bool is_just_true(const Value& value) {
  return value.is(Kind::kBool) && value.as_bool();
}

bool is_just_false(const Value& value) {
  return value.is(Kind::kBool) && !value.as_bool();
}

bool is_any_number(const Value& value) {
  return value.is_number();
}

// What has a length and items, in name: an undefined value has no item to give.
bool is_indexable(const Value& value) {
  switch (value.kind()) {
    case Kind::kText:
    case Kind::kList:
    case Kind::kTuple:
    case Kind::kRange:
    case Kind::kDict:
    case Kind::kUndefined: return true;  // Of no length.
    default: return false;
  }
}

bool is_callable(const Value& value) {
  return value.is_undefined() || (value.is(Kind::kObject) && value.as_object()->is_callable());
}

bool is_never(const Value&) {
  return false;
}

template <std::int64_t kRemainder>
Value has_parity(Run& run, const Value& subject, const Bound&) {
  const Value remainder = apply(run, BinaryOperator::kModulo, subject, Value::of_int(2));
  return Value::of_bool(equals(run, remainder, Value::of_int(kRemainder)));
}

Value is_divisible(Run& run, const Value& subject, const Bound& arguments) {
  const Value remainder = apply(run, BinaryOperator::kModulo, subject, arguments[0]);
  return Value::of_bool(equals(run, remainder, Value::of_int(0)));
}

Value is_same(Run&, const Value& subject, const Bound& arguments) {
  return Value::of_bool(subject.is_same(arguments[0]));
}

Value is_in(Run& run, const Value& subject, const Bound& arguments) {
  return Value::of_bool(contains(run, arguments[0], subject));
}

template <bool kIsEqual>
Value compares_equal(Run& run, const Value& subject, const Bound& arguments) {
  return Value::of_bool(equals(run, subject, arguments[0]) == kIsEqual);
}

template <int kFirst, int kSecond>
Value compares_as(Run& run, const Value& subject, const Bound& arguments) {
  const auto order = compare(run, subject, arguments[0]);
  return Value::of_bool(order == kFirst || order == kSecond);
}

// As str.islower() and isupper(), of anything's text.
template <bool kIsUpper>
Value is_of_case(Run& run, const Value& subject, const Bound& arguments) {
  const Operation* method = find_operation(text_methods(), kIsUpper ? "isupper" : "islower");
  const Value text = text_of(run, subject);
  return run.has_failed() ? Value() : method->function(run, text, arguments);
}

Value is_filter(Run&, const Value& subject, const Bound&) {
  return Value::of_bool(subject.is_text() && find_filter(subject.bytes()) != nullptr);
}

Value is_test(Run&, const Value& subject, const Bound&) {
  return Value::of_bool(subject.is_text() && find_test(subject.bytes()) != nullptr);
}

constexpr Parameters kNone{{}};
constexpr Parameters kOne{{"other"}, 1};

constexpr auto kTests = std::to_array<Operation>({
    {"!=", kOne, compares_equal<false>},
    {"<", kOne, compares_as<-1, -1>},
    {"<=", kOne, compares_as<-1, 0>},
    {"==", kOne, compares_equal<true>},
    {">", kOne, compares_as<1, 1>},
    {">=", kOne, compares_as<1, 0>},
    {"boolean", kNone, of_value<is_of<Kind::kBool>>},
    {"callable", kNone, of_value<is_callable>},
    {"defined", kNone, of_value<is_defined>},
    {"divisibleby", kOne, is_divisible},
    {"eq", kOne, compares_equal<true>},
    {"equalto", kOne, compares_equal<true>},
    {"escaped", kNone, of_value<is_never>},
    {"even", kNone, has_parity<0>},
    {"false", kNone, of_value<is_just_false>},
    {"filter", kNone, is_filter},
    {"float", kNone, of_value<is_of<Kind::kFloat>>},
    {"ge", kOne, compares_as<1, 0>},
    {"greaterthan", kOne, compares_as<1, 1>},
    {"gt", kOne, compares_as<1, 1>},
    {"in", kOne, is_in},
    {"integer", kNone, of_value<is_of<Kind::kInt>>},
    {"iterable", kNone, of_value<is_iterable>},
    {"le", kOne, compares_as<-1, 0>},
    {"lessthan", kOne, compares_as<-1, -1>},
    {"lower", kNone, is_of_case<false>},
    {"lt", kOne, compares_as<-1, -1>},
    {"mapping", kNone, of_value<is_of<Kind::kDict>>},
    {"ne", kOne, compares_equal<false>},
    {"none", kNone, of_value<is_of<Kind::kNone>>},
    {"number", kNone, of_value<is_any_number>},
    {"odd", kNone, has_parity<1>},
    {"sameas", kOne, is_same},
    {"sequence", kNone, of_value<is_indexable>},
    {"string", kNone, of_value<is_of<Kind::kText>>},
    {"test", kNone, is_test},
    {"true", kNone, of_value<is_just_true>},
    {"undefined", kNone, of_value<is_of<Kind::kUndefined>>},
    {"upper", kNone, is_of_case<true>},
});

}  // namespace

const Operation* find_test(std::string_view name) {
  return find_operation(kTests, name);
}

}  // namespace sluice::jinja

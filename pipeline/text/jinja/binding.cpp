#include "pipeline/text/jinja/binding.h"

#include <algorithm>
#include <string>

#include "pipeline/text/jinja/comparison.h"

namespace sluice::jinja {

bool Bound::flag(std::size_t index, bool left_out) const {
  return has(index) ? is_true((*this)[index]) : left_out;
}

std::int64_t Bound::integer(Run& run, std::size_t index, std::int64_t left_out) const {
  const Value* value = find(index);
  if (value == nullptr || value->is(Kind::kNone)) return left_out;
  if (value->is_integral()) return value->as_int();
  run.fail("an argument must be an integer, not '" + std::string(type_name(*value)) + "'");
  return left_out;
}

const Text* Bound::text(Run& run, std::size_t index) const {
  const Value* value = find(index);
  if (value == nullptr || value->is(Kind::kNone)) return nullptr;
  if (value->is_text()) return &value->as_text();
  run.fail("an argument must be a string, not '" + std::string(type_name(*value)) + "'");
  return nullptr;
}

std::optional<Bound> bind(Run& run, std::string_view callee, const Parameters& parameters, const Arguments& arguments) {
  const auto fail = [&](const std::string& why) {
    run.fail("'" + std::string(callee) + "' " + why);
    return std::nullopt;
  };
  const auto& names = parameters.names;
  const auto names_end = std::find(names.begin(), names.end(), std::string_view());
  std::vector<const Value*> values(static_cast<std::size_t>(names_end - names.begin()));
  if (parameters.takes_any) return Bound(arguments, std::move(values));
  if (arguments.positional.size() > values.size()) {
    return fail("takes at most " + std::to_string(values.size()) + " arguments, got " +
                std::to_string(arguments.positional.size()));
  }
  for (std::size_t i = 0; i < arguments.positional.size(); ++i) values[i] = &arguments.positional[i];
  for (const auto& [name, value] : arguments.named) {
    const auto found = std::find(names.begin(), names_end, name.bytes());
    if (found == names_end) return fail("has no argument '" + std::string(name.bytes()) + "'");
    const Value*& place = values[static_cast<std::size_t>(found - names.begin())];
    if (place != nullptr) return fail("got argument '" + std::string(name.bytes()) + "' twice");
    place = &value;
  }
  for (std::size_t i = 0; i < parameters.num_required; ++i) {
    if (values[i] == nullptr) return fail("needs the argument '" + std::string(names[i]) + "'");
  }
  return Bound(arguments, std::move(values));
}

}  // namespace sluice::jinja

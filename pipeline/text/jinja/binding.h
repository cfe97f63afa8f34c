// A call's arguments matched with the parameters of what is called, as Python does it.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "pipeline/text/jinja/run.h"
#include "pipeline/text/jinja/value.h"

namespace sluice::jinja {

struct Parameters {
  std::array<std::string_view, 6> names{};  // The first empty one ends them.
  std::size_t num_required = 0;
  bool takes_any = false;  // *args and **kwargs: the callee reads Bound::all() itself.
};

class Bound {
 public:
  Bound(const Arguments& all, std::vector<const Value*> values) : all_(all), values_(std::move(values)) {}

  const Arguments& all() const { return all_; }
  bool has(std::size_t index) const { return values_[index] != nullptr; }
  const Value& operator[](std::size_t index) const { return *values_[index]; }
  // Null where it was left out.
  const Value* find(std::size_t index) const { return values_[index]; }

  bool flag(std::size_t index, bool left_out) const;
  // Of an argument left out or none: `left_out`. Anything but an integer fails the rendering.
  std::int64_t integer(Run& run, std::size_t index, std::int64_t left_out) const;
  // Null where left out or none; anything but a text fails the rendering.
  const Text* text(Run& run, std::size_t index) const;

 private:
  const Arguments& all_;
  std::vector<const Value*> values_;
};

// Absent: too many, too few or unknown arguments; the rendering has failed, naming `callee`.
std::optional<Bound> bind(Run& run, std::string_view callee, const Parameters& parameters, const Arguments& arguments);

}  // namespace sluice::jinja

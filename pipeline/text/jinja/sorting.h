// The order that sort, dictsort, unique, min, max and groupby share.
#pragma once

#include <vector>

#include "pipeline/text/jinja/run.h"
#include "pipeline/text/jinja/value.h"

namespace sluice::jinja {

struct Order {
  const Value* attribute = nullptr;  // attribute_path.h
  const Value* left_out = nullptr;   // What counts where the attribute is undefined.
  bool is_case_sensitive = false;
  bool is_list = false;  // Several attributes with commas between; keys are lists then, where none equals none.
};

// What `item` is compared by.
Value sort_key(Run& run, const Value& item, const Order& order);

// Stable, also in reverse.
void sort(Run& run, std::vector<Value>& items, const Order& order, bool is_reverse);

}  // namespace sluice::jinja

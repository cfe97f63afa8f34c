// The methods of Python's str. Everything keeps trust.
#pragma once

#include <span>

#include "pipeline/text/jinja/operation.h"

namespace sluice::jinja {

std::span<const Operation> text_methods();

}  // namespace sluice::jinja

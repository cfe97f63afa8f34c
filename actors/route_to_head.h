// By which of its addresses a host reaches another: where a worker that was not told otherwise binds its stages.
#pragma once

#include <string>

#include "base/error.h"

namespace sluice::actors {

// `endpoint`: "tcp://HOST:PORT". Nothing is sent: the system is asked for the route. An IPv6 address comes in brackets.
// Errors: kInvalidConfig where the name cannot be resolved or there is no route.
Result<std::string> own_address_toward(const std::string& endpoint);

}  // namespace sluice::actors

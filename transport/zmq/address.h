// ZeroMQ addresses, checked before libzmq sees them: inproc://NAME, ipc://PATH, tcp://HOST:PORT.
#pragma once

#include <string_view>

#include "base/error.h"

namespace sluice::transport {

// Errors: kInvalidConfig with the address in the sentence. Refused are: other transports, an empty name, an ipc path
// longer than the system's socket addresses, a tcp address without host or with a port that is none.
Result<void> check_address(std::string_view address);

// As check_address; and a bind that other hosts could reach is refused unless allow_wide_bind.
Result<void> check_bind_address(std::string_view address, bool allow_wide_bind);

bool is_inproc(std::string_view address);
bool is_ipv6(std::string_view address);

// Whether somebody accepts connections at this ipc path. False for other addresses, and for a path whose owner died.
bool is_ipc_path_in_use(std::string_view address);

}  // namespace sluice::transport

// Ctrl-C as a flag that verbs look at, instead of the end of the program.
#pragma once

#include <atomic>

namespace sluice::cli {

// From the first call on, SIGINT and SIGTERM set the flag, system calls that wait return, and a second signal before
// the flag is cleared ends the program at once. The verb clears the flag once it has acted on it.
std::atomic<bool>& interrupt_flag();

}  // namespace sluice::cli

#include "cli/interrupt.h"

#include <unistd.h>
#include <csignal>

#include "cli/verbs.h"

namespace sluice::cli {
namespace {

// A signal has no other way to reach us. Lock-free, hence safe in its function.
std::atomic<bool> interrupted = false;
static_assert(std::atomic<bool>::is_always_lock_free);

void on_signal(int) {
  if (interrupted.exchange(true)) _exit(kExitInterrupted);
}

}  // namespace

std::atomic<bool>& interrupt_flag() {
  static const bool is_installed = [] {
    struct sigaction action {};
    action.sa_handler = on_signal;  // Without SA_RESTART: a read from the terminal has to return.
    return sigaction(SIGINT, &action, nullptr) == 0 && sigaction(SIGTERM, &action, nullptr) == 0;
  }();
  SLUICE_CHECK(is_installed);
  return interrupted;
}

}  // namespace sluice::cli

#include "cli/verbs.h"

#include <iostream>
#include <string>

namespace sluice::cli {

ExitCode exit_code_of(const Error& error) {
  switch (error.code) {
    case ErrorCode::kInvalidConfig:
    case ErrorCode::kModelLoadFailed: return kExitBadConfig;
    case ErrorCode::kOverloaded:
    case ErrorCode::kUnavailable:
    case ErrorCode::kTransportLost:
    case ErrorCode::kStageLost: return kExitUnavailable;
    default: return kExitFailure;
  }
}

ExitCode report(const Error& error) {
  std::cout.flush();
  std::string line = "sluice: " + to_string(error);
  if (is_retryable(error.code) && error.retry_after_ms != 0) {
    line += " (retry after " + std::to_string(error.retry_after_ms) + " ms)";
  }
  // In one piece: other threads, and other processes, log to the same place.
  std::cerr << line + '\n';
  return exit_code_of(error);
}

Duration seconds_of(double seconds) {
  return Duration(static_cast<std::int64_t>(seconds * 1e9));
}

}  // namespace sluice::cli

#include "cli/verbs.h"

#include <iostream>

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
  std::cerr << "sluice: " << to_string(error);
  if (is_retryable(error.code) && error.retry_after_ms != 0)
    std::cerr << " (retry after " << error.retry_after_ms << " ms)";
  std::cerr << '\n';
  return exit_code_of(error);
}

}  // namespace sluice::cli

#include "base/error.h"

namespace sluice {

std::string_view to_string(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidRequest: return "invalid_request";
    case ErrorCode::kPromptTooLong: return "prompt_too_long";
    case ErrorCode::kOverloaded: return "overloaded";
    case ErrorCode::kUnavailable: return "unavailable";
    case ErrorCode::kDeadlineExceeded: return "deadline_exceeded";
    case ErrorCode::kCancelled: return "cancelled";
    case ErrorCode::kOutOfBlocks: return "out_of_blocks";
    case ErrorCode::kModelLoadFailed: return "model_load_failed";
    case ErrorCode::kProtocolViolation: return "protocol_violation";
    case ErrorCode::kTransportLost: return "transport_lost";
    case ErrorCode::kStageLost: return "stage_lost";
    case ErrorCode::kIdConflict: return "id_conflict";
    case ErrorCode::kNotFound: return "not_found";
    case ErrorCode::kInvalidConfig: return "invalid_config";
    case ErrorCode::kAddressInUse: return "address_in_use";
    case ErrorCode::kUnsupportedVersion: return "unsupported_version";
    case ErrorCode::kInternal: return "internal";
  }
  return "unknown";
}

bool is_retryable(ErrorCode code) {
  switch (code) {
    case ErrorCode::kOverloaded:
    case ErrorCode::kUnavailable:
    case ErrorCode::kDeadlineExceeded:
    case ErrorCode::kTransportLost:
    case ErrorCode::kStageLost: return true;
    default: return false;
  }
}

std::string to_string(const Error& error) {
  std::string text(to_string(error.code));
  text += ": ";
  text += error.message;
  return text;
}

}  // namespace sluice

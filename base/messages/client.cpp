#include "base/messages/client.h"

#include <algorithm>

namespace sluice {

bool is_chat_role(std::string_view role) {
  const auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  };
  return !role.empty() && role.size() <= 64 && std::all_of(role.begin(), role.end(), fits);
}

std::string_view to_string(FinishReason reason) {
  switch (reason) {
    case FinishReason::kStop: return "stop";
    case FinishReason::kLength: return "length";
    case FinishReason::kCancelled: return "cancelled";
    case FinishReason::kDeadline: return "deadline";
  }
  return "unknown";
}

std::string_view to_string(TraceKind kind) {
  switch (kind) {
    case TraceKind::kOther: return "other";
    case TraceKind::kAdmission: return "admission";
    case TraceKind::kTokenize: return "tokenize";
    case TraceKind::kQueue: return "queue";
    case TraceKind::kPrefill: return "prefill";
    case TraceKind::kDecode: return "decode";
    case TraceKind::kRespond: return "respond";
    case TraceKind::kPrefillStep: return "prefill step";
    case TraceKind::kDecodeStep: return "decode step";
    case TraceKind::kReceive: return "receive";
    case TraceKind::kCompute: return "compute";
    case TraceKind::kSend: return "send";
  }
  return "other";
}

}  // namespace sluice

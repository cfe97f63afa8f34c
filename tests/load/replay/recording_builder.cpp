#include "tests/load/replay/recording_builder.h"

#include <utility>

namespace sluice::load {

Generate generate(const std::string& id) {
  Generate message;
  message.request_id = id;
  message.prompt.emplace<std::string>("Once");
  return message;
}

Tokens tokens(const std::string& id, std::uint64_t first_index, std::vector<TokenId> ids) {
  Tokens message;
  message.request_id = id;
  message.first_index = first_index;
  message.token_ids = std::move(ids);
  return message;
}

Finished finished(const std::string& id, FinishReason reason, std::uint32_t output_tokens) {
  Finished message;
  message.request_id = id;
  message.reason = reason;
  message.usage.output_tokens = output_tokens;
  return message;
}

Failed failed(const std::string& id, ErrorCode code, std::uint32_t retry_after_ms) {
  return {id, {code, "for a test", retry_after_ms}};
}

}  // namespace sluice::load

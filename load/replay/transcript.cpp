#include "load/replay/transcript.h"

namespace sluice::load {

void Transcript::add(const Accepted& accepted) {
  const std::uint32_t conflicts_so_far = conflicts;
  *this = {};
  is_accepted = true;
  seed = accepted.seed;
  conflicts = conflicts_so_far;
}

void Transcript::add(const Tokens& message) {
  if (tokens.empty()) first_index = message.first_index;
  if (message.first_index != end_index()) has_hole = true;
  if (has_hole) return;
  tokens.insert(tokens.end(), message.token_ids.begin(), message.token_ids.end());
  logprobs.insert(logprobs.end(), message.logprobs.begin(), message.logprobs.end());
  text += message.text;
}

bool Transcript::add(const Failed& message) {
  if (message.error.code == ErrorCode::kIdConflict && is_accepted && !is_ended()) {
    ++conflicts;
    return false;
  }
  failed = message.error;
  return true;
}

}  // namespace sluice::load

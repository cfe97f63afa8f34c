// What one client got of one request on one connection, put together from messages: how the engine cut the output into
// Tokens messages is gone.
//
// Confined: to its owner.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/messages/client.h"

namespace sluice::load {

struct Transcript {
  bool is_accepted = false;
  std::uint64_t seed = 0;  // Once accepted.
  // Of tokens[0]: an Attach may have asked for later ones alone.
  std::uint64_t first_index = 0;
  std::vector<TokenId> tokens;
  std::vector<TokenLogprobs> logprobs;  // None, or as many.
  std::string text;
  std::optional<Finished> finished;
  std::optional<Error> failed;
  bool has_hole = false;        // Tokens are missing in between: nothing beyond is kept.
  std::uint32_t conflicts = 0;  // Refusals of the same id with another body, beside it.

  bool is_ended() const { return finished.has_value() || failed.has_value(); }
  std::uint64_t end_index() const { return first_index + tokens.size(); }

  // An answer begins: what a repeated Generate or Attach has replaced does not count.
  void add(const Accepted& accepted);
  void add(const Tokens& message);
  void add(const Finished& message) { finished = message; }
  // False: it was about another message with this id, and ends nothing.
  bool add(const Failed& message);
};

}  // namespace sluice::load

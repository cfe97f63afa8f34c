// BodyHash: tells whether two Generates with one request id ask for the same thing.
//
// XXH3-128 over every field that decides the output or its place in the queue. Left out, because a retry rightly
// differs in them: request_id, deadline_ms, resume_grace_ms, credit_tokens. An absent seed and an absent sampling count
// as such. Not a cryptographic hash: whoever constructs a collision gets the output of his own earlier request.
#pragma once

#include <array>
#include <cstdint>

#include "base/messages/client.h"

namespace sluice {

struct BodyHash {
  std::array<std::uint64_t, 2> words{};

  friend bool operator==(const BodyHash&, const BodyHash&) = default;
};

BodyHash body_hash(const Generate& generate);

}  // namespace sluice

// A ledger with its clock, as the tests of the ledger stand at it.
#pragma once

#include <doctest/doctest.h>

#include <chrono>
#include <string>
#include <utility>

#include "pipeline/request/ledger.h"

namespace sluice::test {

inline constexpr std::uint32_t kWindow = 16;

inline SessionToken token(std::uint8_t n) {
  SessionToken token;
  token.bytes.fill(n);
  return token;
}

inline Generate make_generate(const std::string& request_id) {
  Generate generate;
  generate.request_id = request_id;
  generate.prompt = "Once upon a time";
  generate.max_tokens = 5;
  return generate;
}

// Shorthands that check the invariants after each step.
struct Desk {
  explicit Desk(AdmissionLimits admission = {.max_requests = 4}, std::uint32_t garbage_messages_max = 1'000)
      : ledger({.model = "storyteller",
                .max_requests = admission.max_requests,
                .max_queued_prompt_tokens = admission.max_queued_prompt_tokens,
                .context_tokens = 512,
                .client_window_tokens = kWindow,
                .sampling_defaults = {.temperature = 0.5f},
                .limits = {.vocabulary_tokens = 4096},
                .sessions = {.session_idle_ms = 1'000},
                .max_attachments = 2,
                .garbage_messages_max = garbage_messages_max}) {}

  IngressActions send(const std::string& route, ClientMessage message) {
    ++draws;
    IngressActions out = ledger.on_client({route}, std::move(message), now, {1'000ull + draws, token(draws)});
    ledger.check_invariants();
    return out;
  }
  // The session's token.
  SessionToken hello(const std::string& route, std::optional<SessionToken> session = {}) {
    const IngressActions out = send(route, Hello{.client_name = "test", .session = session});
    REQUIRE(out.to_clients.size() == 1);
    return std::get<Welcome>(out.to_clients[0].second).session;
  }
  // The attachment's route, as the responder knows it.
  ClientRoute generate(const std::string& route, const Generate& message) {
    const IngressActions out = send(route, message);
    REQUIRE(out.to_responder.size() == 1);
    return std::get<StreamOpen>(out.to_responder[0]).route;
  }
  IngressActions disconnect(const std::string& route) {
    IngressActions out = ledger.on_disconnected({route}, now);
    ledger.check_invariants();
    return out;
  }
  IngressActions release(std::uint64_t sequence, bool is_kept) {
    IngressActions out = ledger.on_released({{sequence}, is_kept}, now);
    ledger.check_invariants();
    return out;
  }

  Ledger ledger;
  TimePoint now{};
  std::uint8_t draws = 0;
};

inline void check_empty(const IngressActions& out) {
  CHECK(out.to_clients.empty());
  CHECK(out.to_responder.empty());
  CHECK(out.to_tokenizer.empty());
}

inline Error failure(const IngressActions& out, const std::string& request_id) {
  REQUIRE(out.to_clients.size() == 1);
  CHECK(out.to_responder.empty());
  CHECK(out.to_tokenizer.empty());
  const auto& failed = std::get<Failed>(out.to_clients[0].second);
  CHECK(failed.request_id == request_id);
  return failed.error;
}

}  // namespace sluice::test

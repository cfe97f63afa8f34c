// What happened to clients and requests, for those who keep a log: told by Ledger and StreamTable beside what to send.
#pragma once

#include <cstdint>
#include <string>
#include <variant>

#include "base/error.h"
#include "base/id.h"
#include "base/messages/client.h"

namespace sluice {

struct ClientConnected {
  std::string client_name;
  SessionToken session;
  bool is_resumed = false;

  friend bool operator==(const ClientConnected&, const ClientConnected&) = default;
};

struct ClientLost {
  SessionToken session;
  std::uint32_t num_attachments = 0;  // Requests whose output it was taking.

  friend bool operator==(const ClientLost&, const ClientLost&) = default;
};

struct RequestAccepted {
  SequenceId sequence;
  std::string request_id;
  SessionToken session;

  friend bool operator==(const RequestAccepted&, const RequestAccepted&) = default;
};

using IngressNews = std::variant<ClientConnected, ClientLost, RequestAccepted>;

// The terminal message of a request is written.
struct RequestEnded {
  SequenceId sequence;
  std::string request_id;
  std::variant<FinishReason, Error> outcome;  // What the client gets.
  Usage usage;
  PhaseTimes times;

  friend bool operator==(const RequestEnded&, const RequestEnded&) = default;
};

}  // namespace sluice

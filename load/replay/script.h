// A recording as what is to be sent when, and what came of it: the first reading of `sluice replay`.
//
// Messages stay in the file; a step has the place of one. What a client had seen when it sent a message is kept beside
// it, so that a replay can wait for the same.
// Owns:    recorded answers, about as large as they are in the file; 100 bytes and more for each message of a client.
// Errors:  kInvalidRequest: the recording lacks clients' messages, or has more than kStepsMax.
// Units:   microseconds since the recording began.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/error.h"
#include "base/messages/client.h"
#include "load/replay/transcript.h"
#include "transport/recording/reader.h"

namespace sluice::load {

inline constexpr std::size_t kStepsMax = 50'000'000;

// How far request `request` had come.
struct Seen {
  std::uint32_t request = 0;
  bool is_accepted = false;
  bool is_ended = false;
  std::uint64_t tokens = 0;
};

struct ReplayStep {
  std::uint64_t offset = 0;  // Of the message in the file; 0: the connection ends here.
  std::uint64_t time_us = 0;
  std::uint32_t connection = 0;
  std::optional<std::uint32_t> request;  // That the message is about.
  bool is_hello = false;
  bool is_asking = false;  // It is a Generate or Attach.

  // What its client had seen.
  std::uint32_t greetings = 0;  // Answers to Hello on this connection.
  std::vector<Seen> seen;
  std::uint64_t ended_requests = 0;     // Of all connections.
  std::optional<SessionToken> session;  // That an answer had named, and that the message names.
  bool is_resuming_unknown = false;     // Hello with a session from before the recording, which was found.

  bool is_close() const { return offset == 0; }
};

// What may end a request at no time that a replay could repeat.
struct RequestFacts {
  bool is_cancelled = false;  // A Cancel was sent.
  bool is_abandoned = false;  // A client of it was gone.
  bool has_deadline = false;
};

// One client's asking for one request: a Generate or an Attach, with its repetitions until its end.
struct RecordedRequest {
  std::uint32_t connection = 0;
  std::string id;
  std::uint32_t facts = 0;  // Shared by those of one id and session.
  std::uint32_t step = 0;   // The first that asked.
  bool is_foreign = false;  // Attaches to a session from before the recording.
  Transcript answer;
};

struct ReplayScript {
  transport::RecordingHeader header;
  std::vector<ReplayStep> steps;
  std::vector<RecordedRequest> requests;
  std::vector<RequestFacts> facts;
  // Sessions in the order of each connection's answers to Hello; none for a refusal. By connection.
  std::unordered_map<std::uint32_t, std::vector<std::optional<SessionToken>>> greetings;
  std::uint64_t client_window_tokens = 0;  // Of the recorded engine.
  std::uint64_t stray_answers = 0;         // To what is not in the recording.
  std::uint64_t lost_messages = 0;         // By gaps and damage.
  bool is_torn = false;

  const RequestFacts& facts_of(const RecordedRequest& request) const { return facts[request.facts]; }
};

Result<ReplayScript> read_script(transport::RecordingReader& reader);

}  // namespace sluice::load

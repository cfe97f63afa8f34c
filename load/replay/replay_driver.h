// Carries out a replay against an engine: sockets, clock, poll loop. What to send and what came of it is ReplayRun's.
//
// Thread: all on the caller's.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "load/replay/replay_run.h"
#include "load/replay/script.h"
#include "transport/curve/key.h"
#include "transport/recording/reader.h"

namespace sluice::load {

struct ReplayOutcome {
  std::vector<Transcript> answers;  // As many as the script has requests.
  std::uint64_t sent = 0;           // Messages.
  std::uint64_t unsent = 0;         // Steps that were never due: what they waited for did not come.
  std::uint64_t resent = 0;
  Duration elapsed{};
  bool has_timed_out = false;
  bool is_interrupted = false;
  std::optional<Error> loss;  // Of a connection, which ended the replay.
};

struct ReplayTarget {
  std::string address;
  // Of an engine that encrypts: our key pair, and its public key unless the address names it.
  std::shared_ptr<const transport::KeyPair> keys = {};
  std::optional<transport::PublicKey> server_key = {};
};

// Errors: kInvalidConfig, no address to connect to; kTransportLost, no engine answers there; kUnsupportedVersion,
// another model than the recording's where `wants_same_model`; kInvalidRequest, the file has changed meanwhile.
Result<ReplayOutcome> run_replay(const ReplayScript& script, const transport::RecordingReader& reader,
                                 const ReplayTarget& target, const ReplaySettings& settings, bool wants_same_model,
                                 const std::atomic<bool>& interrupted);

}  // namespace sluice::load

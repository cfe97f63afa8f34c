// Carries out one run of load against an engine: connections, clock, poll loop. What to send and what came of it is
// LoadRun's; this moves bytes.
//
// Request n goes by connection n modulo their number; what a connection cannot take at once waits in order, bounded by
// RunLimits::in_flight_max, while its latency goes on. Prompts are made when they are sent.
// Thread: all on the caller's.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/error.h"
#include "load/arrivals.h"
#include "load/load_run.h"
#include "load/report.h"
#include "load/request_source.h"
#include "transport/curve/key.h"

namespace sluice::load {

struct LoadTarget {
  std::string address;
  std::uint32_t connections = 1;  // Each with a session of its own.
  Duration connect_timeout = std::chrono::seconds(5);
  bool is_mock = false;  // Its answers must be those of base/mock_model.h.
  // Of an engine that encrypts; see transport::ClientOptions.
  std::shared_ptr<const transport::KeyPair> keys;
  std::optional<transport::PublicKey> server_key;
  std::uint32_t stalled = 0;  // Clients beside them that ask and never read (load/stalled_clients.h).
};

// How requests arrive: by `arrivals`, or, where these are absent, by `callers` of a closed loop.
struct Pace {
  std::optional<Arrivals> arrivals;
  std::size_t callers = 1;
};

// Called about once a second.
using OnProgress = std::function<void(const Outcomes& outcomes, std::size_t in_flight, Duration elapsed)>;

// Connects, runs, and reports; `interrupted` ends the run early. A connection that is lost ends it too, and is in the
// report. Errors: what Client::connect says of the address or the engine; kUnsupportedVersion for a mock that does not
// say how large its vocabulary is.
Result<LoadReport> run_load(const LoadTarget& target, const RunLimits& limits, Pace pace, const RequestSource& source,
                            const std::atomic<bool>& interrupted, const OnProgress& on_progress);

}  // namespace sluice::load

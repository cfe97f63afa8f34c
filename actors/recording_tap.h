// Records what passes the ingress: gives connections their numbers and frames to the recorder, and logs when the
// recording fails and when it goes on.
//
// A connection counts from the first message that it sent and that was one; answers to others are not recorded.
// Owns:    the recorder, the numbers of living connections (as many as the socket has).
// Thread:  of the ingress.
// Errors:  open(): kInvalidConfig, the path cannot be recorded to.
#pragma once

#include <cstdint>
#include <memory>
#include <unordered_map>

#include "base/clock.h"
#include "base/error.h"
#include "metrics/snapshot.h"
#include "pipeline/request/session_table.h"
#include "pipeline/topology/plan.h"
#include "transport/frame.h"
#include "transport/recording/recorder.h"

namespace sluice::actors {

class RecordingTap {
 public:
  // None where the topology records nothing.
  static Result<std::unique_ptr<RecordingTap>> open(const topology::Plan& plan);

  void on_client(const ClientRoute& route, const transport::Message& message, TimePoint now);
  void on_sent(const ClientRoute& route, const transport::Message& message, TimePoint now);
  void on_lost(const ClientRoute& route, TimePoint now);

  // Says in the log what has gone wrong since the last time, once a second at most.
  void on_timer(TimePoint now);
  TimePoint next_timer() const { return next_look_; }

  metrics::RecordingCounts counts() const;

 private:
  RecordingTap(const topology::RecordTopology& record, std::unique_ptr<transport::Recorder> recorder)
      : has_ingress_(record.ingress), has_responses_(record.responses), recorder_(std::move(recorder)) {}

  const bool has_ingress_;
  const bool has_responses_;
  std::unique_ptr<transport::Recorder> recorder_;
  std::unordered_map<ClientRoute, std::uint32_t, RouteHash> numbers_;
  std::uint32_t last_number_ = 0;
  TimePoint next_look_;
  bool has_failed_ = false;  // As last logged.
  std::uint64_t dropped_total_ = 0;
};

}  // namespace sluice::actors

// What actors tell each other through CAF mailboxes: wiring, epochs, loss, shutdown. Data travels on links, never here.
//
//   supervisor -> stage    : StageAssign, StageConnect, StageRelease     stage -> owner      : StageReady, StageFailed,
//   supervisor -> batcher  : PipelineReady, PipelineLost                                       LoadProgress
//   supervisor, batcher -> ingress : Availability (by way of the router) batcher -> supervisor : PipelineBroken
//   engine     -> ingress  : Drain                                       ingress -> engine     : Drained
//   engine     -> everyone : Stop, ReportTo                              supervisor, ingress -> engine : EngineReport
//   everyone   -> metrics  : snapshots (metrics/snapshot.h), StageStats by way of the supervisor where they are remote
//
//   owner      -> stage    : JoinGroup (local_groups.h), to ranks that meet in memory
//
// A stage's owner is the supervisor in the head process, the worker actor elsewhere.
#pragma once

#include <caf/all.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "base/id.h"
#include "base/messages/control.h"

namespace sluice::actors {

// All stages of the epoch are loaded and connected: connect to stage 0 and expect results of that epoch.
struct PipelineReady {
  Epoch epoch;
  std::vector<std::string> input_addresses;  // Of each rank of stage 0.
  caf::actor supervisor;                     // Wants to hear of PipelineBroken.
};

// The epoch is over: sequences in flight fail with the error.
struct PipelineLost {
  Epoch epoch;
  Error error;
};

// What the engine lacks in this epoch, from the supervisor; or nothing, from the batcher once it feeds the pipeline:
// then requests are admitted. The two are not ordered: an epoch that was ended does not come back.
struct Availability {
  Epoch epoch;
  std::optional<Error> error;
  std::optional<Error> loss;  // Where the pipeline went down just now: what was lost.
  std::uint32_t replica = 0;  // Of several: they tell the router, which tells the ingress of the engine as a whole.
};

// A step is overdue, or a link of the pipeline was lost, in this epoch.
struct PipelineBroken {
  Epoch epoch;
  std::string reason;
  std::uint32_t replica = 0;
};

// Refuse new requests; tell `reply_to` Drained when none is left.
struct Drain {
  caf::actor reply_to;
};
struct Drained {};

// End now. Sockets are closed on the actor's own thread.
struct Stop {};

// Send a snapshot of your counts there, now and every `interval`. From the engine to its actors, from a worker to its
// stages.
struct ReportTo {
  caf::actor metrics;
  Duration interval{};
};

// To whoever started the engine: progress of loading and what cannot be loaded, from the supervisor; that requests are
// taken, and that they no longer are and why, from the ingress, which alone knows both in their order.
struct EngineReport {
  enum class Kind : std::uint8_t { kProgress, kUp, kDown, kLoadFailed };
  Kind kind = Kind::kProgress;
  std::uint64_t bytes_done = 0;  // kProgress: over all stages.
  std::uint64_t bytes_total = 0;
  Error error;  // kDown, kLoadFailed.
};

}  // namespace sluice::actors

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(sluice::StageAssign)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(sluice::StageConnect)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(sluice::StageRelease)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(sluice::StageReady)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(sluice::StageFailed)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(sluice::LoadProgress)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(sluice::StageStats)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(sluice::actors::PipelineReady)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(sluice::actors::PipelineLost)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(sluice::actors::Availability)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(sluice::actors::PipelineBroken)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(sluice::actors::Drain)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(sluice::actors::Drained)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(sluice::actors::Stop)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(sluice::actors::ReportTo)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(sluice::actors::EngineReport)

// Starts, watches and restarts what runs the stages, and sets the pipeline up. Who runs what, and in which order things
// come up, is Membership's (pipeline/membership/membership.h); this actor carries its actions out.
//
// Each replica has a Membership of its own, with its own epoch: one goes up and down without the others. Workers that
// the topology does not name are offered to each of them in turn.
//
// Owns:    a Membership for each replica, the standbys, the ROUTER socket toward workers, the child processes.
// Thread:  its own.
// Errors:  messages of workers are hostile bytes: what is none is logged and ignored. A worker that dies is an event.
#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "actors/child_process.h"
#include "actors/control_messages.h"
#include "actors/failed_handshakes.h"
#include "actors/local_groups.h"
#include "actors/polling_actor.h"
#include "actors/worker_keys.h"
#include "pipeline/log/line_rate.h"
#include "pipeline/membership/membership.h"
#include "pipeline/membership/standby_pool.h"
#include "transport/zmq/router_socket.h"

namespace sluice::actors {

struct SupervisedStage {
  StagePlace place;
  std::uint32_t replica = 0;
  StageAssign assign;  // All but the epoch; "{epoch}" in its addresses stands for it.
  caf::actor local;    // Where place.kind is kHead.
  std::uint64_t weights_bytes = 0;
};

// A Membership for each replica; the stages of one stand together.
std::vector<Membership> memberships_of(const std::vector<SupervisedStage>& stages, const MembershipLimits& limits);

struct SupervisorSettings {
  std::vector<SupervisedStage> stages;         // By number.
  std::vector<std::string> results_addresses;  // Of each replica's batcher, where its last stage sends to.
  std::string worker_program;                  // Runs spawned workers.
  std::string worker_log_level = "info";
  std::string worker_log_format = "text";
  MembershipLimits limits;
  WorkerKeys keys;
  bool allow_insecure = false;  // Of spawned workers; see EngineOptions.
};

struct SupervisorPeers {
  caf::actor front;                  // Gets Availability: the ingress, or the router of several replicas.
  std::vector<caf::actor> batchers;  // By replica.
  caf::actor engine;                 // Gets EngineReports.
};

class SupervisorActor final : public PollingActor {
 public:
  // `control` is absent where every stage runs in this process. The stages' own actors report to this one.
  SupervisorActor(caf::actor_config& config, std::unique_ptr<transport::RouterSocket> control,
                  SupervisorSettings settings);

  // Sent once by the engine, when everyone exists.
  struct Begin {
    SupervisorPeers peers;
    std::vector<caf::actor> local_stages;  // By stage; null where a stage is not local.
  };

 protected:
  caf::message_handler make_behavior() override;
  void watch(transport::Poller& poller) const override;
  TimePoint next_timer() const override;
  void advance(TimePoint now) override;
  void close() override;
  void report(TimePoint now) override;

 private:
  void begin_with(const Begin& begin);
  void take_worker_message(const transport::RouterSocket::Incoming& incoming, TimePoint now);
  void take_ready(const std::string& worker, Membership& membership, const StageReady& ready, TimePoint now);
  void pass_on(const std::string& worker, const StageStats& stats);
  // Why what the worker reports to have bound cannot be what it was told to.
  std::optional<Error> misbound(const std::string& worker, const StageReady& ready) const;
  void take_hello(const transport::RouterSocket::Incoming& incoming, const WorkerHello& hello, TimePoint now);
  void note_progress(const std::string& worker, const LoadProgress& progress);
  void log_nonsense(const Error& error, TimePoint now);
  void refuse(const transport::Route& route, const Error& error);
  std::optional<std::string> worker_at(const transport::Route& route) const;
  void lose_route(const transport::Route& route, TimePoint now);
  void lose(const std::string& worker, const std::string& reason, TimePoint now);
  void look_after_children(TimePoint now);

  // That of the stage, which exists, and that of a worker, or none.
  Membership& membership_of(std::uint32_t stage) { return memberships_[settings_.stages[stage].replica]; }
  Membership* membership_of(const std::string& worker);
  const std::string& owner_of(std::uint32_t stage) { return membership_of(stage).owner_of(stage); }
  bool is_owner(const std::string& worker, std::uint32_t stage) {
    return stage < settings_.stages.size() && owner_of(stage) == worker;
  }
  Result<void> admit(const WorkerHello& hello, TimePoint now);

  void carry_out_actions(TimePoint now);
  void hand_out_standbys(TimePoint now);
  bool carry_out_actions_of(std::uint32_t replica, TimePoint now);
  void carry_out(std::uint32_t replica, const LaunchWorker& action, TimePoint now);
  void carry_out(std::uint32_t replica, const KillWorker& action, TimePoint now);
  void carry_out(std::uint32_t replica, const ReleaseStage& action, TimePoint now);
  void carry_out(std::uint32_t replica, const AssignStage& action, TimePoint now);
  void carry_out(std::uint32_t replica, const ConnectStage& action, TimePoint now);
  void carry_out(std::uint32_t replica, const PipelineUp& action, TimePoint now);
  void carry_out(std::uint32_t replica, const PipelineDown& action, TimePoint now);
  void carry_out(std::uint32_t replica, const LoadFailed& action, TimePoint now);
  template <class T>
  void tell_stage(const std::string& worker, std::uint32_t stage, const T& message, TimePoint now);
  // Nothing to one that has not said hello; one that cannot be reached is lost.
  void tell_worker(const std::string& worker, const HeadMessage& message, TimePoint now);
  void tell_peer_keys(const std::string& worker, TimePoint now);
  void tell_availability(std::uint32_t replica);
  std::vector<ReplicaStatus> replica_statuses() const;
  void report_changes(TimePoint now);

  std::unique_ptr<transport::RouterSocket> control_;
  SupervisorSettings settings_;
  SupervisorPeers peers_;
  std::vector<Membership> memberships_;             // By replica.
  StandbyPool standbys_;                            // Welcomed, in no Membership.
  std::map<std::string, transport::Route> routes_;  // Of present workers, by name.
  std::map<std::string, ChildProcess> children_;    // By worker name.
  LocalGroups groups_;                              // Of the head's own ranks.
  std::vector<std::uint64_t> loaded_bytes_;         // By stage.
  LineRate nonsense_{1};                            // Messages ignored and workers refused.
  FailedHandshakes failed_handshakes_{"supervisor"};
  std::vector<ReplicaStatus> told_replicas_;  // Reported last, and so are
  std::vector<StandbyStatus> told_standbys_;
  bool has_begun_ = false;
};

}  // namespace sluice::actors

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(sluice::actors::SupervisorActor::Begin)

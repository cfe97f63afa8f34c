// A worker process's side of the supervisor: says hello, runs the stages it is given, passes on what they report.
//
// Owns:    the DEALER socket to the head, the stage actors of this process.
// Thread:  its own.
// Errors:  a refusal, of its key or by the head, ends the worker, except that a name still taken is tried again for a
//          while (the head may not have noticed yet that our predecessor died). When the head is lost, or gives us up,
//          the stages are released; a named worker registers again, a spawned one ends.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "actors/control_messages.h"
#include "actors/local_groups.h"
#include "actors/polling_actor.h"
#include "transport/zmq/dealer_socket.h"

namespace sluice::actors {

struct WorkerSettings {
  WorkerHello hello;
  bool is_spawned = false;
  std::string model_path;    // Instead of the one in an assignment; empty: that.
  std::string stage_host;    // Where stages of this worker bind, for "tcp://127.0.0.1:*" in an assignment.
  caf::actor authenticator;  // Is told whom our stages let in. Null: this process has no keys.
  Duration hello_interval = std::chrono::milliseconds(100);
  Duration refused_patience = std::chrono::seconds(10);
};

// Why a worker ended by itself.
struct WorkerEnded {
  Error error;
};

class WorkerActor final : public PollingActor {
 public:
  WorkerActor(caf::actor_config& config, std::unique_ptr<transport::DealerSocket> head, WorkerSettings settings,
              transport::Context context, caf::actor main);

 protected:
  caf::message_handler make_behavior() override;
  void watch(transport::Poller& poller) const override;
  TimePoint next_timer() const override { return hello_at_; }
  void advance(TimePoint now) override;
  void close() override;

 private:
  void say_hello(TimePoint now);
  void take_head_message(const HeadMessage& message, TimePoint now);
  bool is_registered() const { return hello_at_ == TimePoint::never(); }
  void start_over(const Error& reason, TimePoint hello_at);
  void take_assignment(StageAssign assign);
  void take_refusal(const Error& error, TimePoint now);
  void take_peer_keys(const PeerKeys& keys);
  bool is_shut_out();
  caf::actor& stage_actor(std::uint32_t stage);
  void release_stages();
  void tell_head(const WorkerMessage& message);
  void end(Error error);

  std::unique_ptr<transport::DealerSocket> head_;
  WorkerSettings settings_;
  transport::Context context_;
  caf::actor main_;
  std::map<std::uint32_t, caf::actor> stages_;
  LocalGroups groups_;
  TimePoint hello_at_{};  // never() once welcomed.
  std::optional<TimePoint> refused_since_;
  bool has_told_of_handshakes_ = false;
  bool is_ended_ = false;
};

}  // namespace sluice::actors

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(sluice::actors::WorkerEnded)

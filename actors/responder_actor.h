// Streams text to clients: tokens in from the batcher, encoded answers out to the ingress, which owns the clients'
// socket. The rules are StreamTable's (pipeline/request/stream_table.h).
//
// Owns:    its link ends and the StreamTable.
// Thread:  its own.
// Errors:  messages that do not belong here are logged and dropped; the table is unharmed.
#pragma once

#include <memory>

#include "actors/polling_actor.h"
#include "actors/ports.h"
#include "pipeline/request/stream_table.h"
#include "pipeline/text/tokenizer.h"

namespace sluice::actors {

struct ResponderPorts {
  InPort from_ingress;
  InPort from_tokenizer;
  InPort from_batcher;
  OutPort to_ingress;
  OutPort to_batcher;
};

class ResponderActor final : public PollingActor {
 public:
  ResponderActor(caf::actor_config& config, std::unique_ptr<ResponderPorts> ports, StreamTableConfig table_config,
                 std::shared_ptr<const Tokenizer> tokenizer);

 protected:
  caf::message_handler make_behavior() override { return {}; }
  void watch(transport::Poller& poller) const override;
  // Without room a timer could do nothing; room comes with a message.
  TimePoint next_timer() const override { return has_room() ? table_.next_timer() : TimePoint::never(); }
  void advance(TimePoint now) override;
  void close() override { ports_.reset(); }
  void report(TimePoint now) override;

 private:
  bool take_one(InPort& port, TimePoint now);
  bool has_room() const { return ports_->to_ingress.has_room() && ports_->to_batcher.has_room(); }
  void send(ResponderActions actions, TimePoint now);

  std::unique_ptr<ResponderPorts> ports_;
  std::shared_ptr<const Tokenizer> tokenizer_;  // The table refers to it.
  StreamTable table_;
  std::uint64_t snapshots_total_ = 0;
};

}  // namespace sluice::actors

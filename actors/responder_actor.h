// Streams text to clients: tokens in from the batcher, encoded answers out to the ingress, which owns the clients'
// socket. The rules are StreamTable's (pipeline/request/stream_table.h).
//
// Of several replicas' batchers each gets the signals of the sequences that it sends tokens of. Before the first tokens
// of a sequence all get them, and those that do not know it ignore them (docs/decisions/0017).
//
// Owns:    its link ends, the StreamTable, which batcher sends a sequence's tokens.
// Thread:  its own.
// Errors:  messages that do not belong here are logged and dropped; the table is unharmed.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "actors/polling_actor.h"
#include "actors/ports.h"
#include "pipeline/request/stream_table.h"
#include "pipeline/text/tokenizer.h"

namespace sluice::actors {

struct ResponderPorts {
  InPort from_ingress;
  InPort from_tokenizer;
  std::vector<InPort> from_batchers;  // By replica.
  OutPort to_ingress;
  std::vector<OutPort> to_batchers;
};

class ResponderActor final : public PollingActor {
 public:
  ResponderActor(caf::actor_config& config, std::unique_ptr<ResponderPorts> ports, StreamTableConfig table_config,
                 std::shared_ptr<const Tokenizer> tokenizer, std::vector<std::string> batcher_names);

 protected:
  caf::message_handler make_behavior() override { return {}; }
  void watch(transport::Poller& poller) const override;
  // Without room a timer could do nothing; room comes with a message.
  TimePoint next_timer() const override { return has_room() ? table_.next_timer() : TimePoint::never(); }
  void advance(TimePoint now) override;
  void close() override { ports_.reset(); }
  void report(TimePoint now) override;

 private:
  bool take_one(InPort& port, TimePoint now, std::optional<std::uint32_t> replica = std::nullopt);
  bool has_room() const;
  void note_home(const ResponderInput& input, std::uint32_t replica);
  void signal(const ResponderSignal& signal, TimePoint now);
  void send(ResponderActions actions, TimePoint now);

  std::unique_ptr<ResponderPorts> ports_;
  std::shared_ptr<const Tokenizer> tokenizer_;  // The table refers to it.
  std::vector<std::string> batcher_names_;      // For metrics.
  StreamTable table_;
  std::unordered_map<SequenceId, std::uint32_t> homes_;  // Of several replicas, until the end.
  std::uint64_t snapshots_total_ = 0;
};

}  // namespace sluice::actors

// Turns prompts into token ids: Submission in, SequenceStart to the batcher or StreamEnd with an error to the
// responder. Cancels pass through behind the submissions that they are about.
//
// Owns:    its link ends. The tokenizer and template are shared and immutable.
// Thread:  its own.
// Errors:  each submission that cannot be encoded, or whose deadline has passed, becomes one StreamEnd.
#pragma once

#include <memory>

#include "actors/polling_actor.h"
#include "actors/ports.h"
#include "metrics/snapshot.h"
#include "pipeline/text/text_model.h"

namespace sluice::actors {

struct TokenizerPorts {
  InPort from_ingress;
  OutPort to_batcher;
  OutPort to_responder;
};

class TokenizerActor final : public PollingActor {
 public:
  TokenizerActor(caf::actor_config& config, std::unique_ptr<TokenizerPorts> ports, TextModel text);

 protected:
  caf::message_handler make_behavior() override { return {}; }
  void watch(transport::Poller& poller) const override;
  TimePoint next_timer() const override { return TimePoint::never(); }
  void advance(TimePoint now) override;
  void close() override { ports_.reset(); }
  void report(TimePoint now) override;

 private:
  void take(TokenizerInput& input, TimePoint received);
  void tokenize(const Submission& submission, TimePoint received);

  std::unique_ptr<TokenizerPorts> ports_;
  TextModel text_;
  metrics::TokenizerSnapshot counts_;  // All but the links.
};

}  // namespace sluice::actors

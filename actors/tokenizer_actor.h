// Turns prompts into token ids: Submission in, SequenceStart to the batcher (or router) or StreamEnd with an error to
// the responder. Cancels pass through behind the submissions that they are about.
//
// Owns:    its link ends. The tokenizer and template are shared and immutable.
// Thread:  its own.
// Errors:  each submission that cannot be encoded, or whose deadline has passed, becomes one StreamEnd.
#pragma once

#include <memory>
#include <string>

#include "actors/polling_actor.h"
#include "actors/ports.h"
#include "metrics/snapshot.h"
#include "pipeline/text/text_model.h"

namespace sluice::actors {

struct TokenizerPorts {
  InPort from_ingress;
  OutPort to_pipeline;
  OutPort to_responder;
};

class TokenizerActor final : public PollingActor {
 public:
  // `next` is who takes the encoded prompts: the batcher, or the router of several.
  TokenizerActor(caf::actor_config& config, std::unique_ptr<TokenizerPorts> ports, TextModel text, std::string next);

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
  std::string next_;                   // For metrics.
  metrics::TokenizerSnapshot counts_;  // All but the links.
};

}  // namespace sluice::actors

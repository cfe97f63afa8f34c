#include "actors/tokenizer_actor.h"

#include <algorithm>

#include "actors/log.h"
#include "actors/snapshot_messages.h"

namespace sluice::actors {

TokenizerActor::TokenizerActor(caf::actor_config& config, std::unique_ptr<TokenizerPorts> ports, TextModel text,
                               std::string next)
    : PollingActor(config), ports_(std::move(ports)), text_(std::move(text)), next_(std::move(next)) {}

void TokenizerActor::watch(transport::Poller& poller) const {
  poller.add(ports_->from_ingress);
  poller.add(ports_->to_pipeline);
  poller.add(ports_->to_responder);
}

void TokenizerActor::advance(TimePoint now) {
  ports_->from_ingress.advance(now);
  ports_->to_pipeline.advance(now);
  ports_->to_responder.advance(now);
  while (ports_->to_pipeline.has_room() && ports_->to_responder.has_room()) {
    ports_->from_ingress.advance(now);  // What has come meanwhile waits from now on.
    auto input = ports_->from_ingress.receive<TokenizerInput>(now);
    if (!input) break;
    now = this->now();  // It may have come since: what it took before it came is not to count twice.
    if (input->ok()) {
      take(**input, now);
    } else {
      log_dropped_message("tokenizer", "ingress", input->error());
    }
    ports_->from_ingress.consumed();
    now = this->now();
    report_if_due(now);
  }
}

void TokenizerActor::take(TokenizerInput& input, TimePoint received) {
  if (auto* submission = std::get_if<Submission>(&input)) {
    const std::uint64_t waited_us = to_us(ports_->from_ingress.waited(received));
    submission->age_us += waited_us;
    submission->time_left.spend(waited_us);
    tokenize(*submission, received);
  } else {
    ports_->to_pipeline.send(std::get<SequenceCancel>(input), received);
  }
}

void TokenizerActor::tokenize(const Submission& submission, TimePoint received) {
  if (submission.time_left.is_over()) {  // As the scheduler would end it, without the work.
    StreamEnd end{submission.sequence,
                  Error{ErrorCode::kDeadlineExceeded, "the deadline passed before the first token"},
                  {},
                  {},
                  {}};
    end.times.tokenize_us = submission.age_us;
    ports_->to_responder.send(end, received);
    return;
  }
  const EncodeOptions options{submission.add_special_tokens, submission.parse_special_tokens};
  auto ids = encode_prompt(submission.prompt, options, *text_.tokenizer, *text_.chat_template, text_.limits);
  const TimePoint done = now();
  const std::uint64_t elapsed_us = whole_us(done - received);
  counts_.busy_us_total += elapsed_us;
  if (!ids.ok()) {
    ++counts_.refused_total;
    StreamEnd end{submission.sequence, std::move(ids).error(), {}, {}, {}};
    end.times.tokenize_us = submission.age_us + elapsed_us;
    ports_->to_responder.send(end, done);
    return;
  }

  ++counts_.encoded_total;
  counts_.tokens_total += ids->size();
  SequenceStart start{submission.sequence, std::move(*ids), submission.spec, submission.time_left, 0};
  const auto room = text_.limits.context_tokens - static_cast<std::uint32_t>(start.prompt_ids.size());
  start.spec.max_tokens = std::min(start.spec.max_tokens, room);
  start.tokenize_us = submission.age_us + elapsed_us;
  start.time_left.spend(elapsed_us);
  ports_->to_pipeline.send(start, done);
}

void TokenizerActor::report(TimePoint now) {
  ++counts_.snapshots_total;
  metrics::TokenizerSnapshot snapshot = counts_;
  snapshot.links.out = {{next_, ports_->to_pipeline.stats(now)}, {"responder", ports_->to_responder.stats(now)}};
  snapshot.links.in = {{"ingress", ports_->from_ingress.stats()}};
  caf::anon_send(report_to(), std::move(snapshot));
}

}  // namespace sluice::actors

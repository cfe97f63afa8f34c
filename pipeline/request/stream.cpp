#include "pipeline/request/stream.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace sluice {

Stream::Stream(const StreamOpen& open, OutputLog log)
    : sequence_(open.sequence), request_id_(open.request_id), log_(std::move(log)) {
  attachments_.push_back({open.route, 0, open.credit_tokens, false});
}

void Stream::attach(const StreamAttach& attach, AnswerSink& sink) {
  detach(attach.route);
  attachments_.push_back({attach.route, attach.from_index, attach.credit_tokens, false});
  deliver(sink);
}

void Stream::credit(const ClientRoute& route, std::uint64_t up_to_index, AnswerSink& sink) {
  for (Attachment& attachment : attachments_) {
    if (attachment.route == route) attachment.credit_end = std::max(attachment.credit_end, up_to_index);
  }
  deliver(sink);
}

void Stream::detach(const ClientRoute& route) {
  std::erase_if(attachments_, [&](const Attachment& attachment) { return attachment.route == route; });
}

Stream::Appended Stream::append(StreamTokens tokens, AnswerSink& sink) {
  SLUICE_CHECK(!is_ended());
  Appended appended;
  const std::uint64_t count = tokens.token_ids.size();
  const std::uint64_t first_index = tokens.first_index;
  if (!is_open()) {
    appended.overrun_tokens = count;
    return appended;
  }
  const Result<bool> result = log_.append(std::move(tokens));
  if (!result) {
    appended.stop = fail(result.error());
    appended.overrun_tokens = count;
    return appended;
  }
  if (*result) {
    decided_ = FinishReason::kStop;
    appended.is_match = true;
    appended.stop = StreamStop{sequence_, static_cast<std::uint32_t>(log_.num_tokens())};
    appended.overrun_tokens = first_index + count - log_.num_tokens();
  }
  deliver(sink);
  return appended;
}

StreamStop Stream::fail(Error error) {
  if (!decided_) decided_ = std::move(error);
  return {sequence_, static_cast<std::uint32_t>(log_.num_tokens())};
}

RequestEnded Stream::end(StreamEnd end, AnswerSink& sink) {
  SLUICE_CHECK(!is_ended());
  std::variant<FinishReason, Error> outcome = decided_ ? std::move(*decided_) : std::move(end.outcome);
  if (!log_.is_over() && log_.finish() && std::holds_alternative<FinishReason>(outcome)) outcome = FinishReason::kStop;
  bool is_urgent = true;
  prompt_tokens_ = end.usage.prompt_tokens;
  end.usage.output_tokens = static_cast<std::uint32_t>(log_.num_tokens());
  RequestEnded ended{sequence_, request_id_, outcome, end.usage, end.times};
  if (auto* error = std::get_if<Error>(&outcome)) {
    is_worth_keeping_ = !is_retryable(error->code);
    terminal_ = sink.encode(Failed{request_id_, std::move(*error)});
  } else {
    const FinishReason reason = std::get<FinishReason>(outcome);
    is_urgent = reason == FinishReason::kCancelled;
    is_worth_keeping_ = true;
    terminal_shows_output_ = !is_urgent;
    terminal_ = sink.encode(
        Finished{request_id_, reason, end.usage, end.times, std::move(end.prompt_logprobs), std::move(end.trace)});
  }
  deliver(sink);
  if (is_urgent) dismiss_all(sink);
  return ended;
}

void Stream::dismiss_all(AnswerSink& sink) {
  SLUICE_CHECK(is_ended());
  for (const Attachment& attachment : attachments_) send_terminal(attachment, sink);
  attachments_.clear();
}

bool Stream::is_starved(std::uint32_t client_window_tokens) const {
  if (attachments_.empty()) return log_.num_certain() >= taken_end_ + client_window_tokens;
  return std::all_of(attachments_.begin(), attachments_.end(),
                     [&](const Attachment& attachment) { return attachment.credit_end <= log_.num_certain(); });
}

std::uint64_t Stream::backlog_tokens() const {
  return log_.num_tokens() - std::min(taken_end_, log_.num_tokens());
}

std::uint64_t Stream::size_bytes() const {
  return sizeof(Stream) + request_id_.size() + log_.size_bytes() + (terminal_ ? terminal_->size() : 0);
}

void Stream::deliver(AnswerSink& sink) {
  for (Attachment& attachment : attachments_) {
    send_tokens(attachment, sink);
    if (is_ended() && has_everything(attachment)) send_terminal(attachment, sink);
  }
  if (!is_ended()) return;
  std::erase_if(attachments_, [&](const Attachment& attachment) { return has_everything(attachment); });
}

void Stream::send_tokens(Attachment& attachment, AnswerSink& sink) {
  const std::uint64_t end = std::min(log_.num_certain(), attachment.credit_end);
  while (attachment.next_index < end) {
    const std::uint64_t last = log_.message_end(attachment.next_index, end, sink.message_tokens_max);
    send(attachment, log_.read(attachment.next_index, last), sink);
    sink.tokens_total += last - attachment.next_index;
    attachment.next_index = last;
    attachment.has_rest = log_.is_over() && last == log_.num_tokens();
    taken_end_ = std::max(taken_end_, last);
  }
  if (log_.has_rest() && attachment.next_index == log_.num_tokens() && !attachment.has_rest) {
    send(attachment, log_.read(attachment.next_index, attachment.next_index), sink);
    attachment.has_rest = true;
  }
}

void Stream::send(const Attachment& attachment, Tokens tokens, AnswerSink& sink) const {
  tokens.request_id = request_id_;
  sink.answers.emplace_back(ClientAnswer{sequence_, attachment.route, false, sink.encode(std::move(tokens)), true});
}

// A client that asked to begin beyond the end has nothing to wait for.
bool Stream::has_everything(const Attachment& attachment) const {
  return log_.is_over() && attachment.next_index >= log_.num_tokens();
}

void Stream::send_terminal(const Attachment& attachment, AnswerSink& sink) const {
  sink.answers.emplace_back(ClientAnswer{sequence_, attachment.route, true, *terminal_, terminal_shows_output_});
}

}  // namespace sluice

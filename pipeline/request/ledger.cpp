#include "pipeline/request/ledger.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <limits>

#include "base/check.h"

namespace sluice {
namespace {

ClientRoute route_of(std::uint64_t attachment) {
  ClientRoute route{std::string(sizeof(attachment), '\0')};
  std::memcpy(route.bytes.data(), &attachment, sizeof(attachment));
  return route;
}

std::optional<std::uint64_t> attachment_of(const ClientRoute& route) {
  std::uint64_t attachment = 0;
  if (route.bytes.size() != sizeof(attachment)) return std::nullopt;
  std::memcpy(&attachment, route.bytes.data(), sizeof(attachment));
  return attachment;
}

std::uint64_t saturating_add(std::uint64_t a, std::uint64_t b) {
  return a > std::numeric_limits<std::uint64_t>::max() - b ? std::numeric_limits<std::uint64_t>::max() : a + b;
}

Error id_conflict(const std::string& request_id, std::string_view why) {
  return {ErrorCode::kIdConflict, "request id " + request_id + " is in use " + std::string(why), 0};
}

}  // namespace

Ledger::Ledger(LedgerConfig config)
    : config_(std::move(config)),
      sessions_(config_.sessions),
      admission_({config_.max_requests, config_.max_queued_prompt_tokens}),
      offenders_(config_.garbage_messages_max) {
  SLUICE_CHECK_GT(config_.client_window_tokens, 0u);
  SLUICE_CHECK_GT(config_.max_attachments, 0u);
}

IngressActions Ledger::on_client(const ClientRoute& route, ClientMessage message, TimePoint now,
                                 const Entropy& entropy) {
  IngressActions out;
  Connection* connection = sessions_.connection(route);
  if (connection == nullptr && !std::holds_alternative<Hello>(message)) {
    Error error{ErrorCode::kProtocolViolation, "the first message of a connection must be Hello", 0};
    refuse_garbage(route, std::move(error), now, out);
    return out;
  }
  offenders_.note_good(route);
  if (connection != nullptr) connection->last_heard = now;
  std::visit([&](auto& typed) { on_message(route, std::move(typed), now, entropy, out); }, message);
  return out;
}

IngressActions Ledger::on_undecodable(const ClientRoute& route, const Error& error, TimePoint now) {
  IngressActions out;
  refuse_garbage(route, error, now, out);
  return out;
}

bool Ledger::drops(const ClientRoute& route) {
  if (!offenders_.is_muted(route)) return false;
  ++totals_.dropped_total;
  return true;
}

void Ledger::refuse_garbage(const ClientRoute& route, Error error, TimePoint now, IngressActions& out) {
  ++totals_.garbage_total;
  refuse(route, "", std::move(error), out);
  if (!offenders_.note_garbage(route)) return;
  ++totals_.muted_total;
  disconnect(route, now, out);
}

IngressActions Ledger::on_disconnected(const ClientRoute& route, TimePoint now) {
  IngressActions out;
  offenders_.forget(route);
  if (disconnect(route, now, out)) ++totals_.lost_total;
  return out;
}

IngressActions Ledger::on_stalled(const ClientRoute& route, TimePoint now) {
  IngressActions out;
  if (disconnect(route, now, out)) ++totals_.stalled_total;
  return out;
}

bool Ledger::disconnect(const ClientRoute& route, TimePoint now, IngressActions& out) {
  const Connection* connection = sessions_.connection(route);
  if (connection == nullptr) return false;
  out.news.emplace_back(ClientLost{connection->session, static_cast<std::uint32_t>(connection->attachments.size())});
  std::vector<std::uint64_t> lost;
  for (const auto& [request_id, attachment] : connection->attachments) lost.push_back(attachment);
  std::sort(lost.begin(), lost.end());  // The map's order is no one's business.
  for (const std::uint64_t attachment : lost) {
    const SequenceId sequence = attachments_.at(attachment).sequence;
    detach(attachment, out);
    Request& request = requests_.at(sequence);
    if (!request.attachments.empty()) continue;
    admission_.leave_queue(request.place);
    start_grace(sequence, now, out);
  }
  sessions_.close(route, now);
  return true;
}

void Ledger::on_message(const ClientRoute& route, Hello hello, TimePoint now, const Entropy& entropy,
                        IngressActions& out) {
  if (auto valid = check_hello(hello); !valid) return refuse(route, "", valid.error(), out);
  if (hello.version_min > kProtocolVersion || hello.version_max < kProtocolVersion) {
    return refuse(route, "",
                  {ErrorCode::kUnsupportedVersion,
                   "client speaks versions " + std::to_string(hello.version_min) + " to " +
                       std::to_string(hello.version_max) + ", this engine " + std::to_string(kProtocolVersion),
                   0},
                  out);
  }
  disconnect(route, now, out);
  auto session = sessions_.open(route, hello.session, entropy.token, now);
  if (!session) return refuse(route, "", session.error(), out);
  out.news.emplace_back(ClientConnected{std::move(hello.client_name), *session, hello.session.has_value()});
  Welcome welcome;
  welcome.session = *session;
  welcome.model = config_.model;
  welcome.max_requests = config_.max_requests;
  welcome.context_tokens = config_.context_tokens;
  welcome.client_window_tokens = config_.client_window_tokens;
  welcome.message_bytes_max = config_.message_bytes_max;
  welcome.sampling_defaults = config_.sampling_defaults;
  welcome.vocabulary_tokens = config_.limits.vocabulary_tokens;
  out.to_clients.emplace_back(route, std::move(welcome));
}

void Ledger::on_message(const ClientRoute& route, Generate generate, TimePoint now, const Entropy& entropy,
                        IngressActions& out) {
  if (auto valid = check_request_id(generate.request_id); !valid) return refuse(route, "", valid.error(), out);
  const Connection& connection = *sessions_.connection(route);
  const std::string request_id = generate.request_id;
  const std::optional<SequenceId> known = sessions_.find_request(connection.session, request_id);
  const auto attached = connection.attachments.find(request_id);
  if (attached != connection.attachments.end() && attachments_.at(attached->second).sequence != known) {
    return refuse(route, request_id, id_conflict(request_id, "for an attached request of another session"), out);
  }
  if (known) {
    if (requests_.at(*known).body != body_hash(generate)) {
      return refuse(route, request_id, id_conflict(request_id, "for a different request"), out);
    }
    return attach(route, *known, request_id, 0, generate.credit_tokens, true, out);
  }
  if (auto valid = check_generate(generate, config_.limits); !valid) {
    return refuse(route, request_id, valid.error(), out);
  }
  if (unavailable_) return refuse(route, request_id, *unavailable_, out);
  Request request;
  if (auto admitted = admit(generate, now, request); !admitted) {
    ++totals_.overloaded_total;
    totals_.failed.add(ErrorCode::kOverloaded);
    out.to_clients.emplace_back(route, Failed{request_id, admitted.error()});
    return;
  }
  accept(route, std::move(generate), std::move(request), entropy, out);
}

Result<void> Ledger::admit(const Generate& generate, TimePoint now, Request& request) {
  request.prompt = prompt_sizes_.measure(generate.prompt);
  AdmissionRequest asked;
  // Longer ones are refused once they are tokenized.
  const std::uint64_t longest = config_.context_tokens == 0 ? request.prompt.tokens : config_.context_tokens;
  asked.prompt_tokens = std::min(request.prompt.tokens, longest);
  asked.priority = generate.priority;
  if (generate.deadline_ms != 0) asked.time_left = std::chrono::milliseconds(generate.deadline_ms);
  asked.is_held_up = is_held_up_;
  auto place = admission_.admit(asked, now);
  if (!place) return place.error();
  request.place = *place;
  return {};
}

void Ledger::accept(const ClientRoute& route, Generate generate, Request request, const Entropy& entropy,
                    IngressActions& out) {
  ++totals_.accepted_total;
  const SequenceId sequence{++last_sequence_};
  const std::uint64_t credit_tokens =
      generate.credit_tokens == 0 ? config_.client_window_tokens : generate.credit_tokens;

  request.session = sessions_.connection(route)->session;
  request.request_id = generate.request_id;
  request.body = body_hash(generate);
  request.seed = generate.seed.value_or(entropy.seed);
  request.resume_grace_ms = generate.resume_grace_ms;
  const std::uint64_t seed = request.seed;
  sessions_.add_request(request.session, request.request_id, sequence);
  Request& entered = requests_.emplace(sequence, std::move(request)).first->second;
  const std::uint64_t attachment = add_attachment(route, sequence, entered, false);

  out.to_clients.emplace_back(route, Accepted{generate.request_id, seed});
  out.news.emplace_back(RequestAccepted{sequence, generate.request_id, entered.session});
  TimeLeft time_left;
  if (generate.deadline_ms != 0) time_left.us = std::uint64_t{generate.deadline_ms} * 1000;
  out.to_responder.emplace_back(StreamOpen{sequence, generate.request_id, route_of(attachment),
                                           std::move(generate.stop), generate.stop_token_ids, seed, credit_tokens,
                                           time_left, generate.trace});
  Submission submission;
  submission.sequence = sequence;
  submission.prompt = std::move(generate.prompt);
  submission.add_special_tokens = generate.add_special_tokens;
  submission.parse_special_tokens = generate.parse_special_tokens;
  submission.spec.sampling = generate.sampling ? std::move(*generate.sampling) : config_.sampling_defaults;
  submission.spec.seed = seed;
  submission.spec.max_tokens = generate.max_tokens;
  submission.spec.stop_token_ids = std::move(generate.stop_token_ids);
  submission.spec.ignore_eos = generate.ignore_eos;
  submission.spec.logprobs = generate.logprobs;
  submission.spec.priority = generate.priority;
  submission.spec.tenant = std::move(generate.tenant);
  submission.time_left = time_left;
  submission.spec.trace = generate.trace;
  out.to_tokenizer.emplace_back(std::move(submission));
}

void Ledger::on_message(const ClientRoute& route, Attach message, TimePoint, const Entropy&, IngressActions& out) {
  if (auto valid = check_attach(message); !valid) return refuse(route, "", valid.error(), out);
  const std::optional<SequenceId> sequence = sessions_.find_request(message.session, message.request_id);
  const Connection& connection = *sessions_.connection(route);
  const auto attached = connection.attachments.find(message.request_id);
  if (attached != connection.attachments.end() && attachments_.at(attached->second).sequence != sequence) {
    return refuse(route, message.request_id, id_conflict(message.request_id, "on this connection for another session"),
                  out);
  }
  if (!sequence) {
    const std::string sentence = "no request " + message.request_id + " of that session is running or kept";
    return refuse(route, message.request_id, {ErrorCode::kNotFound, sentence, 0}, out);
  }
  attach(route, *sequence, message.request_id, message.from_index, message.credit_tokens, false, out);
}

void Ledger::attach(const ClientRoute& route, SequenceId sequence, const std::string& request_id,
                    std::uint64_t from_index, std::uint64_t credit_tokens, bool is_retry, IngressActions& out) {
  Request& request = requests_.at(sequence);
  const Connection& connection = *sessions_.connection(route);
  const auto attached = connection.attachments.find(request_id);
  if (attached != connection.attachments.end()) {
    detach(attached->second, out);
  } else if (request.attachments.size() >= config_.max_attachments) {
    const std::string sentence = "request " + request_id + " has " + std::to_string(request.attachments.size()) +
                                 " attachments, limit " + std::to_string(config_.max_attachments);
    return refuse(route, request_id, {ErrorCode::kOverloaded, sentence, Admission::kRetryUnknown_ms}, out);
  }
  if (is_retry) ++totals_.retried_total;
  stop_grace(sequence, request);
  const std::uint64_t attachment = add_attachment(route, sequence, request, is_retry);
  if (credit_tokens == 0) credit_tokens = saturating_add(from_index, config_.client_window_tokens);
  out.to_clients.emplace_back(route, Accepted{request_id, request.seed});
  out.to_responder.emplace_back(StreamAttach{sequence, route_of(attachment), from_index, credit_tokens});
}

void Ledger::on_message(const ClientRoute& route, Cancel message, TimePoint, const Entropy&, IngressActions& out) {
  if (auto valid = check_cancel(message); !valid) return refuse(route, "", valid.error(), out);
  const Connection& connection = *sessions_.connection(route);
  const auto attached = connection.attachments.find(message.request_id);
  if (attached != connection.attachments.end()) return cancel(attachments_.at(attached->second).sequence, out);
  const std::optional<SequenceId> sequence = sessions_.find_request(connection.session, message.request_id);
  if (sequence) cancel(*sequence, out);
}

void Ledger::on_message(const ClientRoute& route, Credit message, TimePoint, const Entropy&, IngressActions& out) {
  if (auto valid = check_credit(message); !valid) return refuse(route, "", valid.error(), out);
  const Connection& connection = *sessions_.connection(route);
  const auto attached = connection.attachments.find(message.request_id);
  if (attached == connection.attachments.end()) return;  // It may have just ended.
  const SequenceId sequence = attachments_.at(attached->second).sequence;
  out.to_responder.emplace_back(StreamCredit{sequence, route_of(attached->second), message.up_to_index});
}

std::optional<ClientRoute> Ledger::on_answer(const ClientAnswer& answer, TimePoint now) {
  if (answer.shows_output) {  // Whoever it is for.
    const auto request = requests_.find(answer.sequence);
    if (request != requests_.end()) admission_.show_output(request->second.place, now);
  }
  const std::optional<std::uint64_t> number = attachment_of(answer.route);
  const auto at = number ? attachments_.find(*number) : attachments_.end();
  if (at == attachments_.end() || at->second.sequence != answer.sequence) {
    ++totals_.stray_total;
    return std::nullopt;
  }
  ClientRoute route = at->second.connection;
  if (answer.is_terminal) {
    remove_attachment(*number);
    Request& request = requests_.at(answer.sequence);
    admission_.leave_queue(request.place);
    // The responder holds the output for whoever is still attached, as far as it knows: until then the credit stays
    // out.
    if (request.attachments.empty() && !request.has_detached) end(answer.sequence, request, now);
  }
  return route;
}

IngressActions Ledger::on_released(const StreamReleased& released, TimePoint now) {
  IngressActions out;
  const auto at = requests_.find(released.sequence);
  if (at == requests_.end()) {
    ++totals_.stray_total;
    return out;
  }
  Request& request = at->second;
  prompt_sizes_.learn(request.prompt, released.prompt_tokens);
  request.prompt = {};
  end(released.sequence, request, now);
  if (released.is_kept) return out;
  const std::vector<std::uint64_t> too_late = request.attachments;
  for (const std::uint64_t number : too_late) {
    const Attachment& attachment = attachments_.at(number);
    Error error{ErrorCode::kNotFound, "the result of request " + request.request_id + " is no longer kept", 0};
    if (attachment.is_retry) {
      const std::string sentence = "request " + request.request_id + " just ended and its result was not kept";
      error = {ErrorCode::kUnavailable, sentence, Admission::kRetryMin_ms};
    }
    const ClientRoute route = attachment.connection;
    remove_attachment(number);
    refuse(route, request.request_id, std::move(error), out);
  }
  sessions_.remove_request(request.session, request.request_id, now);
  requests_.erase(at);
  return out;
}

IngressActions Ledger::on_timer(TimePoint now) {
  IngressActions out;
  while (!grace_ends_.empty() && grace_ends_.begin()->first <= now) {
    const SequenceId sequence = grace_ends_.begin()->second;
    stop_grace(sequence, requests_.at(sequence));
    cancel(sequence, out);
  }
  sessions_.expire(now);
  return out;
}

TimePoint Ledger::next_timer() const {
  const TimePoint next_grace = grace_ends_.empty() ? TimePoint::never() : grace_ends_.begin()->first;
  return std::min(next_grace, sessions_.next_expiry());
}

void Ledger::set_unavailable(std::optional<Error> reason) {
  unavailable_ = std::move(reason);
  if (!unavailable_) return;
  unavailable_->code = ErrorCode::kUnavailable;
  if (unavailable_->retry_after_ms == 0) unavailable_->retry_after_ms = Admission::kRetryUnknown_ms;
}

std::uint64_t Ledger::add_attachment(const ClientRoute& route, SequenceId sequence, Request& request, bool is_retry) {
  const std::uint64_t number = ++last_attachment_;
  attachments_.emplace(number, Attachment{route, sequence, is_retry});
  request.attachments.push_back(number);
  sessions_.connection(route)->attachments.emplace(request.request_id, number);
  return number;
}

void Ledger::detach(std::uint64_t number, IngressActions& out) {
  out.to_responder.emplace_back(StreamDetach{route_of(number)});
  requests_.at(attachments_.at(number).sequence).has_detached = true;
  remove_attachment(number);
}

void Ledger::remove_attachment(std::uint64_t number) {
  const auto at = attachments_.find(number);
  SLUICE_CHECK(at != attachments_.end());
  Request& request = requests_.at(at->second.sequence);
  std::erase(request.attachments, number);
  sessions_.connection(at->second.connection)->attachments.erase(request.request_id);
  attachments_.erase(at);
}

void Ledger::start_grace(SequenceId sequence, TimePoint now, IngressActions& out) {
  Request& request = requests_.at(sequence);
  if (request.is_ended || request.is_cancelled) return;
  if (request.resume_grace_ms == 0) return cancel(sequence, out);
  SLUICE_CHECK(!request.grace_end);
  request.grace_end = now + std::chrono::milliseconds(request.resume_grace_ms);
  grace_ends_.emplace(*request.grace_end, sequence);
}

void Ledger::stop_grace(SequenceId sequence, Request& request) {
  if (!request.grace_end) return;
  grace_ends_.erase({*request.grace_end, sequence});
  request.grace_end.reset();
}

void Ledger::cancel(SequenceId sequence, IngressActions& out) {
  Request& request = requests_.at(sequence);
  if (request.is_ended || request.is_cancelled) return;
  request.is_cancelled = true;
  out.to_tokenizer.emplace_back(SequenceCancel{sequence});
}

void Ledger::end(SequenceId sequence, Request& request, TimePoint now) {
  if (request.is_ended) return;
  request.is_ended = true;
  admission_.give_back(request.place, now);
  stop_grace(sequence, request);
}

void Ledger::refuse(const ClientRoute& route, std::string request_id, Error error, IngressActions& out) {
  ++totals_.refused_total;
  totals_.failed.add(error.code);
  out.to_clients.emplace_back(route, Failed{std::move(request_id), std::move(error)});
}

LedgerStats Ledger::stats() const {
  LedgerStats stats = totals_;
  stats.sessions = static_cast<std::uint32_t>(sessions_.num_sessions());
  stats.connections = static_cast<std::uint32_t>(sessions_.num_connections());
  stats.attachments = static_cast<std::uint32_t>(attachments_.size());
  stats.requests_running = admission_.taken();
  stats.queued_prompt_tokens = admission_.queued_prompt_tokens();
  stats.overloaded_tokens_total = admission_.refused_for_tokens();
  stats.overloaded_wait_total = admission_.refused_for_wait();
  stats.overloaded_held_up_total = admission_.refused_for_held_up();
  stats.requests_kept = static_cast<std::uint32_t>(requests_.size()) - admission_.taken();
  return stats;
}

void Ledger::check_invariants() const {
  sessions_.check_invariants();
  std::size_t num_running = 0;
  std::size_t num_attachments = 0;
  std::size_t num_graces = 0;
  std::uint64_t queued_tokens = 0;
  for (const auto& [sequence, request] : requests_) {
    if (!request.is_ended) ++num_running;
    if (request.place.is_queued) queued_tokens += request.place.prompt_tokens;
    SLUICE_CHECK(!request.place.is_queued || (!request.is_ended && !request.attachments.empty()));
    num_attachments += request.attachments.size();
    SLUICE_CHECK_LE(request.attachments.size(), config_.max_attachments);
    for (const std::uint64_t number : request.attachments) SLUICE_CHECK_EQ(attachments_.at(number).sequence, sequence);
    SLUICE_CHECK(sessions_.find_request(request.session, request.request_id) == sequence);
    if (!request.grace_end) continue;
    ++num_graces;
    SLUICE_CHECK(grace_ends_.contains({*request.grace_end, sequence}));
    SLUICE_CHECK(request.attachments.empty() && !request.is_ended);
  }
  SLUICE_CHECK_EQ(num_running, admission_.taken());
  SLUICE_CHECK_EQ(queued_tokens, admission_.queued_prompt_tokens());
  SLUICE_CHECK_EQ(num_attachments, attachments_.size());
  SLUICE_CHECK_EQ(num_graces, grace_ends_.size());
  std::size_t num_connected = 0;
  for (const auto& [route, connection] : sessions_.connections()) {
    for (const auto& [request_id, number] : connection.attachments) {
      SLUICE_CHECK(attachments_.at(number).connection == route);
      ++num_connected;
    }
  }
  SLUICE_CHECK_EQ(num_connected, attachments_.size());
}

}  // namespace sluice

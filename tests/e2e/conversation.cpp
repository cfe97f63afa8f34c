#include "tests/e2e/conversation.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "base/clock.h"

namespace sluice::test {

namespace {

std::string request_id_of(const ServerMessage& message) {
  return std::visit(
      []<class T>(const T& one) -> std::string {
        if constexpr (requires { one.request_id; }) {
          return one.request_id;
        } else {
          return "";
        }
      },
      message);
}

bool is_refusal(ErrorCode code) {
  return code == ErrorCode::kOverloaded || code == ErrorCode::kUnavailable || code == ErrorCode::kNotFound;
}

}  // namespace

Conversation::Conversation(const EngineUnderTest& engine, std::optional<SessionToken> session,
                           std::optional<transport::Context> context) {
  transport::ClientOptions options;
  options.session = session;
  options.context = std::move(context);
  options.connect_timeout = kPatience;
  auto client = transport::Client::connect(engine.ingress(), options);
  if (!client.ok()) FAIL(to_string(client.error()));
  client_ = std::move(*client);
  welcome_ = client_->welcome();
}

void Conversation::generate(const Generate& request) {
  // With a body of its own it is refused, and the attachment that has the id stays as it is.
  const auto found = attachments_.find(request.request_id);
  if (found == attachments_.end() || found->second.has_ended()) return retry(request);
  REQUIRE(client_->send(request).ok());
}

void Conversation::retry(const Generate& request) {
  Attachment fresh;
  fresh.credit_end = request.credit_tokens > 0 ? request.credit_tokens : welcome().client_window_tokens;
  open(request.request_id, std::move(fresh));
  REQUIRE(client_->send(request).ok());
}

void Conversation::attach(const Attach& attach) {
  Attachment fresh;
  fresh.from_index = attach.from_index;
  fresh.credit_end =
      attach.credit_tokens > 0 ? attach.credit_tokens : attach.from_index + welcome().client_window_tokens;
  open(attach.request_id, std::move(fresh));
  REQUIRE(client_->send(attach).ok());
}

void Conversation::open(const std::string& id, Attachment attachment) {
  const auto found = attachments_.find(id);
  attachment.is_replacing = found != attachments_.end() && !found->second.has_ended();
  attachments_[id] = std::move(attachment);
}

void Conversation::credit(const std::string& id, std::uint64_t up_to_index) {
  Attachment& attachment = attachments_.at(id);
  attachment.credit_end = std::max(attachment.credit_end, up_to_index);
  REQUIRE(client_->send(Credit{id, up_to_index}).ok());
}

void Conversation::cancel(const std::string& id) {
  REQUIRE(client_->cancel(id).ok());
}

const Attachment& Conversation::wait_for_answer(const std::string& id) {
  while (!of(id).accepted && !of(id).has_ended()) take_one();
  return of(id);
}

const Attachment& Conversation::wait_for_tokens(const std::string& id, std::size_t count) {
  while (of(id).answer.ids.size() < count) {
    if (of(id).answer.error) FAIL(to_string(*of(id).answer.error));
    REQUIRE_FALSE(of(id).has_ended());
    take_one();
  }
  return of(id);
}

const Attachment& Conversation::wait_for_end(const std::string& id) {
  while (!of(id).has_ended()) take_one();
  return of(id);
}

void Conversation::settle() {
  // Nobody knows this request, and the ingress says so by itself.
  const std::string id = "settle-" + std::to_string(settled_++);
  attach({welcome().session, id});
  const Attachment& answered = wait_for_end(id);
  REQUIRE(answered.answer.error.has_value());
  CHECK(answered.answer.error->code == ErrorCode::kNotFound);
}

void Conversation::listen_until(TimePoint end) {
  const SteadyClock clock;
  for (TimePoint now = clock.now(); now < end; now = clock.now()) {
    auto message = client_->receive(end - now);
    REQUIRE(message.ok());
    if (!message->has_value()) continue;
    on(**message);
  }
}

std::optional<std::string> Conversation::poll() {
  auto message = client_->receive(Duration{0});
  if (!message.ok()) FAIL(to_string(message.error()));
  if (!message->has_value()) return std::nullopt;
  on(**message);
  return request_id_of(**message);
}

std::vector<Failed> Conversation::take_refusals() {
  return std::exchange(refusals_, {});
}

void Conversation::take_one() {
  auto message = client_->receive(kPatience);
  if (!message.ok()) FAIL(to_string(message.error()));
  REQUIRE_MESSAGE(message->has_value(), "the engine says nothing more");
  on(**message);
}

void Conversation::on(const ServerMessage& message) {
  std::visit([this](const auto& one) { on(one); }, message);
}

Attachment* Conversation::live(const std::string& id) {
  CAPTURE(id);
  REQUIRE(attachments_.contains(id));
  Attachment& attachment = attachments_.at(id);
  REQUIRE_FALSE(attachment.has_ended());
  return attachment.is_replacing ? nullptr : &attachment;
}

void Conversation::on(const Welcome&) {
  FAIL("a second Welcome");
}

void Conversation::on(const Accepted& accepted) {
  REQUIRE(attachments_.contains(accepted.request_id));
  Attachment& attachment = attachments_.at(accepted.request_id);
  REQUIRE_FALSE(attachment.has_ended());
  REQUIRE_FALSE(attachment.accepted.has_value());
  attachment.accepted = accepted;
  attachment.is_replacing = false;
}

void Conversation::on(const Tokens& tokens) {
  Attachment* const attachment = live(tokens.request_id);
  if (attachment == nullptr) return;
  CAPTURE(tokens.request_id);
  Answer& answer = attachment->answer;
  REQUIRE(attachment->accepted.has_value());
  REQUIRE(tokens.first_index == attachment->next_index());
  REQUIRE(tokens.first_index + tokens.token_ids.size() <= attachment->credit_end);
  REQUIRE((tokens.logprobs.empty() || tokens.logprobs.size() == tokens.token_ids.size()));
  CHECK(is_utf8(tokens.text));
  answer.ids.insert(answer.ids.end(), tokens.token_ids.begin(), tokens.token_ids.end());
  answer.logprobs.insert(answer.logprobs.end(), tokens.logprobs.begin(), tokens.logprobs.end());
  answer.text += tokens.text;
  attachment->pieces.push_back(tokens.text);
}

void Conversation::on(const Finished& finished) {
  Attachment* const attachment = live(finished.request_id);
  if (attachment == nullptr) return;
  REQUIRE(attachment->accepted.has_value());
  attachment->answer.finished = finished;
}

void Conversation::on(const Failed& failed) {
  if (failed.request_id.empty() || failed.error.code == ErrorCode::kIdConflict) {
    refusals_.push_back(failed);
  } else if (Attachment* const attachment = live(failed.request_id)) {
    attachment->answer.error = failed.error;
  } else if (is_refusal(failed.error.code)) {
    // What was accepted before does not end so: it is the answer to the attachment that replaces it.
    attachments_.at(failed.request_id).answer.error = failed.error;
  }
}

bool is_utf8(const std::string& text) {
  try {
    return !nlohmann::json(text).dump().empty();
  } catch (const nlohmann::json::type_error&) {
    return false;
  }
}

}  // namespace sluice::test

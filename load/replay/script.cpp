#include "load/replay/script.h"

#include <map>
#include <unordered_map>
#include <utility>

#include "transport/codec/client_codec.h"

namespace sluice::load {

namespace {

using transport::RecordedItem;
using transport::RecordedLink;
using transport::RecordedMessage;

// A session, or, where its answer was not recorded, the connection in its place.
using SessionKey = std::pair<SessionToken, std::uint32_t>;

class ScriptReader {
 public:
  explicit ScriptReader(const transport::RecordingHeader& header) { script_.header = header; }

  void take(const RecordedItem& item);
  bool is_full() const { return script_.steps.size() >= kStepsMax || connections_.size() > kStepsMax; }
  ReplayScript finish() && { return std::move(script_); }

 private:
  struct Connection {
    std::optional<SessionToken> session;
    std::uint32_t hellos = 0;
    std::optional<std::size_t> resuming_step;       // A Hello with a session that no answer had named.
    std::map<std::string, std::uint32_t> requests;  // The last of each id.
  };

  void take_message(const RecordedMessage& message);
  void take_client(const RecordedMessage& message, const ClientMessage& decoded);
  void take_answer(std::uint32_t connection, const ServerMessage& decoded);
  void take_loss(const transport::RecordedLoss& loss);

  void ask(ReplayStep& step, const std::string& id, RequestFacts facts, const SessionKey& session);
  void name_session(ReplayStep& step, const SessionToken& session);
  void abandon(Connection& connection, std::vector<Seen>* seen);
  Seen seen_of(std::uint32_t request) const;
  std::uint32_t facts_of(const SessionKey& session, const std::string& id);
  std::vector<std::optional<SessionToken>>& greetings_of(std::uint32_t connection);
  SessionKey session_of(std::uint32_t connection);

  ReplayScript script_;
  std::unordered_map<std::uint32_t, Connection> connections_;
  std::map<std::pair<SessionKey, std::string>, std::uint32_t> facts_;
  std::map<std::pair<SessionKey, std::string>, std::uint32_t> askers_;  // The first request of each.
  std::map<SessionToken, bool> sessions_;                               // That answers have named.
  std::uint64_t ended_requests_ = 0;
};

void ScriptReader::take(const RecordedItem& item) {
  if (const auto* message = std::get_if<RecordedMessage>(&item)) return take_message(*message);
  if (const auto* loss = std::get_if<transport::RecordedLoss>(&item)) return take_loss(*loss);
  if (const auto* gap = std::get_if<transport::RecordedGap>(&item)) {
    script_.lost_messages += gap->num_messages;
  } else {
    script_.lost_messages += std::get<transport::RecordedDamage>(item).num_records;
  }
}

void ScriptReader::take_message(const RecordedMessage& message) {
  if (message.link == RecordedLink::kIngress) {
    const auto decoded = transport::decode_client_frame(message.frame);
    if (decoded.ok()) return take_client(message, *decoded);
  } else {
    const auto decoded = transport::decode_server_frame(message.frame);
    if (decoded.ok()) return take_answer(message.connection, *decoded);
  }
  ++script_.lost_messages;  // Of a later version of the protocol, perhaps.
}

void ScriptReader::take_client(const RecordedMessage& message, const ClientMessage& decoded) {
  Connection& connection = connections_[message.connection];
  ReplayStep step;
  step.offset = message.offset;
  step.time_us = message.time_us;
  step.connection = message.connection;
  step.greetings = static_cast<std::uint32_t>(greetings_of(message.connection).size());
  step.ended_requests = ended_requests_;
  if (const auto* hello = std::get_if<Hello>(&decoded)) {
    ++connection.hellos;
    step.is_hello = true;
    for (const auto& [id, request] : connection.requests) step.seen.push_back(seen_of(request));
    if (hello->session) name_session(step, *hello->session);
    connection.resuming_step.reset();
    if (hello->session && !step.session) connection.resuming_step = script_.steps.size();
  } else if (const auto* generate = std::get_if<Generate>(&decoded)) {
    ask(step, generate->request_id, {.has_deadline = generate->deadline_ms != 0}, session_of(message.connection));
  } else if (const auto* attach = std::get_if<Attach>(&decoded)) {
    name_session(step, attach->session);
    const SessionKey session{attach->session, 0};
    const auto asker = askers_.find({session, attach->request_id});
    ask(step, attach->request_id, {}, session);
    if (asker != askers_.end() && asker->second != step.request) step.seen.push_back(seen_of(asker->second));
    script_.requests[*step.request].is_foreign |= !step.session;
  } else {
    const auto* cancel = std::get_if<Cancel>(&decoded);
    const std::string& id = cancel != nullptr ? cancel->request_id : std::get<Credit>(decoded).request_id;
    if (cancel != nullptr) script_.facts[facts_of(session_of(message.connection), id)].is_cancelled = true;
    if (const auto request = connection.requests.find(id); request != connection.requests.end()) {
      step.request = request->second;
      Seen seen = seen_of(request->second);
      if (cancel == nullptr) seen.tokens = 0;  // Earlier credit does no harm.
      step.seen.push_back(seen);
    }
  }
  script_.steps.push_back(std::move(step));
}

void ScriptReader::ask(ReplayStep& step, const std::string& id, RequestFacts facts, const SessionKey& session) {
  Connection& connection = connections_[step.connection];
  const std::uint32_t number = facts_of(session, id);
  script_.facts[number].has_deadline |= facts.has_deadline;
  step.is_asking = true;
  const auto last = connection.requests.find(id);
  if (last != connection.requests.end()) step.seen.push_back(seen_of(last->second));
  if (last == connection.requests.end() || script_.requests[last->second].answer.is_ended()) {
    const auto request = static_cast<std::uint32_t>(script_.requests.size());
    script_.requests.push_back(
        {step.connection, id, number, static_cast<std::uint32_t>(script_.steps.size()), false, {}});
    connection.requests[id] = request;
    askers_.try_emplace({session, id}, request);
  }
  step.request = connection.requests[id];
}

void ScriptReader::name_session(ReplayStep& step, const SessionToken& session) {
  if (sessions_.contains(session)) step.session = session;
}

void ScriptReader::take_answer(std::uint32_t number, const ServerMessage& decoded) {
  const auto at = connections_.find(number);
  if (at == connections_.end()) {
    ++script_.stray_answers;
    return;
  }
  Connection& connection = at->second;
  auto& greetings = greetings_of(number);
  if (const auto* welcome = std::get_if<Welcome>(&decoded)) {
    abandon(connection, nullptr);  // What a second Hello does.
    connection.session = welcome->session;
    if (connection.resuming_step) script_.steps[*connection.resuming_step].is_resuming_unknown = true;
    connection.resuming_step.reset();
    greetings.push_back(welcome->session);
    sessions_[welcome->session] = true;
    if (script_.client_window_tokens == 0) script_.client_window_tokens = welcome->client_window_tokens;
    return;
  }
  const auto* failed = std::get_if<Failed>(&decoded);
  if (failed != nullptr && failed->request_id.empty()) {
    if (greetings.size() < connection.hellos) greetings.push_back(std::nullopt);
    return;
  }
  const std::string& id = std::visit(
      [](const auto& message) -> const std::string& {
        static const std::string kNone;
        if constexpr (requires { message.request_id; }) return message.request_id;
        return kNone;
      },
      decoded);
  const auto request = connection.requests.find(id);
  if (request == connection.requests.end()) {
    ++script_.stray_answers;
    return;
  }
  Transcript& answer = script_.requests[request->second].answer;
  const bool was_ended = answer.is_ended();
  if (const auto* accepted = std::get_if<Accepted>(&decoded)) answer.add(*accepted);
  if (const auto* tokens = std::get_if<Tokens>(&decoded)) answer.add(*tokens);
  if (const auto* finished = std::get_if<Finished>(&decoded)) answer.add(*finished);
  if (failed != nullptr) answer.add(*failed);
  if (!was_ended && answer.is_ended()) ++ended_requests_;
}

void ScriptReader::take_loss(const transport::RecordedLoss& loss) {
  const auto connection = connections_.find(loss.connection);
  if (connection == connections_.end()) return;
  ReplayStep step;
  step.time_us = loss.time_us;
  step.connection = loss.connection;
  step.greetings = static_cast<std::uint32_t>(greetings_of(loss.connection).size());
  step.ended_requests = ended_requests_;
  abandon(connection->second, &step.seen);
  connections_.erase(connection);
  script_.steps.push_back(std::move(step));
}

// Its requests that are running have lost their client.
void ScriptReader::abandon(Connection& connection, std::vector<Seen>* seen) {
  for (const auto& [id, request] : connection.requests) {
    if (seen != nullptr) seen->push_back(seen_of(request));
    if (!script_.requests[request].answer.is_ended()) {
      script_.facts[script_.requests[request].facts].is_abandoned = true;
    }
  }
  connection.requests.clear();
}

Seen ScriptReader::seen_of(std::uint32_t request) const {
  const Transcript& answer = script_.requests[request].answer;
  return {request, answer.is_accepted, answer.is_ended(), answer.tokens.size()};
}

std::uint32_t ScriptReader::facts_of(const SessionKey& session, const std::string& id) {
  const auto next = static_cast<std::uint32_t>(script_.facts.size());
  const auto [at, is_new] = facts_.try_emplace({session, id}, next);
  if (is_new) script_.facts.emplace_back();
  return at->second;
}

std::vector<std::optional<SessionToken>>& ScriptReader::greetings_of(std::uint32_t connection) {
  return script_.greetings[connection];
}

SessionKey ScriptReader::session_of(std::uint32_t connection) {
  const auto& session = connections_[connection].session;
  return session ? SessionKey{*session, 0} : SessionKey{{}, connection};
}

}  // namespace

Result<ReplayScript> read_script(transport::RecordingReader& reader) {
  if (!reader.header().has_ingress) {
    return Error{ErrorCode::kInvalidRequest, "the recording lacks what clients sent: [record] links needs \"ingress\""};
  }
  ScriptReader script(reader.header());
  while (const auto item = reader.next()) {
    if (script.is_full()) {
      return Error{ErrorCode::kInvalidRequest,
                   "the recording has more than " + std::to_string(kStepsMax) + " messages of clients"};
    }
    script.take(*item);
  }
  ReplayScript finished = std::move(script).finish();
  finished.is_torn = reader.end().torn_bytes > 0;
  return finished;
}

}  // namespace sluice::load

#include "pipeline/request/session_table.h"

#include <algorithm>
#include <chrono>
#include <cstring>

#include "base/check.h"

namespace sluice {

// The token is random: any eight of its bytes are a hash.
std::size_t SessionTable::TokenHash::operator()(const SessionToken& token) const noexcept {
  std::size_t hash = 0;
  std::memcpy(&hash, token.bytes.data(), sizeof(hash));
  return hash;
}

SessionTable::SessionTable(SessionLimits limits) : limits_(limits) {
  SLUICE_CHECK_GT(limits.max_sessions, 0u);
  SLUICE_CHECK_GT(limits.max_connections, 0u);
}

Result<SessionToken> SessionTable::open(const ClientRoute& route, const std::optional<SessionToken>& wanted,
                                        const SessionToken& fresh, TimePoint now) {
  SLUICE_CHECK(!connections_.contains(route));
  expire(now);
  if (wanted && !sessions_.contains(*wanted)) {
    return Error{ErrorCode::kNotFound, "session is unknown or has expired: say Hello without one", 0};
  }
  if (!wanted && sessions_.contains(fresh)) {
    return Error{ErrorCode::kInternal, "session token was drawn twice", 0};
  }
  if (auto room = make_room_for_connection(now); !room) return room.error();
  if (!wanted) {
    if (auto room = make_room_for_session(); !room) return room.error();
  }
  const SessionToken token = wanted.value_or(fresh);
  Session& session = sessions_[token];
  ++session.connections;
  update_idle(token, session, now);
  connections_.emplace(route, Connection{token, now, {}});
  return token;
}

void SessionTable::close(const ClientRoute& route, TimePoint now) {
  const auto at = connections_.find(route);
  SLUICE_CHECK(at != connections_.end());
  SLUICE_CHECK(at->second.attachments.empty());
  const SessionToken token = at->second.session;
  connections_.erase(at);
  Session& session = sessions_.at(token);
  --session.connections;
  update_idle(token, session, now);
}

Connection* SessionTable::connection(const ClientRoute& route) {
  const auto at = connections_.find(route);
  return at == connections_.end() ? nullptr : &at->second;
}

const Session* SessionTable::session(const SessionToken& token) const {
  const auto at = sessions_.find(token);
  return at == sessions_.end() ? nullptr : &at->second;
}

void SessionTable::add_request(const SessionToken& token, const std::string& request_id, SequenceId sequence) {
  Session& session = sessions_.at(token);
  SLUICE_CHECK_GT(session.connections, 0u);
  SLUICE_CHECK(session.requests.emplace(request_id, sequence).second);
}

void SessionTable::remove_request(const SessionToken& token, const std::string& request_id, TimePoint now) {
  Session& session = sessions_.at(token);
  SLUICE_CHECK_EQ(session.requests.erase(request_id), 1u);
  update_idle(token, session, now);
}

std::optional<SequenceId> SessionTable::find_request(const SessionToken& token, const std::string& request_id) const {
  const Session* of_token = session(token);
  if (of_token == nullptr) return std::nullopt;
  const auto at = of_token->requests.find(request_id);
  return at == of_token->requests.end() ? std::nullopt : std::optional(at->second);
}

void SessionTable::expire(TimePoint now) {
  while (!idle_ends_.empty() && idle_ends_.begin()->first <= now) {
    sessions_.erase(idle_ends_.begin()->second);
    idle_ends_.erase(idle_ends_.begin());
  }
}

TimePoint SessionTable::next_expiry() const {
  return idle_ends_.empty() ? TimePoint::never() : idle_ends_.begin()->first;
}

// A scan, but only when somebody says Hello to a full table.
Result<void> SessionTable::make_room_for_connection(TimePoint now) {
  if (connections_.size() < limits_.max_connections) return {};
  auto oldest = connections_.end();
  for (auto at = connections_.begin(); at != connections_.end(); ++at) {
    if (!at->second.attachments.empty()) continue;
    if (oldest == connections_.end() || at->second.last_heard < oldest->second.last_heard) oldest = at;
  }
  if (oldest == connections_.end()) {
    return Error{ErrorCode::kOverloaded,
                 "all " + std::to_string(limits_.max_connections) + " connections are taking requests", 1'000};
  }
  const ClientRoute route = oldest->first;
  close(route, now);
  return {};
}

Result<void> SessionTable::make_room_for_session() {
  if (sessions_.size() < limits_.max_sessions) return {};
  if (idle_ends_.empty()) {
    return Error{ErrorCode::kOverloaded, "all " + std::to_string(limits_.max_sessions) + " sessions are in use", 1'000};
  }
  sessions_.erase(idle_ends_.begin()->second);
  idle_ends_.erase(idle_ends_.begin());
  return {};
}

void SessionTable::update_idle(const SessionToken& token, Session& session, TimePoint now) {
  const bool is_idle = session.connections == 0 && session.requests.empty();
  if (is_idle == session.idle_end.has_value()) return;
  if (is_idle) {
    session.idle_end = now + std::chrono::milliseconds(limits_.session_idle_ms);
    idle_ends_.emplace(*session.idle_end, token);
  } else {
    idle_ends_.erase({*session.idle_end, token});
    session.idle_end.reset();
  }
}

void SessionTable::check_invariants() const {
  SLUICE_CHECK_LE(connections_.size(), limits_.max_connections);
  SLUICE_CHECK_LE(sessions_.size(), limits_.max_sessions);
  std::unordered_map<SessionToken, std::uint32_t, TokenHash> connections;
  for (const auto& [route, connection] : connections_) ++connections[connection.session];
  std::size_t num_idle = 0;
  for (const auto& [token, session] : sessions_) {
    const auto at = connections.find(token);
    SLUICE_CHECK_EQ(session.connections, at == connections.end() ? 0u : at->second);
    SLUICE_CHECK_EQ(session.idle_end.has_value(), session.connections == 0 && session.requests.empty());
    if (!session.idle_end) continue;
    ++num_idle;
    SLUICE_CHECK(idle_ends_.contains({*session.idle_end, token}));
  }
  for (const auto& [token, count] : connections) SLUICE_CHECK(sessions_.contains(token));
  SLUICE_CHECK_EQ(num_idle, idle_ends_.size());
}

}  // namespace sluice

// SessionTable: who is connected, and under which session.
//
// A session is named by its token and outlives its connections; it holds the client's requests by their ids. A
// connection is one ZeroMQ routing id that has said Hello, in one session.
//
// Owns: sessions and connections, both bounded.
// Confined: the ingress actor, inside its Ledger.
// Errors: Results with kNotFound and kOverloaded. Unknown routes and tokens are null pointers, never check failures.
// Invariant: a session without connection and without requests is idle and expires; no other does.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>

#include "base/clock.h"
#include "base/error.h"
#include "base/id.h"
#include "base/messages/client.h"
#include "base/messages/pipeline.h"

namespace sluice {

struct SessionLimits {
  std::uint32_t max_sessions = 4096;     // Idle ones make room, longest idle first; else a Hello is refused.
  std::uint32_t max_connections = 4096;  // One without attachments makes room, longest silent first; else refused.
  std::uint32_t session_idle_ms = 60'000;
};

struct RouteHash {
  std::size_t operator()(const ClientRoute& route) const noexcept { return std::hash<std::string>{}(route.bytes); }
};

struct Connection {
  SessionToken session;
  TimePoint last_heard;
  std::unordered_map<std::string, std::uint64_t> attachments;  // Attachment numbers of the ledger by request id.
};

struct Session {
  std::unordered_map<std::string, SequenceId> requests;  // Running and kept, by request id.
  std::uint32_t connections = 0;
  std::optional<TimePoint> idle_end;  // Set while idle.
};

class SessionTable {
 public:
  explicit SessionTable(SessionLimits limits);

  // Makes `route` a connection of `wanted`, or of a new session named `fresh`. The route has no connection yet.
  Result<SessionToken> open(const ClientRoute& route, const std::optional<SessionToken>& wanted,
                            const SessionToken& fresh, TimePoint now);
  // Its attachments are gone already.
  void close(const ClientRoute& route, TimePoint now);

  // Null if unknown. A pointer lives until the next open, close or expiry.
  Connection* connection(const ClientRoute& route);
  const Session* session(const SessionToken& token) const;
  const std::unordered_map<ClientRoute, Connection, RouteHash>& connections() const { return connections_; }

  void add_request(const SessionToken& token, const std::string& request_id, SequenceId sequence);
  void remove_request(const SessionToken& token, const std::string& request_id, TimePoint now);
  std::optional<SequenceId> find_request(const SessionToken& token, const std::string& request_id) const;

  // Drops idle sessions whose time is over.
  void expire(TimePoint now);
  TimePoint next_expiry() const;

  std::size_t num_sessions() const { return sessions_.size(); }
  std::size_t num_connections() const { return connections_.size(); }
  void check_invariants() const;

 private:
  struct TokenHash {
    std::size_t operator()(const SessionToken& token) const noexcept;
  };

  Result<void> make_room_for_connection(TimePoint now);
  Result<void> make_room_for_session();
  void update_idle(const SessionToken& token, Session& session, TimePoint now);

  SessionLimits limits_;
  std::unordered_map<SessionToken, Session, TokenHash> sessions_;
  std::unordered_map<ClientRoute, Connection, RouteHash> connections_;
  std::set<std::pair<TimePoint, SessionToken>> idle_ends_;
};

}  // namespace sluice

// Offenders: connections that send what is no message, and those of them that nobody listens to any more.
//
// ZeroMQ's ROUTER cannot close one connection. All that can be saved is the work: who has sent max_garbage messages
// more that were none than good ones is muted until its connection is gone, and what comes from it is not even decoded.
//
// Owns: a number for each connection that owes one, at most kMaxRoutes: beyond, one of them gets a new chance.
// Confined: the ingress actor, inside its Ledger.
#pragma once

#include <cstddef>
#include <cstdint>
#include <unordered_map>

#include "base/messages/pipeline.h"
#include "pipeline/request/session_table.h"

namespace sluice {

class Offenders {
 public:
  static constexpr std::size_t kMaxRoutes = 65'536;

  // 1 or more.
  explicit Offenders(std::uint32_t max_garbage);

  // True: this one was too many, from now on the connection is muted.
  bool note_garbage(const ClientRoute& route);
  void note_good(const ClientRoute& route);
  bool is_muted(const ClientRoute& route) const;
  // The connection is gone; the next one under this route is another.
  void forget(const ClientRoute& route) { garbage_.erase(route); }

  std::size_t size() const { return garbage_.size(); }

 private:
  std::uint32_t max_garbage_;
  std::unordered_map<ClientRoute, std::uint32_t, RouteHash> garbage_;  // 1 to max_garbage_; that many: muted.
};

}  // namespace sluice

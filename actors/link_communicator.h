// Ranks of several processes meet over links: each sends its values to every other one, and adds up what it has got in
// rank order, as ranks do that meet in memory. A message per peer and exchange, its tensor not copied on the way.
//
// Owns:    a link from and to each peer.
// Thread:  the rank's, destruction included: peers learn of it when the links close.
// Waiting: asks `wait` between looks at its links, which sleeps until one of them or the mailbox has news.
// Errors:  kTransportLost where a peer's session is over, or `wait` says that the epoch is.
//          kProtocolViolation for a peer's message that is not the one due.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "actors/ports.h"
#include "kernels/collective/communicator.h"

namespace sluice::actors {

class LinkCommunicator final : public kernels::Communicator {
 public:
  // False: give up.
  using Wait = std::function<bool()>;

  // Binds for each peer at assign.exchange_address. Errors: as LinkIn::bind.
  static Result<std::unique_ptr<LinkCommunicator>> bind(const transport::Context& context, const StageAssign& assign,
                                                        Wait wait);
  // Where each peer connects, by rank.
  std::vector<std::string> addresses() const;
  // Where this rank's values go, by rank. Errors: as LinkOut::connect; kProtocolViolation unless one for each.
  Result<void> connect(const transport::Context& context, const std::vector<std::string>& addresses, TimePoint now);

  std::uint32_t rank() const override { return assign_.rank; }
  std::uint32_t num_ranks() const override { return assign_.num_ranks; }
  Result<void> all_reduce_sum(std::span<float> values) override;
  Result<void> all_gather(std::span<const float> part, std::span<float> all) override;

  void watch(transport::Poller& poller) const;
  // Grants, heartbeats.
  void advance(TimePoint now);

 private:
  struct Peer {
    std::optional<InPort> in;
    std::optional<OutPort> out;
    std::optional<PartialResult> result;  // Of the exchange at hand.
  };

  LinkCommunicator(const StageAssign& assign, Wait wait) : assign_(assign), wait_(std::move(wait)) {}
  // Sends `mine` to all and waits for theirs, each as long.
  Result<void> exchange(std::span<const float> mine);
  Result<void> take(Peer& peer, std::size_t count, TimePoint now);
  std::span<const float> values_of(std::uint32_t rank, std::span<const float> mine) const;

  StageAssign assign_;
  Wait wait_;
  SteadyClock clock_;
  std::vector<Peer> peers_;  // By rank; this rank's own is empty.
  std::uint64_t exchange_ = 0;
  std::vector<float> sum_;
};

}  // namespace sluice::actors

#include "actors/link_communicator.h"

#include <algorithm>
#include <limits>

#include "actors/stage_assignments.h"
#include "base/check.h"
#include "kernels/collective/rank_order_sum.h"

namespace sluice::actors {

namespace {

Error over(const std::string& why) {
  return Error{ErrorCode::kTransportLost, "the exchange between ranks is over: " + why, 100};
}

std::string name_of(const StageAssign& assign) {
  return "stage-" + std::to_string(assign.pipeline_stage) + "-" + std::to_string(assign.rank);
}

HiddenStates copy_of(std::span<const float> values) {
  auto memory = std::make_shared_for_overwrite<float[]>(values.size());
  std::ranges::copy(values, memory.get());
  HiddenStates states;
  states.rows = 1;
  states.columns = static_cast<std::uint32_t>(values.size());
  states.values = {memory.get(), values.size()};
  states.owner = std::move(memory);
  return states;
}

}  // namespace

Result<std::unique_ptr<LinkCommunicator>> LinkCommunicator::bind(const transport::Context& context,
                                                                 const StageAssign& assign, Wait wait) {
  std::unique_ptr<LinkCommunicator> made(new LinkCommunicator(assign, std::move(wait)));
  made->peers_.resize(assign.num_ranks);
  for (std::uint32_t peer = 0; peer < assign.num_ranks; ++peer) {
    if (peer == assign.rank) continue;
    auto link = transport::LinkIn::bind(context, for_peer(assign.exchange_address, peer),
                                        {name_of(assign), 0, assign.epoch}, link_limits(assign.links));
    if (!link.ok()) return std::move(link).error();
    made->peers_[peer].in.emplace(std::move(*link));
  }
  return made;
}

std::vector<std::string> LinkCommunicator::addresses() const {
  std::vector<std::string> addresses;
  for (const Peer& peer : peers_) addresses.push_back(peer.in ? peer.in->address() : "");
  return addresses;
}

Result<void> LinkCommunicator::connect(const transport::Context& context, const std::vector<std::string>& addresses,
                                       TimePoint now) {
  if (addresses.size() != peers_.size()) {
    return Error{ErrorCode::kProtocolViolation, std::to_string(addresses.size()) + " addresses for " +
                                                    std::to_string(peers_.size()) + " ranks"};
  }
  for (std::uint32_t peer = 0; peer < peers_.size(); ++peer) {
    if (peer == rank()) continue;
    auto link = transport::LinkOut::connect(context, addresses[peer], {name_of(assign_), 0, assign_.epoch},
                                            link_limits(assign_.links), now);
    if (!link.ok()) return std::move(link).error();
    peers_[peer].out.emplace(std::move(*link));
  }
  return {};
}

Result<void> LinkCommunicator::all_reduce_sum(std::span<float> values) {
  if (auto exchanged = exchange(values); !exchanged.ok()) return exchanged;
  sum_.resize(values.size());
  kernels::add_in_rank_order(num_ranks(), [&](std::uint32_t rank) { return values_of(rank, values); }, sum_);
  std::ranges::copy(sum_, values.begin());
  return {};
}

Result<void> LinkCommunicator::all_gather(std::span<const float> part, std::span<float> all) {
  SLUICE_CHECK_EQ(all.size(), part.size() * num_ranks());
  if (auto exchanged = exchange(part); !exchanged.ok()) return exchanged;
  for (std::uint32_t rank = 0; rank < num_ranks(); ++rank) {
    std::ranges::copy(values_of(rank, part), all.begin() + static_cast<std::ptrdiff_t>(rank * part.size()));
  }
  return {};
}

void LinkCommunicator::watch(transport::Poller& poller) const {
  for (const Peer& peer : peers_) {
    if (peer.in) poller.add(*peer.in);
    if (peer.out) poller.add(*peer.out);
  }
}

void LinkCommunicator::advance(TimePoint now) {
  // A session that is over shows in the next exchange.
  for (Peer& peer : peers_) {
    if (peer.in) peer.in->advance(now);
    if (peer.out) peer.out->advance(now);
  }
}

Result<void> LinkCommunicator::exchange(std::span<const float> mine) {
  SLUICE_CHECK_LE(mine.size(), std::size_t{std::numeric_limits<std::uint32_t>::max()});
  const transport::Message message = transport::encode(PartialResult{assign_.epoch, ++exchange_, copy_of(mine)});
  for (Peer& peer : peers_) {
    peer.result.reset();
    if (peer.out) peer.out->send_encoded(message, clock_.now());
  }
  while (true) {
    bool is_complete = true;
    for (Peer& peer : peers_) {
      if (!peer.out) continue;
      if (auto taken = take(peer, mine.size(), clock_.now()); !taken.ok()) return taken;
      is_complete = is_complete && peer.result.has_value();
    }
    if (is_complete) return {};
    if (!wait_()) return over("the epoch has ended");
  }
}

Result<void> LinkCommunicator::take(Peer& peer, std::size_t count, TimePoint now) {
  const auto lost_output = peer.out->advance(now);
  const auto lost_input = peer.in->advance(now);
  if (!peer.result) {
    auto input = peer.in->receive<PartialResult>(now);
    if (input) {
      if (!input->ok()) return std::move(*input).error();
      if ((**input).epoch != assign_.epoch || (**input).exchange != exchange_ ||
          (**input).values.values.size() != count) {
        return Error{ErrorCode::kProtocolViolation,
                     "a rank sent " + std::to_string((**input).values.values.size()) + " values for exchange " +
                         std::to_string((**input).exchange) + ", due are " + std::to_string(count) + " for exchange " +
                         std::to_string(exchange_)};
      }
      peer.result = std::move(**input);
      peer.in->consumed();
    }
  }
  if (lost_output) return over(*lost_output);
  if (lost_input && !peer.result) return over(*lost_input);
  return {};
}

std::span<const float> LinkCommunicator::values_of(std::uint32_t rank, std::span<const float> mine) const {
  return rank == assign_.rank ? mine : peers_[rank].result->values.values;
}

}  // namespace sluice::actors

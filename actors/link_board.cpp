#include "actors/link_board.h"

#include "base/check.h"

namespace sluice::actors {

Result<LinkBoard> LinkBoard::create(const transport::Context& context, std::span<const LinkName> links,
                                    const transport::LinkLimits& limits) {
  LinkBoard board;
  const TimePoint now = SteadyClock{}.now();
  for (const LinkName& link : links) {
    const Key key{link.from, link.to};
    const std::string name = key.first + "-" + key.second;
    const std::string address = "inproc://" + name;
    auto in = transport::LinkIn::bind(context, address, {name, 0, Epoch{1}}, limits);
    if (!in.ok()) return std::move(in).error();
    auto out = transport::LinkOut::connect(context, address, {name, 0, Epoch{1}}, limits, now);
    if (!out.ok()) return std::move(out).error();
    board.ins_.emplace(key, InPort(std::move(*in)));
    board.outs_.emplace(key, OutPort(std::move(*out)));
  }
  return board;
}

OutPort LinkBoard::out(std::string_view from, std::string_view to) {
  auto node = outs_.extract(Key{from, to});
  SLUICE_CHECK(!node.empty());
  return std::move(node.mapped());
}

InPort LinkBoard::in(std::string_view from, std::string_view to) {
  auto node = ins_.extract(Key{from, to});
  SLUICE_CHECK(!node.empty());
  return std::move(node.mapped());
}

}  // namespace sluice::actors

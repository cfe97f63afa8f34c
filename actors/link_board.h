// The links inside the head process, made before the actors that use them: both ends of each, by name.
//
// Owns:    the ends until they are taken, each once.
// Thread:  of whoever wires the engine; the ends may move to other threads.
#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "actors/ports.h"
#include "base/error.h"
#include "transport/zmq/context.h"

namespace sluice::actors {

struct LinkName {
  std::string from;
  std::string to;
};

class LinkBoard {
 public:
  // Errors: kInternal if the system refuses sockets.
  static Result<LinkBoard> create(const transport::Context& context, std::span<const LinkName> links,
                                  const transport::LinkLimits& limits);

  OutPort out(std::string_view from, std::string_view to);
  InPort in(std::string_view from, std::string_view to);

 private:
  using Key = std::pair<std::string, std::string>;

  std::map<Key, OutPort> outs_;
  std::map<Key, InPort> ins_;
};

}  // namespace sluice::actors

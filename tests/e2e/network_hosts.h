// Hosts for a test: network namespaces on one bridge, each with an address of its own. Only root may make them.
//
// Owns:    the namespaces; they go with this object, and with them all that runs on their networks alone.
// Errors:  a doctest failure for what must not happen once the first namespace could be made.
#pragma once

#include <string>
#include <vector>

namespace sluice::test {

class NetworkHosts {
 public:
  // Whether this machine lets us: where not, why.
  static std::string hindrance();

  // `count` hosts with the addresses 10.0.0.1, 10.0.0.2, ...
  explicit NetworkHosts(int count);
  NetworkHosts(const NetworkHosts&) = delete;
  NetworkHosts& operator=(const NetworkHosts&) = delete;
  ~NetworkHosts();

  static std::string address(int host) { return "10.0.0." + std::to_string(host + 1); }
  // Arguments of the program `ip` that run sluice on this host.
  std::vector<std::string> on(int host, const std::vector<std::string>& sluice_arguments) const;

 private:
  std::string name(int host) const;

  int count_;
};

}  // namespace sluice::test

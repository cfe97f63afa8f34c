#include "tests/e2e/network_hosts.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <iterator>
#include <sstream>

#include "tests/e2e/program.h"

namespace sluice::test {
namespace {

struct IpOutcome {
  int exit_code = 0;
  std::string output;
};

// The program `ip`, with a line of arguments.
IpOutcome ip(const std::string& line) {
  std::istringstream words(line);
  Program program({std::istream_iterator<std::string>(words), {}}, true, "ip");
  IpOutcome outcome;
  outcome.output = program.rest();
  outcome.exit_code = program.wait();
  return outcome;
}

void must(const std::string& line) {
  const IpOutcome outcome = ip(line);
  CAPTURE(line);
  CAPTURE(outcome.output);
  REQUIRE(outcome.exit_code == 0);
}

}  // namespace

std::string NetworkHosts::hindrance() {
  const std::string probe = "sluice-probe-" + std::to_string(getpid());
  const IpOutcome made = ip("netns add " + probe);
  if (made.exit_code != 0) return made.exit_code == 127 ? "there is no program 'ip' (iproute2)" : made.output;
  // A bridge and a pair of devices are more than some kernels have.
  IpOutcome bridge = ip("-n " + probe + " link add name br0 type bridge");
  if (bridge.exit_code == 0) bridge = ip("-n " + probe + " link add name v0 type veth peer name v1");
  ip("netns del " + probe);
  return bridge.exit_code == 0 ? "" : bridge.output;
}

// Host 0 has the bridge; the others are plugged into it.
NetworkHosts::NetworkHosts(int count) : count_(count) {
  for (int host = 0; host < count_; ++host) {
    must("netns add " + name(host));
    must("-n " + name(host) + " link set lo up");
  }
  must("-n " + name(0) + " link add name br0 type bridge");
  must("-n " + name(0) + " addr add " + address(0) + "/24 dev br0");
  must("-n " + name(0) + " link set br0 up");
  for (int host = 1; host < count_; ++host) {
    const std::string plug = "host" + std::to_string(host);
    must("-n " + name(0) + " link add name " + plug + " type veth peer name eth0 netns " + name(host));
    must("-n " + name(0) + " link set " + plug + " master br0 up");
    must("-n " + name(host) + " addr add " + address(host) + "/24 dev eth0");
    must("-n " + name(host) + " link set eth0 up");
  }
}

NetworkHosts::~NetworkHosts() {
  for (int host = 0; host < count_; ++host) ip("netns del " + name(host));
}

std::string NetworkHosts::name(int host) const {
  return "sluice-" + std::to_string(getpid()) + "-" + std::to_string(host);
}

std::vector<std::string> NetworkHosts::on(int host, const std::vector<std::string>& sluice_arguments) const {
  std::vector<std::string> arguments = {"netns", "exec", name(host), sluice_program()};
  arguments.insert(arguments.end(), sluice_arguments.begin(), sluice_arguments.end());
  return arguments;
}

}  // namespace sluice::test

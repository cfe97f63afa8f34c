#include "transport/zmq/address.h"

#include <doctest/doctest.h>

#include <string>

using namespace sluice;
using namespace sluice::transport;

TEST_SUITE("transport/zmq/address") {
  TEST_CASE("addresses of the three transports are accepted") {
    for (const char* address : {"inproc://a", "ipc:///tmp/a", "ipc://@abstract", "tcp://127.0.0.1:5555",
                                "tcp://localhost:*", "tcp://[::1]:0", "tcp://127.8.0.1:1"}) {
      CAPTURE(address);
      CHECK(check_bind_address(address, false).ok());
    }
  }

  TEST_CASE("malformed addresses are refused with the address in the sentence") {
    for (const char* address : {"", "tcp", "udp://1.2.3.4:5", "inproc://", "ipc://", "tcp://", "tcp://host",
                                "tcp://:5555", "tcp://host:", "tcp://host:70000", "tcp://host:12a", "127.0.0.1:5555"}) {
      CAPTURE(address);
      const auto checked = check_address(address);
      REQUIRE_FALSE(checked.ok());
      CHECK(checked.error().code == ErrorCode::kInvalidConfig);
      CHECK(checked.error().message.find(address) != std::string::npos);
    }
  }

  TEST_CASE("an ipc path beyond the system's limit is refused with both lengths") {
    const auto checked = check_address("ipc:///" + std::string(107, 'x'));
    REQUIRE_FALSE(checked.ok());
    CHECK(checked.error().message.find("108 characters") != std::string::npos);
    CHECK(checked.error().message.find("107") != std::string::npos);
    CHECK(check_address("ipc:///" + std::string(106, 'x')).ok());
  }

  TEST_CASE("a bind beyond loopback is refused unless it is allowed") {
    for (const char* address : {"tcp://0.0.0.0:5555", "tcp://*:5555", "tcp://192.168.1.1:5555", "tcp://eth0:5555",
                                "tcp://127.evil.org:1", "tcp://[::]:5555"}) {
      CAPTURE(address);
      const auto checked = check_bind_address(address, false);
      REQUIRE_FALSE(checked.ok());
      CHECK(checked.error().code == ErrorCode::kInvalidConfig);
      CHECK(checked.error().message.find("refuses") != std::string::npos);
      CHECK(check_bind_address(address, true).ok());
    }
  }
}

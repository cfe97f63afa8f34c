#include "transport/curve/zap_message.h"

#include <doctest/doctest.h>

#include <cstring>

using namespace sluice;
using namespace sluice::transport;

namespace {

Frame frame(std::string_view text) {
  FrameBuilder builder(text.size());
  if (!text.empty()) std::memcpy(builder.bytes().data(), text.data(), text.size());
  return std::move(builder).freeze();
}

std::string text(const Frame& frame) {
  return {reinterpret_cast<const char*>(frame.bytes().data()), frame.size()};
}

Message request() {
  return {frame("1.0"),
          frame("1"),
          frame("control"),
          frame("10.0.0.2"),
          frame(""),
          frame("CURVE"),
          frame(std::string(32, '\7'))};
}

}  // namespace

TEST_SUITE("transport/curve/zap_message") {
  TEST_CASE("a request of libzmq is read") {
    const auto read = decode_zap_request(request());
    REQUIRE(read.ok());
    CHECK(read->id == "1");
    CHECK(read->domain == CurveDomain::kControl);
    CHECK(read->address == "10.0.0.2");
    CHECK(read->key.bytes[31] == 7);
  }

  TEST_CASE("what is none is refused: each frame changed, one missing, one too many") {
    for (const std::size_t changed : {0, 2, 5, 6}) {
      Message bad = request();
      bad[changed] = frame("x");
      CHECK_FALSE(decode_zap_request(bad).ok());
    }
    Message shorter = request();
    shorter.pop_back();
    CHECK_FALSE(decode_zap_request(shorter).ok());
    Message longer = request();
    longer.push_back(frame(""));
    CHECK_FALSE(decode_zap_request(longer).ok());
    CHECK_FALSE(decode_zap_request({}).ok());
  }

  TEST_CASE("answers: 200 with whom the key speaks for, 300 and 400 with nobody") {
    PublicKey key;
    const Message yes = encode_zap_answer("7", key, {Admittance::kYes, "alice", {}});
    REQUIRE(yes.size() == 6);
    CHECK(text(yes[0]) == "1.0");
    CHECK(text(yes[1]) == "7");
    CHECK(text(yes[2]) == "200");
    CHECK(peer_from_string(text(yes[4])) == PeerIdentity{key, "alice"});
    const Message not_now = encode_zap_answer("7", key, {Admittance::kNotNow, "alice", {}});
    CHECK(text(not_now[2]) == "300");
    CHECK(text(not_now[4]).empty());
    CHECK(text(encode_zap_answer("7", key, {})[2]) == "400");
  }
}

#include "transport/codec/control_codec.h"

#include <doctest/doctest.h>

#include "internal.capnp.h"
#include "tests/support/random_messages.h"
#include "transport/codec/wire_frame.h"

namespace sluice::transport {
namespace {

using test::RandomMessages;

TEST_SUITE("transport/codec/control_codec") {
  TEST_CASE("WorkerMessage: every kind comes back as it went") {
    RandomMessages random(1);
    for (int round = 0; round < 100; ++round) {
      for (std::size_t kind = 0; kind < std::variant_size_v<WorkerMessage>; ++kind) {
        const WorkerMessage sent = random.worker_message(kind);
        const auto received = decode_worker_message(encode(sent));
        REQUIRE(received.ok());
        CHECK(*received == sent);
      }
    }
  }

  TEST_CASE("HeadMessage: every kind comes back as it went") {
    RandomMessages random(2);
    for (int round = 0; round < 100; ++round) {
      for (std::size_t kind = 0; kind < std::variant_size_v<HeadMessage>; ++kind) {
        const HeadMessage sent = random.head_message(kind);
        const auto received = decode_head_message(encode(sent));
        REQUIRE(received.ok());
        CHECK(*received == sent);
      }
    }
  }

  TEST_CASE("decode: an unknown dtype is refused") {
    const auto assign = [](wire::HeadMessage::Builder root) {
      root.initStageAssign().setCompute(static_cast<wire::DType>(3));
    };
    const auto decoded = decode_head_message({codec::build_frame<wire::HeadMessage>(256, assign)});
    CHECK(decoded.error() == Error{ErrorCode::kProtocolViolation, "dtype 3 is unknown"});
  }

  TEST_CASE("decode: weights of an unknown kind are refused") {
    const auto assign = [](wire::HeadMessage::Builder root) {
      root.initStageAssign().setWeights(static_cast<wire::WeightsKind>(3));
    };
    const auto decoded = decode_head_message({codec::build_frame<wire::HeadMessage>(256, assign)});
    CHECK(decoded.error() == Error{ErrorCode::kProtocolViolation, "weights of kind 3 are unknown"});
  }

  TEST_CASE("decode: a histogram of other buckets than ours is refused") {
    const auto stats = [](wire::WorkerMessage::Builder root) { root.initStageStats().initStepUsCounts(3); };
    const auto decoded = decode_worker_message({codec::build_frame<wire::WorkerMessage>(256, stats)});
    CHECK(decoded.error() == Error{ErrorCode::kProtocolViolation, "histogram has 3 buckets, not 23"});
  }

  TEST_CASE("decode: a message of two frames is refused") {
    Message message = encode(HeadMessage(WorkerWelcome{}));
    message.push_back(message[0]);
    CHECK(decode_head_message(message).error().message == "message has 2 frames, expected 1");
    CHECK(decode_worker_message({}).error().message == "message has 0 frames, expected 1");
  }
}

}  // namespace
}  // namespace sluice::transport

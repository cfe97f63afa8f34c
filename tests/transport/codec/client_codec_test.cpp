#include "transport/codec/client_codec.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>

#include "sluice.capnp.h"
#include "tests/support/random_messages.h"
#include "transport/codec/wire_frame.h"

namespace sluice::transport {
namespace {

using test::RandomMessages;

TEST_SUITE("transport/codec/client_codec") {
  TEST_CASE("ClientMessage: every kind comes back as it went") {
    RandomMessages random(1);
    for (int round = 0; round < 200; ++round) {
      for (std::size_t kind = 0; kind < std::variant_size_v<ClientMessage>; ++kind) {
        const ClientMessage sent = random.client_message(kind);
        const auto received = decode_client_message(encode(sent));
        REQUIRE(received.ok());
        CHECK(*received == sent);
      }
    }
  }

  TEST_CASE("ServerMessage: every kind comes back as it went") {
    RandomMessages random(2);
    for (int round = 0; round < 200; ++round) {
      for (std::size_t kind = 0; kind < std::variant_size_v<ServerMessage>; ++kind) {
        const ServerMessage sent = random.server_message(kind);
        const auto received = decode_server_message(encode(sent));
        REQUIRE(received.ok());
        CHECK(*received == sent);
      }
    }
  }

  TEST_CASE("Tokens: encodes to the same bytes as a ServerMessage of it") {
    RandomMessages random(3);
    for (int round = 0; round < 50; ++round) {
      const ServerMessage message = random.server_message(2);
      const Message direct = encode(std::get<Tokens>(message));
      const Message whole = encode(message);
      REQUIRE(direct.size() == 1);
      CHECK(std::ranges::equal(direct[0].bytes(), whole[0].bytes()));
    }
  }

  TEST_CASE("encode: is one segment also where the contents are large") {
    Generate generate{.request_id = "long", .prompt = std::vector<TokenId>(100'000, 7)};
    generate.sampling = SamplingParams{};
    generate.sampling->logit_bias.resize(1000);
    const Message message = encode(ClientMessage(generate));

    std::uint32_t further_segments = 1;
    std::memcpy(&further_segments, message[0].bytes().data(), sizeof further_segments);
    CHECK(further_segments == 0);
    CHECK(*decode_client_message(message) == ClientMessage(generate));
  }

  TEST_CASE("decode: an empty prompt list stays a list") {
    const ClientMessage ids = Generate{.request_id = "a", .prompt = std::vector<TokenId>{}};
    const ClientMessage chat = Generate{.request_id = "a", .prompt = std::vector<ChatMessage>{}};
    CHECK(*decode_client_message(encode(ids)) == ids);
    CHECK(*decode_client_message(encode(chat)) == chat);
  }

  TEST_CASE("decode: what a client leaves out has the defaults of the plain structs") {
    const Frame frame = codec::build_frame<wire::ClientMessage>(
        256, [](wire::ClientMessage::Builder root) { root.initGenerate().initSampling(); });
    const auto message = decode_client_frame(frame);
    REQUIRE(message.ok());
    CHECK(*message == ClientMessage(Generate{.prompt = std::string(), .sampling = SamplingParams{}}));

    const Frame hello =
        codec::build_frame<wire::ClientMessage>(256, [](wire::ClientMessage::Builder root) { root.initHello(); });
    CHECK(*decode_client_frame(hello) == ClientMessage(Hello{}));
  }

  TEST_CASE("decode: a message that says nothing is a protocol violation") {
    const Frame client = codec::build_frame<wire::ClientMessage>(64, [](wire::ClientMessage::Builder) {});
    const Frame server = codec::build_frame<wire::ServerMessage>(64, [](wire::ServerMessage::Builder) {});
    CHECK(decode_client_frame(client).error().message == "message says nothing");
    CHECK(decode_server_frame(server).error().code == ErrorCode::kProtocolViolation);
  }

  TEST_CASE("decode: a session token of another length than 16 bytes is refused") {
    for (const std::size_t length : {0u, 1u, 15u, 17u}) {
      const std::vector<kj::byte> bytes(length, 9);
      const auto attach = [&](wire::ClientMessage::Builder root) {
        root.initAttach().setSession(capnp::Data::Reader(bytes.data(), length));
      };
      const auto decoded = decode_client_frame(codec::build_frame<wire::ClientMessage>(256, attach));
      REQUIRE_FALSE(decoded.ok());
      CHECK(decoded.error().message == "session token has " + std::to_string(length) + " bytes, not 16");
    }
  }

  TEST_CASE("decode: an unknown finish reason is refused") {
    const auto finish = [](wire::ServerMessage::Builder root) {
      root.initFinished().setReason(static_cast<wire::FinishReason>(4));
    };
    const auto decoded = decode_server_frame(codec::build_frame<wire::ServerMessage>(256, finish));
    CHECK(decoded.error() == Error{ErrorCode::kProtocolViolation, "finish reason 4 is unknown"});
  }

  TEST_CASE("decode: an error code of a newer engine keeps its number and whether a retry helps") {
    const auto fail = [](bool retryable) {
      return codec::build_frame<wire::ServerMessage>(256, [=](wire::ServerMessage::Builder root) {
        auto error = root.initFailed().initError();
        error.setCode(static_cast<wire::ErrorCode>(99));
        error.setMessage("moon in the wrong phase");
        error.setRetryable(retryable);
        error.setRetryAfterMs(20);
      });
    };
    const auto once = decode_server_frame(fail(false));
    const auto again = decode_server_frame(fail(true));
    const std::string message = "error code 99: moon in the wrong phase";
    CHECK(std::get<Failed>(*once).error == Error{ErrorCode::kInternal, message, 20});
    CHECK(std::get<Failed>(*again).error == Error{ErrorCode::kUnavailable, message, 20});
  }
}

}  // namespace
}  // namespace sluice::transport

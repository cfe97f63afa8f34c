// A recording of messages that a test names, in memory.
#pragma once

#include <memory>
#include <optional>

#include "base/messages/client.h"
#include "load/replay/script.h"
#include "transport/codec/client_codec.h"
#include "transport/recording/encoder.h"
#include "transport/recording/reader.h"

namespace sluice::load {

class RecordingBuilder {
 public:
  RecordingBuilder() { encoder_.begin(); }

  RecordingBuilder& client(std::uint64_t time_us, std::uint32_t connection, const ClientMessage& message) {
    encoder_.message(time_us, transport::RecordedLink::kIngress, connection, transport::encode(message)[0].bytes());
    return *this;
  }
  RecordingBuilder& engine(std::uint64_t time_us, std::uint32_t connection, const ServerMessage& message) {
    encoder_.message(time_us, transport::RecordedLink::kResponses, connection, transport::encode(message)[0].bytes());
    return *this;
  }
  RecordingBuilder& lost(std::uint64_t time_us, std::uint32_t connection) {
    encoder_.lost(time_us, connection);
    return *this;
  }
  RecordingBuilder& gap(std::uint64_t time_us, std::uint64_t num_messages) {
    encoder_.gap(time_us, num_messages);
    return *this;
  }
  // Hello at `time_us`, and Welcome.
  RecordingBuilder& greet(std::uint64_t time_us, std::uint32_t connection, std::uint8_t session) {
    client(time_us, connection, Hello{});
    return engine(time_us, connection, welcome(session));
  }

  static SessionToken token(std::uint8_t session) {
    SessionToken token;
    token.bytes.fill(session);
    return token;
  }
  static Welcome welcome(std::uint8_t session) {
    Welcome welcome;
    welcome.session = token(session);
    welcome.client_window_tokens = 32;
    return welcome;
  }

  // The builder keeps the bytes of the reader.
  transport::RecordingReader reader() {
    return transport::RecordingReader::open(std::make_unique<transport::MemorySource>(encoder_.bytes())).value();
  }
  ReplayScript script() {
    transport::RecordingReader recording = reader();
    return read_script(recording).value();
  }

 private:
  transport::RecordingEncoder encoder_{{7, 1, 1, true, true, "model", "stages"}};
};

Generate generate(const std::string& id);
Tokens tokens(const std::string& id, std::uint64_t first_index, std::vector<TokenId> ids);
Finished finished(const std::string& id, FinishReason reason, std::uint32_t output_tokens);
Failed failed(const std::string& id, ErrorCode code, std::uint32_t retry_after_ms = 0);

}  // namespace sluice::load

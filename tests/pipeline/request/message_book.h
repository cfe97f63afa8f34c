// Stands for the codec where a test looks at messages rather than bytes: a frame is the number of a message in the
// book.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <vector>

#include "base/check.h"
#include "base/messages/client.h"
#include "pipeline/request/stream.h"
#include "pipeline/text/tokenizer.h"
#include "tests/support/paths.h"

namespace sluice::test {

class MessageBook {
 public:
  EncodeMessage encoder() {
    return [this](const ServerMessage& message) {
      const std::uint64_t number = messages_.size();
      messages_.push_back(message);
      std::vector<std::byte> frame(sizeof(number));
      std::memcpy(frame.data(), &number, sizeof(number));
      return frame;
    };
  }

  const ServerMessage& decode(const std::vector<std::byte>& frame) const {
    std::uint64_t number = 0;
    SLUICE_CHECK_EQ(frame.size(), sizeof(number));
    std::memcpy(&number, frame.data(), sizeof(number));
    return messages_.at(number);
  }

 private:
  std::vector<ServerMessage> messages_;
};

// Loaded once per process.
inline const Tokenizer& storyteller_tokenizer() {
  static const std::unique_ptr<const Tokenizer> tokenizer =
      Tokenizer::load(source_path("examples/models/storyteller-llama")).value();
  return *tokenizer;
}

// Ids of a text without what opens it.
inline std::vector<TokenId> ids_of(std::string_view text) {
  return storyteller_tokenizer().encode(text, {.add_special_tokens = false}).value();
}

}  // namespace sluice::test

// Bytes that no encoder of ours wrote, given to every decoder: each gives a message or an Error, takes memory in
// proportion to the frame, and never crashes (the sanitizers' build of this test looks closer).
#include <doctest/doctest.h>

#include <cstring>
#include <functional>

#include "internal.capnp.h"
#include "sluice.capnp.h"
#include "tests/support/random_messages.h"
#include "transport/codec/client_codec.h"
#include "transport/codec/control_codec.h"
#include "transport/codec/link_codec.h"
#include "transport/codec/wire_frame.h"

namespace sluice::transport {
namespace {

using Bytes = std::vector<std::byte>;
using test::RandomMessages;

Frame as_frame(std::span<const std::byte> bytes) {
  FrameBuilder builder(bytes.size());
  if (!bytes.empty()) std::memcpy(builder.bytes().data(), bytes.data(), bytes.size());
  return std::move(builder).freeze();
}

Bytes bytes_of(const Frame& frame) {
  return {frame.bytes().begin(), frame.bytes().end()};
}

// What decoding and encoding again makes of a frame: the size of the new message, or 0 for an Error.
using Decode = std::function<std::size_t(const Message&)>;

template <class T>
std::size_t encoded_again(const Result<T>& decoded) {
  if (decoded.ok()) return size_bytes(encode(*decoded));
  const ErrorCode code = decoded.error().code;
  CHECK((code == ErrorCode::kProtocolViolation || code == ErrorCode::kUnsupportedVersion));
  CHECK_FALSE(decoded.error().message.empty());
  return 0;
}

struct Kind {
  Decode decode;
  std::function<Message(RandomMessages&)> random;
};

const std::vector<Kind>& kinds() {
  static const std::vector<Kind> all = {
      {[](const Message& m) { return encoded_again(decode_client_message(m)); },
       [](RandomMessages& random) { return encode(random.client_message()); }},
      {[](const Message& m) { return encoded_again(decode_server_message(m)); },
       [](RandomMessages& random) { return encode(random.server_message()); }},
      {[](const Message& m) { return encoded_again(decode_link_message(m)); },
       [](RandomMessages& random) { return encode(random.link_message()); }},
      {[](const Message& m) { return encoded_again(decode_worker_message(m)); },
       [](RandomMessages& random) { return encode(random.worker_message()); }},
      {[](const Message& m) { return encoded_again(decode_head_message(m)); },
       [](RandomMessages& random) { return encode(random.head_message()); }},
  };
  return all;
}

// One to four changes: a flipped bit, a random byte, or a word that looks like a pointer.
void mutate(Bytes& bytes, SplitMix64& random) {
  const std::uint64_t changes = 1 + random.below(4);
  for (std::uint64_t change = 0; change < changes; ++change) {
    const std::size_t at = static_cast<std::size_t>(random.below(bytes.size()));
    switch (random.below(4)) {
      case 0: bytes[at] ^= static_cast<std::byte>(1u << random.below(8)); break;
      case 1: bytes[at] = static_cast<std::byte>(random.next()); break;
      case 2: bytes[at] = random.below(2) == 0 ? std::byte{0} : std::byte{0xff}; break;
      default: {
        const std::uint64_t word = random.next() >> random.below(64);
        std::memcpy(bytes.data() + (at & ~std::size_t{7}), &word, sizeof word);
      }
    }
  }
}

void check_mutations(std::uint64_t seed) {
  RandomMessages messages(seed);
  SplitMix64 random(seed);
  std::size_t survivors = 0;
  for (int round = 0; round < 10'000; ++round) {
    const Kind& kind = kinds()[static_cast<std::size_t>(random.below(kinds().size()))];
    Message message = kind.random(messages);
    Bytes bytes = bytes_of(message[0]);
    mutate(bytes, random);
    message[0] = as_frame(bytes);
    const std::size_t again = kind.decode(message);
    // Equal bytes give equal messages, except that defaults may become explicit: sampling in a message without.
    REQUIRE(again <= 16 * size_bytes(message) + 4096);
    survivors += again > 0 ? 1 : 0;
  }
  CHECK(survivors > 100);  // Many mutations only change a value.
}

// A list pointer, as Cap'n Proto lays it out: offset in words from the pointer's end, element size code, count.
std::uint64_t list_pointer(std::uint32_t offset_words, std::uint32_t element_size, std::uint32_t count) {
  return 1u | std::uint64_t{offset_words} << 2 | std::uint64_t{element_size} << 32 | std::uint64_t{count} << 35;
}
std::uint64_t struct_pointer(std::uint32_t offset_words, std::uint32_t data_words, std::uint32_t pointers) {
  return std::uint64_t{offset_words} << 2 | std::uint64_t{data_words} << 32 | std::uint64_t{pointers} << 48;
}

Frame frame_of_words(std::vector<std::uint64_t> words) {
  const std::uint64_t table = std::uint64_t{words.size()} << 32;
  words.insert(words.begin(), table);
  return as_frame(std::as_bytes(std::span(words)));
}

// ClientMessage{generate{prompt{chat or tokenIds}}} whose prompt's list pointer is `list`, followed by `rest`.
Frame prompt_with_list(wire::Prompt::Which which, std::uint64_t list, std::vector<std::uint64_t> rest) {
  std::vector<std::uint64_t> words = {struct_pointer(0, 1, 1),
                                      std::uint64_t{wire::ClientMessage::GENERATE},
                                      struct_pointer(0, 0, 2),
                                      0,  // Generate: no request id; the prompt is its second pointer.
                                      struct_pointer(0, 1, 1),
                                      std::uint64_t{which},
                                      list};
  words[3] = words[4];  // The prompt's pointer lies directly before the prompt.
  words.erase(words.begin() + 4);
  words.insert(words.begin() + 3, 0);  // requestId: null.
  words.insert(words.end(), rest.begin(), rest.end());
  return frame_of_words(words);
}

TEST_SUITE("transport/codec/hostile_bytes") {
  TEST_CASE("truncation: every length of every kind is refused") {
    RandomMessages messages(11);
    for (const Kind& kind : kinds()) {
      for (int round = 0; round < 20; ++round) {
        const Message whole = kind.random(messages);
        for (std::size_t length = 0; length < whole[0].size(); ++length) {
          Message cut = whole;
          cut[0] = as_frame(whole[0].bytes().first(length));
          CHECK(kind.decode(cut) == 0);
        }
      }
    }
  }

  // 100,000 mutations in cases that ctest runs side by side.
  TEST_CASE("mutations: seed 1") {
    check_mutations(1);
  }
  TEST_CASE("mutations: seed 2") {
    check_mutations(2);
  }
  TEST_CASE("mutations: seed 3") {
    check_mutations(3);
  }
  TEST_CASE("mutations: seed 4") {
    check_mutations(4);
  }
  TEST_CASE("mutations: seed 5") {
    check_mutations(5);
  }
  TEST_CASE("mutations: seed 6") {
    check_mutations(6);
  }
  TEST_CASE("mutations: seed 7") {
    check_mutations(7);
  }
  TEST_CASE("mutations: seed 8") {
    check_mutations(8);
  }
  TEST_CASE("mutations: seed 9") {
    check_mutations(9);
  }
  TEST_CASE("mutations: seed 10") {
    check_mutations(10);
  }

  TEST_CASE("noise: random bytes behind a valid segment table never crash") {
    SplitMix64 random(5);
    for (int round = 0; round < 20'000; ++round) {
      std::vector<std::uint64_t> words(1 + random.below(40));
      for (auto& word : words) word = random.below(3) == 0 ? 0 : random.next() >> random.below(64);
      words[0] =
          struct_pointer(0, static_cast<std::uint32_t>(random.below(3)), static_cast<std::uint32_t>(random.below(3)));
      const Message message{frame_of_words(words)};
      for (const Kind& kind : kinds()) kind.decode(message);
    }
  }

  TEST_CASE("segment table: huge counts and sizes are refused") {
    for (const std::uint64_t table :
         {std::uint64_t{0xffffffff}, std::uint64_t{0xfffffffe}, std::uint64_t{1} << 31, std::uint64_t{0xffffffff} << 32,
          std::uint64_t{0xffffffff'ffffffff}, std::uint64_t{0x20000000} << 32, std::uint64_t{511}}) {
      Bytes bytes(64);
      std::memcpy(bytes.data(), &table, sizeof table);
      for (const Kind& kind : kinds()) CHECK(kind.decode({as_frame(bytes)}) == 0);
    }
  }

  TEST_CASE("amplification: the crafted prompt decodes where its list is honest") {
    const Frame one = prompt_with_list(wire::Prompt::TOKEN_IDS, list_pointer(0, 4, 2), {7 | std::uint64_t{8} << 32});
    const auto decoded = decode_client_frame(one);
    REQUIRE(decoded.ok());
    CHECK(std::get<Generate>(*decoded).prompt == Prompt(std::vector<TokenId>{7, 8}));
  }

  TEST_CASE("amplification: lists that claim more elements than they have bytes are refused") {
    constexpr std::uint32_t kMany = (1u << 29) - 1;
    const std::uint64_t empty_structs = std::uint64_t{kMany} << 2;  // Tag: many structs of no words.
    // Void elements, read as numbers and as structs; structs of no words; bytes read as structs.
    const Frame frames[] = {
        prompt_with_list(wire::Prompt::TOKEN_IDS, list_pointer(0, 0, kMany), {0}),
        prompt_with_list(wire::Prompt::CHAT, list_pointer(0, 0, kMany), {0}),
        prompt_with_list(wire::Prompt::TOKEN_IDS, list_pointer(0, 7, 0), {empty_structs}),
        prompt_with_list(wire::Prompt::CHAT, list_pointer(0, 7, 0), {empty_structs}),
        prompt_with_list(wire::Prompt::CHAT, list_pointer(0, 2, 512), std::vector<std::uint64_t>(64)),
        prompt_with_list(wire::Prompt::TEXT, list_pointer(0, 2, kMany), {0}),
    };
    for (const Frame& frame : frames) {
      CHECK(decode_client_frame(frame).error().code == ErrorCode::kProtocolViolation);
    }
  }

  TEST_CASE("amplification: many pointers to one object are refused") {
    // A list of 100 texts, all the same 8,000 bytes.
    constexpr std::uint32_t kPointers = 100;
    constexpr std::uint32_t kWords = 1000;
    std::vector<std::uint64_t> words = {
        struct_pointer(0, 1, 1),      std::uint64_t{wire::ClientMessage::GENERATE}, struct_pointer(0, 0, 4), 0, 0, 0,
        list_pointer(0, 6, kPointers)};
    for (std::uint32_t i = 0; i < kPointers; ++i) {
      words.push_back(list_pointer(kPointers - 1 - i, 2, kWords * 8));
    }
    words.resize(words.size() + kWords);
    const auto decoded = decode_client_frame(frame_of_words(words));
    REQUIRE_FALSE(decoded.ok());
    CHECK(decoded.error().code == ErrorCode::kProtocolViolation);

    CHECK(decoded.error().message.find("traversal limit") != std::string::npos);

    // One of them is fine.
    words[6] = list_pointer(0, 6, 1);
    const auto one = decode_client_frame(frame_of_words(words));
    REQUIRE(one.ok());
    CHECK(std::get<Generate>(*one).stop == std::vector{std::string(kWords * 8 - 1, '\0')});
  }

  TEST_CASE("versions: a message of an unknown kind is an unsupported version") {
    const auto decode_with_tag = [](std::uint64_t tag) {
      const Message message{frame_of_words({struct_pointer(0, 1, 1), tag, 0})};
      return std::vector<Error>{decode_client_message(message).error(), decode_server_message(message).error(),
                                decode_link_message(message).error(), decode_worker_message(message).error(),
                                decode_head_message(message).error()};
    };
    for (const std::uint64_t tag : {64, 99, 65535}) {
      for (const Error& error : decode_with_tag(tag)) {
        CHECK(error.code == ErrorCode::kUnsupportedVersion);
        CHECK(error.message.find("of kind " + std::to_string(tag) + ", which this version does not know") !=
              std::string::npos);
      }
    }
  }

  TEST_CASE("versions: an unknown kind of prompt is an unsupported version") {
    const Frame frame = prompt_with_list(static_cast<wire::Prompt::Which>(3), 0, {});
    CHECK(decode_client_frame(frame).error() ==
          Error{ErrorCode::kUnsupportedVersion, "prompt is of kind 3, which this version does not know"});
  }

  TEST_CASE("versions: fields that a newer peer appends are ignored") {
    // Credit with two more data words and a pointer more than this version has.
    const Frame frame = frame_of_words({struct_pointer(0, 2, 2), std::uint64_t{wire::ClientMessage::CREDIT}, 5,
                                        struct_pointer(1, 3, 2), 0, 42, 6, 7, 0, 0});
    CHECK(*decode_client_frame(frame) == ClientMessage(Credit{"", 42}));
  }
}

}  // namespace
}  // namespace sluice::transport

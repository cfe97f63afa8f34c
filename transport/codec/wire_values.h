// Plain values that several messages share, written to and read from their Cap'n Proto structs:
// write(value, builder) and read(reader, reading) are each other's inverse; so are write_x and read_x where lists need
// a name of their own.
//
// Thread:  pure functions.
// Errors:  read() reports to `reading` and returns a default; write() cannot fail (see encode() for its limit).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/messages/client.h"
#include "base/messages/pipeline.h"
#include "sluice.capnp.h"
#include "transport/codec/wire_frame.h"

namespace sluice::transport::codec {

// Cap'n Proto's limit on elements of one list, and on bytes of one text.
inline constexpr std::size_t kListElementsMax = (std::size_t{1} << 29) - 2;

inline capnp::uint list_size(std::size_t count) {
  SLUICE_CHECK_LE(count, kListElementsMax);
  return static_cast<capnp::uint>(count);
}

// `text` ends in a NUL, as a std::string's bytes do.
inline capnp::Text::Reader as_text(const std::string& text) {
  return capnp::Text::Reader(text.c_str(), list_size(text.size()));
}
inline std::string read_text(capnp::Text::Reader text) {
  return std::string(text.begin(), text.size());
}

inline capnp::Data::Reader as_data(const void* bytes, std::size_t count) {
  return capnp::Data::Reader(static_cast<const kj::byte*>(bytes), list_size(count));
}
inline std::string read_bytes(capnp::Data::Reader data) {
  return std::string(reinterpret_cast<const char*>(data.begin()), data.size());
}

// ---- lists ----------------------------------------------------------------------------------------------------------

// Numbers, and ids by their number. `init(count)` makes the list in the message; nothing is made for an empty vector,
// because absent reads as empty.
template <class T, class Init>
void write_numbers(const std::vector<T>& values, Init&& init) {
  if (values.empty()) return;
  auto list = init(list_size(values.size()));
  for (capnp::uint i = 0; i < list.size(); ++i) {
    if constexpr (requires { values[i].value; }) {
      list.set(i, values[i].value);
    } else {
      list.set(i, values[i]);
    }
  }
}

// Cap'n Proto has checked that the message really holds the numbers: their memory is at most twice its size.
template <class T, class List>
std::vector<T> read_numbers(const List& list) {
  std::vector<T> values(list.size());
  for (capnp::uint i = 0; i < list.size(); ++i) values[i] = T{list[i]};
  return values;
}

// write_one(value, builder), read_one(reader, reading) -> value.
template <class T, class Init, class WriteOne>
void write_structs(const std::vector<T>& values, Init&& init, WriteOne&& write_one) {
  if (values.empty()) return;
  auto list = init(list_size(values.size()));
  for (capnp::uint i = 0; i < list.size(); ++i) write_one(values[i], list[i]);
}

template <class T, class List, class ReadOne>
std::vector<T> read_structs(const List& list, Reading& reading, ReadOne&& read_one) {
  std::vector<T> values;
  if (!reading.take_elements(list.size())) return values;
  values.reserve(list.size());
  for (const auto element : list) values.push_back(read_one(element, reading));
  return values;
}

template <class Init>
void write_texts(const std::vector<std::string>& texts, Init&& init) {
  if (texts.empty()) return;
  auto list = init(list_size(texts.size()));
  for (capnp::uint i = 0; i < list.size(); ++i) list.set(i, as_text(texts[i]));
}

std::vector<std::string> read_texts(const capnp::List<capnp::Text>::Reader& list, Reading& reading);

// ---- values ---------------------------------------------------------------------------------------------------------

SessionToken read_session(capnp::Data::Reader data, Reading& reading);
inline capnp::Data::Reader as_data(const SessionToken& session) {
  return as_data(session.bytes.data(), session.bytes.size());
}

void write(const Prompt& prompt, wire::Prompt::Builder builder);
Prompt read(const wire::Prompt::Reader& reader, Reading& reading);

void write(const SamplingParams& sampling, wire::SamplingParams::Builder builder);
SamplingParams read(const wire::SamplingParams::Reader& reader, Reading& reading);

void write(const LogprobOptions& options, wire::LogprobOptions::Builder builder);
LogprobOptions read(const wire::LogprobOptions::Reader& reader, Reading& reading);

void write_logprobs(const TokenLogprobs& logprobs, wire::TokenLogprobs::Builder builder);
TokenLogprobs read_logprobs(const wire::TokenLogprobs::Reader& reader, Reading& reading);

void write(const Usage& usage, wire::Usage::Builder builder);
Usage read(const wire::Usage::Reader& reader, Reading& reading);

void write(const PhaseTimes& times, wire::PhaseTimes::Builder builder);
PhaseTimes read(const wire::PhaseTimes::Reader& reader, Reading& reading);

// Null reads as empty. A kind that this version does not know becomes kOther.
void write(const Trace& trace, wire::Trace::Builder builder);
Trace read(const wire::Trace::Reader& reader, Reading& reading);

// A code that this version does not know becomes kUnavailable where the peer calls it retryable, else kInternal.
void write(const Error& error, wire::Error::Builder builder);
Error read(const wire::Error::Reader& reader, Reading& reading);

wire::FinishReason to_wire(FinishReason reason);
FinishReason read(wire::FinishReason reason, Reading& reading);

// ---- sizes ----------------------------------------------------------------------------------------------------------

// Estimates of what values take in a message, for build_frame(). Texts and lists are padded to words.
inline std::size_t padded_bytes(std::size_t bytes) {
  return (bytes + 8) & ~std::size_t{7};
}
std::size_t estimate_bytes(const Prompt& prompt);
std::size_t estimate_bytes(const std::vector<TokenLogprobs>& logprobs);
std::size_t estimate_bytes(const Trace& trace);

}  // namespace sluice::transport::codec

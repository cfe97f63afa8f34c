#include "transport/link/header_codec.h"

#include <capnp/message.h>
#include <capnp/serialize.h>
#include <kj/exception.h>

#include <array>
#include <cstring>
#include <utility>

#include "base/check.h"
#include "link.capnp.h"  // Generated from transport/schema/link.capnp.

namespace sluice::transport {
namespace {

// Segment table, root pointer, data section: see the sizes in link.capnp. The encoder checks that it is enough.
constexpr std::size_t kHeaderWords = 16;

template <class Enum, class WireEnum>
bool is_known(WireEnum value, Enum last) {
  return static_cast<unsigned>(value) <= static_cast<unsigned>(last);
}

Result<LinkHeader> read_header(wire::LinkHeader::Reader in) {
  if (in.getVersion() != wire::LINK_VERSION) {
    return Error{ErrorCode::kUnsupportedVersion, "link protocol version " + std::to_string(in.getVersion()) +
                                                     ", this program speaks " + std::to_string(wire::LINK_VERSION)};
  }
  if (in.getKind() == wire::LinkHeader::Kind::NONE || !is_known(in.getKind(), LinkKind::kClose) ||
      !is_known(in.getReason(), RejectReason::kStaleEpoch)) {
    return Error{ErrorCode::kProtocolViolation, "link header of an unknown kind or reason"};
  }
  LinkHeader header;
  header.kind = static_cast<LinkKind>(in.getKind());
  header.reason = static_cast<RejectReason>(in.getReason());
  header.sender_incarnation = in.getSenderIncarnation();
  header.receiver_incarnation = in.getReceiverIncarnation();
  header.session = in.getSession();
  header.attempt = in.getAttempt();
  header.epoch = in.getEpoch();
  header.sequence = in.getSequence();
  header.received = in.getReceived();
  header.consumed = in.getConsumed();
  header.max_messages = in.getMaxMessages();
  header.max_bytes = in.getMaxBytes();
  header.missing_last = in.getMissingLast();
  header.held_us = in.getHeldUs();
  if (header.sender_incarnation == 0 || header.attempt == 0 || header.epoch == 0) {
    return Error{ErrorCode::kProtocolViolation, "link header without sender, attempt or epoch"};
  }
  return header;
}

}  // namespace

Frame encode_header(const LinkHeader& header) {
  FrameBuilder memory((kHeaderWords + 1) * sizeof(capnp::word));
  std::memset(memory.bytes().data(), 0, memory.bytes().size());
  auto* words = reinterpret_cast<capnp::word*>(memory.bytes().data());
  // The first word is the segment table. Not a MallocMessageBuilder: that one zeroes the words again when it goes.
  capnp::FlatMessageBuilder builder(kj::arrayPtr(words + 1, kHeaderWords));
  auto out = builder.initRoot<wire::LinkHeader>();
  out.setVersion(wire::LINK_VERSION);
  out.setKind(static_cast<wire::LinkHeader::Kind>(header.kind));
  out.setReason(static_cast<wire::LinkHeader::Reason>(header.reason));
  out.setSenderIncarnation(header.sender_incarnation);
  out.setReceiverIncarnation(header.receiver_incarnation);
  out.setSession(header.session);
  out.setAttempt(header.attempt);
  out.setEpoch(header.epoch);
  out.setSequence(header.sequence);
  out.setReceived(header.received);
  out.setConsumed(header.consumed);
  out.setMaxMessages(header.max_messages);
  out.setMaxBytes(header.max_bytes);
  out.setMissingLast(header.missing_last);
  out.setHeldUs(header.held_us);
  const auto segments = builder.getSegmentsForOutput();
  SLUICE_CHECK_EQ(segments.size(), 1u);
  const std::array<std::uint32_t, 2> table{0, static_cast<std::uint32_t>(segments[0].size())};
  std::memcpy(memory.bytes().data(), table.data(), sizeof(table));
  const std::size_t used = (segments[0].size() + 1) * sizeof(capnp::word);
  const Frame frame = std::move(memory).freeze();
  return Frame(frame.owner(), frame.bytes().first(used));
}

Result<LinkHeader> decode_header(std::span<const std::byte> bytes) {
  if (bytes.size() > kMaxHeaderBytes || bytes.size() % sizeof(capnp::word) != 0 || bytes.empty()) {
    return Error{ErrorCode::kProtocolViolation, "link header of " + std::to_string(bytes.size()) + " bytes"};
  }
  alignas(capnp::word) std::array<std::byte, kMaxHeaderBytes> aligned;
  std::memcpy(aligned.data(), bytes.data(), bytes.size());
  const auto words =
      kj::arrayPtr(reinterpret_cast<const capnp::word*>(aligned.data()), bytes.size() / sizeof(capnp::word));
  try {
    capnp::ReaderOptions options;
    options.traversalLimitInWords = kMaxHeaderBytes / sizeof(capnp::word);
    options.nestingLimit = 2;
    capnp::FlatArrayMessageReader reader(words, options);
    return read_header(reader.getRoot<wire::LinkHeader>());
  } catch (const kj::Exception& exception) {
    return Error{ErrorCode::kProtocolViolation,
                 std::string("link header is no Cap'n Proto message: ") + exception.getDescription().cStr()};
  }
}

}  // namespace sluice::transport

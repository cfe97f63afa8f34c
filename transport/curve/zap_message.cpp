#include "transport/curve/zap_message.h"

#include <algorithm>
#include <string_view>

namespace sluice::transport {
namespace {

// version, request id, domain, address, identity, mechanism, key
constexpr std::size_t kRequestFrames = 7;
constexpr std::string_view kVersion = "1.0";

std::string_view text_of(const Frame& frame) {
  return {reinterpret_cast<const char*>(frame.bytes().data()), frame.size()};
}

Frame frame_of(std::string_view text) {
  FrameBuilder builder(text.size());
  text.copy(reinterpret_cast<char*>(builder.bytes().data()), text.size());
  return std::move(builder).freeze();
}

Error violation(const std::string& sentence) {
  return {ErrorCode::kProtocolViolation, "authentication request: " + sentence};
}

std::string_view status_of(Admittance admittance) {
  switch (admittance) {
    case Admittance::kYes: return "200";
    case Admittance::kNotNow: return "300";
    case Admittance::kNo: break;
  }
  return "400";
}

}  // namespace

Result<ZapRequest> decode_zap_request(const Message& frames) {
  if (frames.size() != kRequestFrames) return violation(std::to_string(frames.size()) + " frames, not 7");
  if (text_of(frames[0]) != kVersion) return violation("of another version than 1.0");
  if (text_of(frames[5]) != "CURVE") return violation("of another mechanism than CURVE");
  const auto domain = curve_domain_of(text_of(frames[2]));
  if (!domain) return violation("of an unknown domain");
  ZapRequest request;
  if (frames[6].size() != request.key.bytes.size()) return violation("a key of another size than 32 bytes");
  const auto key = text_of(frames[6]);
  std::copy(key.begin(), key.end(), request.key.bytes.begin());
  request.id = text_of(frames[1]);
  request.domain = *domain;
  request.address = text_of(frames[3]);
  return request;
}

Message encode_zap_answer(const std::string& id, const PublicKey& key, const Verdict& verdict) {
  const bool is_admitted = verdict.admittance == Admittance::kYes;
  const std::string user = is_admitted ? to_string(PeerIdentity{key, verdict.name}) : std::string();
  return {frame_of(kVersion), frame_of(id),   frame_of(status_of(verdict.admittance)),
          frame_of(""),       frame_of(user), frame_of("")};
}

}  // namespace sluice::transport

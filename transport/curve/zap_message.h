// ZeroMQ's authentication protocol (RFC 27, "ZAP"): what libzmq asks about each handshake, and what it is answered.
// Frames only; the socket is ZapSocket's.
//
// Errors:  kProtocolViolation for what is no request.
#pragma once

#include <string>

#include "base/error.h"
#include "transport/curve/authenticator.h"
#include "transport/frame.h"

namespace sluice::transport {

struct ZapRequest {
  std::string id;
  CurveDomain domain = CurveDomain::kIngress;
  std::string address;  // Of the peer, without a port; empty for ipc.
  PublicKey key;
};

// `frames`: without the route and the empty delimiter.
Result<ZapRequest> decode_zap_request(const Message& frames);
// An answer to the request of this id.
Message encode_zap_answer(const std::string& id, const PublicKey& key, const Verdict& verdict);

}  // namespace sluice::transport

// ClientMessage and ServerMessage (base/messages/client.h) as Cap'n Proto (transport/schema/sluice.capnp) and back.
//
// One message is one frame. The codec guarantees well-formedness alone: what a field may mean is judged by
// pipeline/request/limits.h for a client's messages.
//
// Thread:  pure functions.
// Errors:  decoders never throw and never abort. kProtocolViolation: the bytes are no message of this schema, or exceed
//          the limits. kUnsupportedVersion: a well-formed message of a kind that this version does not know.
//          Encoders cannot fail; a string or list of 2^29 or more elements is a bug of the caller and aborts.
#pragma once

#include "base/error.h"
#include "base/messages/client.h"
#include "transport/codec/decode_limits.h"
#include "transport/frame.h"

namespace sluice::transport {

Message encode(const ClientMessage& message);
Message encode(const ServerMessage& message);
// As encode(ServerMessage{tokens}), without the copy.
Message encode(const Tokens& tokens);

Result<ClientMessage> decode_client_message(const Message& message, const DecodeLimits& limits = {});
Result<ServerMessage> decode_server_message(const Message& message, const DecodeLimits& limits = {});

// For whoever has the one frame: a socket, or ClientAnswer.
Result<ClientMessage> decode_client_frame(const Frame& frame, const DecodeLimits& limits = {});
Result<ServerMessage> decode_server_frame(const Frame& frame, const DecodeLimits& limits = {});

}  // namespace sluice::transport

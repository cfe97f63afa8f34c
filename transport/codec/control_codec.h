// WorkerMessage and HeadMessage (base/messages/control.h) as Cap'n Proto (transport/schema/internal.capnp) and back.
//
// One message is one frame.
//
// Thread:  pure functions.
// Errors:  as in client_codec.h.
#pragma once

#include "base/error.h"
#include "base/messages/control.h"
#include "transport/codec/decode_limits.h"
#include "transport/frame.h"

namespace sluice::transport {

Message encode(const WorkerMessage& message);
Message encode(const HeadMessage& message);

Result<WorkerMessage> decode_worker_message(const Message& message, const DecodeLimits& limits = {});
Result<HeadMessage> decode_head_message(const Message& message, const DecodeLimits& limits = {});

}  // namespace sluice::transport

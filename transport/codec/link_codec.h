// LinkMessage (base/messages/pipeline.h) as Cap'n Proto (transport/schema/internal.capnp) and back.
//
// A message is one frame, except a StageBatch with hidden states, which has them as a second frame: f32, row-major,
// rows * columns * 4 bytes, little-endian. Neither way copies them: the frame shares HiddenStates::owner, and a decoded
// HiddenStates keeps its frame alive (a frame that is not aligned to 4 bytes is copied once).
//
// Thread:  pure functions.
// Errors:  as in client_codec.h. Whether counts agree with each other (entries with tokens, tokens with rows) is for
//          the receiving actor to judge: the codec checks each message part for itself.
#pragma once

#include "base/error.h"
#include "base/messages/pipeline.h"
#include "transport/codec/decode_limits.h"
#include "transport/frame.h"

namespace sluice::transport {

// Of HiddenStates: values.size() == rows * columns, or the caller has a bug and this aborts.
Message encode(const LinkMessage& message);
// As encode(LinkMessage{x}), without the copy.
Message encode(const StageBatch& batch);
Message encode(const StepResult& result);
Message encode(const PartialResult& result);
Message encode(const StepTokens& tokens);
Message encode(const ClientAnswers& answers);

Result<LinkMessage> decode_link_message(const Message& message, const DecodeLimits& limits = {});

}  // namespace sluice::transport

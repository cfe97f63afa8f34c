// StageStats of base/messages/stats.h, written to and read from transport/schema/internal.capnp: a part of
// control_codec.cpp.
//
// Thread:  pure functions.
// Errors:  as in wire_values.h; kProtocolViolation for a histogram of other buckets than ours.
#pragma once

#include "base/messages/stats.h"
#include "internal.capnp.h"
#include "transport/codec/wire_values.h"

namespace sluice::transport::codec {

void write_stats(const StageStats& stats, wire::StageStats::Builder builder);
StageStats read_stats(const wire::StageStats::Reader& reader, Reading& reading);

}  // namespace sluice::transport::codec

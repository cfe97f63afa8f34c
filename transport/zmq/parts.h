// One part of a ZeroMQ message to a Frame and back, without copying the bytes where that pays. Included by the sources
// of this folder alone: it knows zmq.h.
#pragma once

#include <zmq.h>

#include "transport/frame.h"

namespace sluice::transport {

// Takes the bytes of a received part over; it is empty afterwards. The frame is 8-byte aligned: what arrived otherwise
// is copied (libzmq hands out slices of its receive buffer), the rest stays where it is.
Frame adopt_part(zmq_msg_t& part);

// Fills `part`, which must not be initialised. Small frames are copied, larger ones shared: their owner is released on
// whichever thread ZeroMQ is done with them.
void make_part(zmq_msg_t& part, const Frame& frame);

}  // namespace sluice::transport

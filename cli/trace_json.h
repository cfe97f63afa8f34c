// What `sluice generate --trace FILE` writes: the trace of a request as Chrome's trace events, which ui.perfetto.dev
// and chrome://tracing show. docs/TRACES.md says how to read it.
//
// Each track is a thread of the format: the request's phases, the micro-batches, each stage, the responder. Spans that
// overlap (micro-batches in flight together) lie on lanes of their own, so that those of one lane never do.
#pragma once

#include <string>

#include "base/messages/client.h"

namespace sluice::cli {

std::string trace_json(const Finished& finished);

}  // namespace sluice::cli

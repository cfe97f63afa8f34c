// What a running engine holds: by its metrics, and by what the system says of its processes.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <vector>

#include "tests/e2e/engine_under_test.h"

namespace sluice::test {

// The head, and what it started.
std::vector<pid_t> processes_of(EngineUnderTest& engine);

// Open descriptors of an engine at rest, by process: the fewest seen while it is scraped some times, as sockets are
// closed in the background, those of scrapes included.
std::map<pid_t, std::size_t> descriptors_of(const EngineUnderTest& engine, const std::vector<pid_t>& processes);
// Waits until they are seen to be as before, to the last one (a failure: they do not come to that).
void check_descriptors(const EngineUnderTest& engine, const std::map<pid_t, std::size_t>& before);

// False under the address sanitizer, which keeps freed memory for a while.
#ifdef __SANITIZE_ADDRESS__
inline constexpr bool kIsMemoryOurs = false;
#else
inline constexpr bool kIsMemoryOurs = true;
#endif
// Resident memory of all of them together.
std::uint64_t resident_bytes(const std::vector<pid_t>& processes);

// Waits until the engine holds nothing of any request or client: no place, block, stream, attachment, connection or
// session, no message on any link; and until all that was ever accepted has ended (a failure: it does not come to
// that). Kept results and idle sessions have to be configured to be forgotten soon.
void check_idle(const EngineUnderTest& engine);

// Of an idle engine: every link's credit is back. `before`: samples of an engine that has hardly done anything; a
// receiver grants anew when half of its window is used up.
void check_credits(const EngineUnderTest& engine, const MetricSamples& before);

}  // namespace sluice::test

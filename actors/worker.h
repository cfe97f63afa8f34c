// A worker process: runs stages for a head elsewhere, until told to stop.
#pragma once

#include <atomic>
#include <string>

#include "base/error.h"

namespace sluice::actors {

struct WorkerOptions {
  std::string connect;  // Control address of the head: "tcp://HOST:PORT" or "ipc://PATH".
  std::string name;
  std::string model;        // Its model directory; empty: where the topology file says.
  std::string host;         // Loopback address of this worker's stages; empty: 127.0.0.1.
  bool is_spawned = false;  // Ends with its head.
};

// Runs until `is_interrupted` turns true. Errors: a refusal, the loss of the head of a spawned one, kInvalidConfig for
// the address.
Result<void> run_worker(const WorkerOptions& options, const std::atomic<bool>& is_interrupted);

}  // namespace sluice::actors

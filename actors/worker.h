// A worker process: runs stages for a head elsewhere, until told to stop.
#pragma once

#include <atomic>
#include <string>

#include "base/error.h"

namespace sluice::actors {

struct WorkerOptions {
  std::string connect;  // Control address of the head: "tcp://HOST:PORT" or "ipc://PATH", perhaps with its key.
  std::string name;
  std::string model;            // Its model directory; empty: where the topology file says.
  std::string host;             // Address at which its stages listen; empty: that by which it reaches the head.
  std::string key_file;         // Of its own secret key; empty: the links are plain.
  std::string head_key_file;    // Of the head's public key, where `connect` does not name it.
  bool allow_insecure = false;  // Stages without keys may listen beyond loopback.
  bool is_spawned = false;      // Ends with its head.
};

// Runs until `is_interrupted` turns true. Errors: a refusal, the loss of the head of a spawned one, kInvalidConfig for
// the address, the keys, and a host beyond loopback without keys; a head that does not take our key.
Result<void> run_worker(const WorkerOptions& options, const std::atomic<bool>& is_interrupted);

}  // namespace sluice::actors

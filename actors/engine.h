// The engine of the head process: every actor of a plan, wired and running. engine.cpp reads as the diagram.
//
//   transport: clients -> Ingress -> Tokenizer -> Batcher -> Stage 0 -> ... -> Stage n -> Batcher -> Responder
//              -> Ingress
//   Of several replicas each has a Batcher and Stages of its own, and between Tokenizer and Batchers there is a Router.
//   Supervisor: starts workers, assigns stages, sets the pipeline up again after a loss.
//   Metrics: gets everybody's snapshots.
//
// Owns:    the actor system, the ZeroMQ context, the folder of ipc:// sockets. Destruction stops every actor and every
//          process that was started.
// Thread:  of its creator.
// Errors:  start(): kInvalidConfig, kModelLoadFailed (tokenizer), kAddressInUse. Whether stages load shows in reports.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>

#include "actors/control_messages.h"
#include "base/clock.h"
#include "base/error.h"
#include "pipeline/topology/plan.h"

namespace sluice::actors {

struct EngineOptions {
  std::string worker_program = "/proc/self/exe";  // Runs "worker" for stages on host "spawn".
  std::string worker_log_level = "info";
  std::string worker_log_format = "text";
  bool allow_insecure = false;  // Sockets without keys may listen beyond loopback.
};

class Engine {
 public:
  static Result<std::unique_ptr<Engine>> start(const topology::Plan& plan, const EngineOptions& options = {});
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;
  ~Engine();

  // Where clients connect, and where workers do (empty if the plan has none); wildcards are resolved.
  const std::string& ingress_address() const;
  const std::string& control_address() const;
  // Where metrics are scraped: "http://127.0.0.1:9464/metrics"; empty if nowhere.
  const std::string& metrics_url() const;

  // The next report of the supervisor, or nothing within `timeout`.
  std::optional<EngineReport> next_report(Duration timeout);

  // Waits until the pipeline is up, at most `timeout`. Errors: that of a stage that cannot be loaded; kUnavailable.
  Result<void> wait_until_up(Duration timeout);

  // Refuses new requests and waits for those that are running: true when none is left, false when `patience` or
  // `is_interrupted` ended the wait.
  bool drain(Duration patience, const std::atomic<bool>* is_interrupted = nullptr);

 private:
  struct Parts;
  explicit Engine(std::unique_ptr<Parts> parts);

  std::unique_ptr<Parts> parts_;
};

}  // namespace sluice::actors

#include "actors/worker.h"

#include <unistd.h>

#include <caf/all.hpp>
#include <optional>
#include <thread>

#include "actors/worker_actor.h"
#include "kernels/cpu/isa_path.h"
#include "transport/link/types.h"

namespace sluice::actors {

namespace {

WorkerHello make_hello(const std::string& name) {
  WorkerHello hello;
  hello.name = name;
  hello.incarnation = transport::draw_incarnation();
  hello.process_id = static_cast<std::uint64_t>(getpid());
  hello.kernel_path = std::string(to_string(kernels::best_isa_path()));
  hello.cpus = std::thread::hardware_concurrency();
  return hello;
}

}  // namespace

Result<void> run_worker(const WorkerOptions& options, const std::atomic<bool>& is_interrupted) {
  auto context = transport::Context::create();
  if (!context.ok()) return std::move(context).error();
  WorkerSettings settings;
  settings.hello = make_hello(options.name);
  settings.is_spawned = options.is_spawned;
  settings.model_path = options.model;
  settings.stage_host = options.host;
  transport::SocketOptions socket;
  socket.routing_id = options.name + "-" + std::to_string(settings.hello.incarnation);
  socket.heartbeat_interval = std::chrono::milliseconds(250);
  socket.heartbeat_timeout = std::chrono::milliseconds(2000);
  auto head = transport::DealerSocket::connect(*context, options.connect, socket, {});
  if (!head.ok()) return std::move(head).error();

  caf::actor_system_config config;
  config.set("scheduler.max-threads", 1);
  config.set("scheduler.policy", caf::atom("sharing"));
  caf::actor_system system(config);
  caf::scoped_actor self(system);
  const caf::actor worker =
      system.spawn<WorkerActor, caf::detached>(std::make_unique<transport::DealerSocket>(std::move(*head)),
                                               std::move(settings), *context, caf::actor_cast<caf::actor>(self.ptr()));

  std::optional<WorkerEnded> ended;
  while (!ended && !is_interrupted) {
    self->receive([&](const WorkerEnded& message) { ended = message; },
                  caf::after(std::chrono::milliseconds(100)) >> [] {});
  }
  if (!ended) caf::anon_send(worker, Stop{});
  if (ended) return ended->error;
  return {};
}

}  // namespace sluice::actors

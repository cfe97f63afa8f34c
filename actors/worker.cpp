#include "actors/worker.h"

#include <unistd.h>

#include <caf/all.hpp>
#include <optional>
#include <thread>

#include "actors/authenticator_actor.h"
#include "actors/route_to_head.h"
#include "actors/worker_actor.h"
#include "kernels/cpu/isa_path.h"
#include "transport/curve/key_file.h"
#include "transport/link/types.h"
#include "transport/zmq/address.h"

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

struct WorkerKeyring {
  std::shared_ptr<const transport::KeyPair> keys;  // Null: it has none.
  transport::CurveAddress head;
};

Result<WorkerKeyring> read_keys(const WorkerOptions& options) {
  auto head = transport::parse_curve_address(options.connect);
  if (!head.ok()) return std::move(head).error();
  WorkerKeyring keyring{nullptr, std::move(*head)};
  if (options.key_file.empty()) return keyring;
  auto keys = transport::read_key_file(options.key_file);
  if (!keys.ok()) return std::move(keys).error();
  keyring.keys = std::make_shared<const transport::KeyPair>(std::move(*keys));
  if (!options.head_key_file.empty()) {
    const auto head_key = transport::read_public_key_file(options.head_key_file);
    if (!head_key.ok()) return head_key.error();
    keyring.head.server_key = *head_key;
  }
  keyring.head.is_encrypted = true;
  return keyring;
}

// Where stages listen that the head does not give another address to.
Result<std::string> stage_host(const WorkerOptions& options, const std::string& head) {
  std::string host = options.host;
  if (host.empty() && !options.is_spawned && head.starts_with("tcp://")) {
    auto own = own_address_toward(head);
    if (!own.ok()) return own;
    host = std::move(*own);
  }
  if (host.empty()) return host;
  // Rather now than when a stage is assigned.
  const bool may_be_wide = !options.key_file.empty() || options.allow_insecure;
  const auto checked = transport::check_bind_address("tcp://" + host + ":*", may_be_wide);
  if (!checked.ok()) return checked.error();
  return host;
}

}  // namespace

Result<void> run_worker(const WorkerOptions& options, const std::atomic<bool>& is_interrupted) {
  auto keyring = read_keys(options);
  if (!keyring.ok()) return std::move(keyring).error();
  if (auto checked = transport::check_address(keyring->head.endpoint); !checked.ok()) return checked;
  auto host = stage_host(options, keyring->head.endpoint);
  if (!host.ok()) return std::move(host).error();
  auto context = transport::Context::create({.keys = keyring->keys, .allow_wide_bind = options.allow_insecure});
  if (!context.ok()) return std::move(context).error();
  auto zap = bind_zap(*context);
  if (!zap.ok()) return std::move(zap).error();
  WorkerSettings settings;
  settings.hello = make_hello(options.name);
  settings.is_spawned = options.is_spawned;
  settings.model_path = options.model;
  settings.stage_host = std::move(*host);
  transport::SocketOptions socket;
  socket.routing_id = options.name + "-" + std::to_string(settings.hello.incarnation);
  socket.heartbeat_interval = std::chrono::milliseconds(250);
  socket.heartbeat_timeout = std::chrono::milliseconds(2000);
  auto head = transport::DealerSocket::connect(*context, to_string(keyring->head), socket, {});
  if (!head.ok()) return std::move(head).error();

  caf::actor_system_config config;
  config.set("scheduler.max-threads", 1);
  config.set("scheduler.policy", caf::atom("sharing"));
  caf::actor_system system(config);
  caf::scoped_actor self(system);
  const caf::actor authenticator =
      *zap == nullptr ? caf::actor()
                      : system.spawn<AuthenticatorActor, caf::detached>(std::move(*zap), transport::Authenticator());
  settings.authenticator = authenticator;
  const caf::actor worker =
      system.spawn<WorkerActor, caf::detached>(std::make_unique<transport::DealerSocket>(std::move(*head)),
                                               std::move(settings), *context, caf::actor_cast<caf::actor>(self.ptr()));

  std::optional<WorkerEnded> ended;
  while (!ended && !is_interrupted) {
    self->receive([&](const WorkerEnded& message) { ended = message; },
                  caf::after(std::chrono::milliseconds(100)) >> [] {});
  }
  if (!ended) caf::anon_send(worker, Stop{});
  if (authenticator) caf::anon_send(authenticator, Stop{});
  if (ended) return ended->error;
  return {};
}

}  // namespace sluice::actors

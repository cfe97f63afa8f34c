#include "tests/transport/client/scripted_engine.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include "base/check.h"
#include "transport/codec/client_codec.h"

namespace sluice::test {

using namespace transport;

ScriptedEngine::ScriptedEngine(Script script) : script_(std::move(script)), stop_event_(eventfd(0, EFD_CLOEXEC)) {
  const auto context = Context::create();
  SLUICE_CHECK(context.ok());
  auto socket = RouterSocket::bind(*context, "tcp://127.0.0.1:*", {}, {});
  SLUICE_CHECK(socket.ok());
  address_ = socket->address();
  thread_ = std::thread([this, moved = std::move(*socket)]() mutable { run(std::move(moved)); });
}

void ScriptedEngine::stop() {
  if (!thread_.joinable()) return;
  SLUICE_CHECK_EQ(eventfd_write(stop_event_, 1), 0);
  thread_.join();
  close(stop_event_);
}

void ScriptedEngine::run(RouterSocket socket) {
  const SteadyClock clock;
  Poller poller;
  for (;;) {
    poller.clear();
    poller.add(socket);
    const std::size_t stop = poller.add_fd(stop_event_);
    poller.wait(clock, TimePoint::never());
    while (const auto incoming = socket.receive()) {
      const auto message = decode_client_message(incoming->message);
      SLUICE_CHECK(message.ok());
      received_.push_back(*message);
      for (const ServerMessage& answer : script_(*message)) {
        const auto sent = socket.send(incoming->route, encode(answer));
        SLUICE_CHECK(sent.ok());
      }
    }
    socket.take_disconnected();
    if (poller.is_ready(stop)) return;
  }
}

}  // namespace sluice::test

// The engine's end of a connection, played by a test: a ROUTER socket on a thread of its own that answers each message
// of a client as a script says. It waits for messages and never for time.
#pragma once

#include <atomic>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "base/messages/client.h"
#include "transport/zmq/router_socket.h"

namespace sluice::test {

class ScriptedEngine {
 public:
  // What to send back for one message of a client.
  using Script = std::function<std::vector<ServerMessage>(const ClientMessage&)>;

  // Listens on a TCP port of its own choice from the constructor on.
  explicit ScriptedEngine(Script script);
  ScriptedEngine(const ScriptedEngine&) = delete;
  ScriptedEngine& operator=(const ScriptedEngine&) = delete;
  ~ScriptedEngine() { stop(); }

  const std::string& address() const { return address_; }
  // Closes the socket and joins the thread: the engine is gone.
  void stop();
  // All messages that clients sent, in order. After stop().
  const std::vector<ClientMessage>& received() const { return received_; }

 private:
  void run(transport::RouterSocket socket);

  Script script_;
  std::string address_;
  int stop_event_ = -1;
  std::vector<ClientMessage> received_;
  std::thread thread_;
};

}  // namespace sluice::test

// Both ends of a link in one thread, a folder for sockets, and a peer in a process of its own that can be killed.
#pragma once

#include <sys/types.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "transport/zmq/link_in.h"
#include "transport/zmq/link_out.h"
#include "transport/zmq/poller.h"

namespace sluice::transport::test {

// Far beyond what anything here takes: a test that reaches it has failed.
inline constexpr Duration kGenerous = std::chrono::seconds(60);

// A temporary folder, with a short path, as ipc addresses need it.
class SocketFolder {
 public:
  SocketFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "sluice-XXXXXX").string();
    if (::mkdtemp(pattern.data()) != nullptr) path_ = pattern;
  }
  SocketFolder(const SocketFolder&) = delete;
  SocketFolder& operator=(const SocketFolder&) = delete;
  ~SocketFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  std::string ipc(const std::string& name) const { return "ipc://" + (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};

// Where a link of this transport may be bound.
inline std::string bind_address(const std::string& transport, const SocketFolder& folder) {
  static std::atomic<int> counter{0};
  const std::string name = "link-" + std::to_string(++counter);
  if (transport == "inproc") return "inproc://" + name;
  if (transport == "ipc") return folder.ipc(name);
  return "tcp://127.0.0.1:*";
}

inline Message message_of(std::uint64_t number, std::size_t tensor_bytes = 0) {
  Message message;
  FrameBuilder head(sizeof(number));
  std::memcpy(head.bytes().data(), &number, sizeof(number));
  message.push_back(std::move(head).freeze());
  if (tensor_bytes > 0) {
    FrameBuilder tensor(tensor_bytes);
    for (std::size_t i = 0; i < tensor_bytes; ++i) tensor.bytes()[i] = static_cast<std::byte>((i * 31 + number) & 0xff);
    message.push_back(std::move(tensor).freeze());
  }
  return message;
}

inline std::uint64_t number_of(const Message& message) {
  std::uint64_t number = 0;
  if (message.at(0).size() == sizeof(number)) std::memcpy(&number, message[0].bytes().data(), sizeof(number));
  return number;
}

// The ends of links that one thread drives, as an actor's loop would.
struct Ends {
  SteadyClock clock;
  Poller poller;
  LinkOut* out = nullptr;
  LinkIn* in = nullptr;
  bool is_busy = false;  // There is work beside the sockets: look at them without waiting.
  std::vector<LinkEvent> out_events;
  std::vector<LinkEvent> in_events;

  void wait_once() {
    poller.clear();
    if (out != nullptr) poller.add(*out);
    if (in != nullptr) poller.add(*in);
    poller.wait(clock, is_busy ? clock.now() : clock.now() + std::chrono::seconds(1));
    turn();
  }
  void turn() {
    const TimePoint now = clock.now();
    if (in != nullptr) {
      in->on_event(now);
      for (LinkEvent& event : in->take_events()) in_events.push_back(std::move(event));
    }
    if (out != nullptr) {
      out->on_event(now);
      for (LinkEvent& event : out->take_events()) out_events.push_back(std::move(event));
    }
  }
  // False if it never came true.
  bool wait_until(const std::function<bool()>& condition) {
    const TimePoint end = clock.now() + kGenerous;
    turn();
    while (!condition()) {
      if (clock.now() >= end) return false;
      wait_once();
    }
    return true;
  }
};

template <class Event>
const Event* find_event(const std::vector<LinkEvent>& events) {
  for (const LinkEvent& event : events) {
    if (const auto* found = std::get_if<Event>(&event)) return found;
  }
  return nullptr;
}

// A process that runs `body` with two pipes to and from this one. Fork before this process makes a ZeroMQ context.
class PeerProcess {
 public:
  struct Pipes {
    int in = -1;
    int out = -1;
    std::string read_line() const;
    void write_line(const std::string& line) const;
  };

  explicit PeerProcess(const std::function<void(const Pipes&)>& body);
  PeerProcess(const PeerProcess&) = delete;
  PeerProcess& operator=(const PeerProcess&) = delete;
  ~PeerProcess();

  const Pipes& pipes() const { return pipes_; }
  // kill -9, and waits for the death.
  void kill();
  // SIGSTOP: alive, and silent.
  void stop();

 private:
  pid_t pid_ = -1;
  Pipes pipes_;
};

}  // namespace sluice::transport::test

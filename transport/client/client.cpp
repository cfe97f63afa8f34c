#include "transport/client/client.h"

#include <algorithm>
#include <deque>

#include "transport/client/connection.h"

namespace sluice::transport {

namespace {

constexpr Duration kCancelLookInterval = std::chrono::milliseconds(100);

// Empty for a Welcome, and for a refusal of what had no id.
const std::string& request_id_of(const ServerMessage& message) {
  static const std::string none;
  return std::visit(
      []<class T>(const T& one) -> const std::string& {
        if constexpr (requires { one.request_id; }) {
          return one.request_id;
        } else {
          return none;
        }
      },
      message);
}

}  // namespace

struct Client::Connection {
  ClientConnection wire;
  std::deque<ServerMessage> set_aside;  // Of other requests, while generate() ran; bounded by their credits.
};

Client::Client(std::unique_ptr<Connection> connection) : connection_(std::move(connection)) {}
Client::Client(Client&&) noexcept = default;
Client& Client::operator=(Client&&) noexcept = default;
Client::~Client() = default;

Result<Client> Client::connect(const std::string& address, const ClientOptions& options) {
  auto wire = ClientConnection::open(address, options);
  if (!wire) return std::move(wire).error();
  return Client(std::unique_ptr<Connection>(new Connection{*std::move(wire), {}}));
}

const Welcome& Client::welcome() const {
  return connection_->wire.welcome();
}

Result<void> Client::send(const ClientMessage& message) {
  return connection_->wire.send(message);
}

Result<void> Client::cancel(const std::string& request_id) {
  return send(Cancel{request_id});
}

Result<std::optional<ServerMessage>> Client::receive(Duration timeout) {
  auto& set_aside = connection_->set_aside;
  if (set_aside.empty()) return connection_->wire.receive(timeout);
  std::optional<ServerMessage> oldest = std::move(set_aside.front());
  set_aside.pop_front();
  return oldest;
}

void Client::watch(Poller& poller, bool for_writing) const {
  connection_->wire.watch(poller, for_writing);
}

Result<Finished> Client::generate(const Generate& request, const std::function<bool(const Tokens&)>& on_tokens,
                                  const std::atomic<bool>* cancel_requested, Accepted* accepted) {
  const std::uint64_t window = request.credit_tokens > 0 ? request.credit_tokens : welcome().client_window_tokens;
  std::uint64_t granted = window;
  bool is_cancelled = false;
  bool is_wanted = true;
  if (auto sent = send(request); !sent) return std::move(sent).error();
  for (;;) {
    const bool stop = !is_wanted || (cancel_requested != nullptr && cancel_requested->load(std::memory_order_relaxed));
    if (stop && !is_cancelled) {
      if (auto sent = cancel(request.request_id); !sent) return std::move(sent).error();
      is_cancelled = true;
    }
    auto received = connection_->wire.receive(kCancelLookInterval);
    if (!received) return std::move(received).error();
    if (!received->has_value()) continue;
    ServerMessage& message = **received;
    const std::string& id = request_id_of(message);
    if (auto* failed = std::get_if<Failed>(&message); failed != nullptr && (id.empty() || id == request.request_id)) {
      return std::move(failed->error);
    }
    if (id != request.request_id) {
      connection_->set_aside.push_back(std::move(message));
      continue;
    }
    if (auto* finished = std::get_if<Finished>(&message)) return std::move(*finished);
    if (auto* acceptance = std::get_if<Accepted>(&message); acceptance != nullptr && accepted != nullptr) {
      *accepted = std::move(*acceptance);
    }
    if (const auto* tokens = std::get_if<Tokens>(&message)) {
      if (is_wanted) is_wanted = on_tokens(*tokens);
      // Also after a cancel: the terminal message comes behind the tokens that were on their way.
      const std::uint64_t taken = tokens->first_index + tokens->token_ids.size();
      if (taken + window / 2 < granted) continue;
      granted = std::max(granted, taken + window);
      if (auto sent = send(Credit{request.request_id, granted}); !sent) return std::move(sent).error();
    }
  }
}

}  // namespace sluice::transport

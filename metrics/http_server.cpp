#include "metrics/http_server.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <string_view>
#include <thread>
#include <utility>

namespace sluice::metrics {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::ip::tcp;

namespace {

// After accepting failed, as for want of descriptors.
constexpr Duration kAcceptPause = std::chrono::milliseconds(100);

using Answer = http::response<http::string_body>;

Answer answer_to(const http::request<http::empty_body>& request, const HttpPages& pages) {
  const std::string_view target(request.target().data(), request.target().size());
  const auto page = pages.find(target.substr(0, target.find('?')));
  Answer answer(http::status::ok, request.version());
  if (request.method() != http::verb::get) {
    answer.result(http::status::method_not_allowed);
    answer.set(http::field::allow, "GET");
  } else if (page == pages.end()) {
    answer.result(http::status::not_found);
  } else {
    answer.set(http::field::content_type, page->second.media_type);
    answer.body() = page->second.body();
  }
  answer.keep_alive(false);
  answer.prepare_payload();
  return answer;
}

// Lives as long as an operation of its own is pending.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(tcp::socket socket, const HttpPages& pages, const HttpServerLimits& limits, std::function<void()> on_end)
      : pages_(pages), on_end_(std::move(on_end)), stream_(std::move(socket)), buffer_(limits.header_bytes_max) {
    parser_.header_limit(limits.header_bytes_max);
    stream_.expires_after(limits.timeout);  // Once: for the request and its answer together.
  }

  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection() { on_end_(); }

  void start() {
    http::async_read_header(stream_, buffer_, parser_,
                            [self = shared_from_this()](beast::error_code error, std::size_t) {
                              if (!error) self->send();  // Who sends no request gets no answer.
                            });
  }

 private:
  void send() {
    answer_ = answer_to(parser_.get(), pages_);
    http::async_write(stream_, answer_, [self = shared_from_this()](beast::error_code error, std::size_t) {
      // A reader that is gone misses nothing.
      if (!error) self->stream_.socket().shutdown(tcp::socket::shutdown_send, error);
    });
  }

  const HttpPages& pages_;
  const std::function<void()> on_end_;
  beast::tcp_stream stream_;
  beast::flat_buffer buffer_;
  http::request_parser<http::empty_body> parser_;
  Answer answer_;
};

}  // namespace

struct HttpServer::Parts {
  Parts(HttpPages pages_to_serve, const HttpServerLimits& server_limits)
      : pages(std::move(pages_to_serve)), limits(server_limits) {}

  Parts(const Parts&) = delete;
  Parts& operator=(const Parts&) = delete;
  ~Parts() {
    io.stop();
    if (thread.joinable()) thread.join();
  }

  void listen(const tcp::endpoint& endpoint) {
    acceptor.open(endpoint.protocol());
    acceptor.set_option(tcp::acceptor::reuse_address(true));
    acceptor.bind(endpoint);
    acceptor.listen();
    accept();
    thread = std::thread([this] { io.run(); });
  }

  void accept() {
    acceptor.async_accept([this](beast::error_code error, tcp::socket socket) {
      if (error) return pause();
      ++connections;
      std::make_shared<Connection>(std::move(socket), pages, limits, [this] { end_connection(); })->start();
      if (connections < limits.connections_max) accept();
    });
  }

  void pause() {
    pause_timer.expires_after(kAcceptPause);
    pause_timer.async_wait([this](beast::error_code error) {
      if (!error) accept();
    });
  }

  void end_connection() {
    if (connections-- == limits.connections_max && !io.stopped()) accept();
  }

  const HttpPages pages;
  const HttpServerLimits limits;
  std::size_t connections = 0;
  asio::io_context io{1};  // Ends connections, which use what stands above, when it goes.
  tcp::acceptor acceptor{io};
  asio::steady_timer pause_timer{io};
  std::thread thread;
};

Result<std::unique_ptr<HttpServer>> HttpServer::start(const std::string& host, std::uint16_t port, HttpPages pages,
                                                      const HttpServerLimits& limits) {
  try {
    auto parts = std::make_unique<Parts>(std::move(pages), limits);
    beast::error_code error;
    const auto endpoints = tcp::resolver(parts->io).resolve(host, std::to_string(port), error);
    if (error) return Error{ErrorCode::kNotFound, error.message()};
    parts->listen(endpoints.begin()->endpoint());
    return std::unique_ptr<HttpServer>(new HttpServer(std::move(parts)));
  } catch (const boost::system::system_error& exception) {
    return Error{ErrorCode::kAddressInUse, exception.code().message()};
  }
}

HttpServer::HttpServer(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

HttpServer::~HttpServer() = default;

std::uint16_t HttpServer::port() const {
  return parts_->acceptor.local_endpoint().port();
}

}  // namespace sluice::metrics

#include "top/http_get.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <optional>
#include <utility>

namespace sluice::top {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::ip::tcp;

struct HttpSource::Target {
  MetricsAddress address;
  HttpLimits limits;
  tcp::resolver::results_type endpoints;
};

namespace {

// Lives as long as an operation of its own is pending.
class Exchange : public std::enable_shared_from_this<Exchange> {
 public:
  Exchange(asio::io_context& io, const MetricsAddress& address, const HttpLimits& limits, OnBody on_body)
      : on_body_(std::move(on_body)), stream_(io), buffer_(limits.header_bytes_max) {
    request_.method(http::verb::get);
    request_.version(11);
    request_.target(address.path);
    request_.set(http::field::host, address.host + ":" + std::to_string(address.port));
    request_.set(http::field::user_agent, "sluice");
    request_.set(http::field::accept, "text/plain, application/json");
    request_.set(http::field::connection, "close");
    parser_.header_limit(limits.header_bytes_max);
    parser_.body_limit(limits.body_bytes_max);
    stream_.expires_after(limits.timeout);  // Once: for all of the steps together.
  }

  void start(const tcp::resolver::results_type& endpoints) {
    stream_.async_connect(endpoints, [self = shared_from_this()](beast::error_code error, const tcp::endpoint&) {
      if (error) return self->fail(error);
      self->send();
    });
  }

 private:
  void send() {
    http::async_write(stream_, request_, [self = shared_from_this()](beast::error_code error, std::size_t) {
      if (error) return self->fail(error);
      self->receive();
    });
  }

  void receive() {
    http::async_read(stream_, buffer_, parser_, [self = shared_from_this()](beast::error_code error, std::size_t) {
      if (error) return self->fail(error);
      self->finish();
    });
  }

  void finish() {
    auto& response = parser_.get();
    if (response.result() == http::status::ok) return on_body_(std::move(response.body()));
    on_body_(Error{ErrorCode::kProtocolViolation, "HTTP status " + std::to_string(response.result_int())});
  }

  void fail(const beast::error_code& error) {
    const auto malformed = http::make_error_code(http::error::bad_version);
    const bool is_no_http = error.category() == malformed.category() && error != http::error::end_of_stream &&
                            error != http::error::partial_message;
    on_body_(Error{is_no_http ? ErrorCode::kProtocolViolation : ErrorCode::kTransportLost,
                   error == beast::error::timeout ? "not in time" : error.message()});
  }

  const OnBody on_body_;
  beast::tcp_stream stream_;
  beast::flat_buffer buffer_;
  http::request<http::empty_body> request_;
  http::response_parser<http::string_body> parser_;
};

}  // namespace

HttpSource::HttpSource(std::shared_ptr<const Target> target) : target_(std::move(target)) {}

Result<HttpSource> HttpSource::resolve(const MetricsAddress& address, const HttpLimits& limits) {
  try {
    asio::io_context io;
    beast::error_code error;
    auto endpoints = tcp::resolver(io).resolve(address.host, std::to_string(address.port), error);
    if (error) return Error{ErrorCode::kNotFound, "no address for the host '" + address.host + "': " + error.message()};
    return HttpSource(std::make_shared<const Target>(Target{address, limits, std::move(endpoints)}));
  } catch (const boost::system::system_error& error) {
    return Error{ErrorCode::kInternal, std::string("no sockets: ") + error.what()};
  }
}

void HttpSource::start_get(asio::io_context& io, OnBody on_body) const {
  std::make_shared<Exchange>(io, target_->address, target_->limits, std::move(on_body))->start(target_->endpoints);
}

Result<std::string> HttpSource::get() const {
  try {
    asio::io_context io;
    std::optional<Result<std::string>> body;
    start_get(io, [&](Result<std::string> result) { body = std::move(result); });
    io.run();
    SLUICE_CHECK(body.has_value());
    return *std::move(body);
  } catch (const boost::system::system_error& error) {
    return Error{ErrorCode::kInternal, std::string("no sockets: ") + error.what()};
  }
}

Error HttpSource::explain(const Error& error, const std::string& what) const {
  const bool is_silent = error.code == ErrorCode::kTransportLost;
  return {error.code,
          (is_silent ? "no answer from " : "no " + what + " at ") + address().to_string() + ": " + error.message};
}

const MetricsAddress& HttpSource::address() const {
  return target_->address;
}

}  // namespace sluice::top

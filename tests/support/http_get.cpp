#include "tests/support/http_get.h"

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdlib>

namespace sluice::test {

HttpAnswer http_get(const std::string& url) {
  CAPTURE(url);
  const std::string prefix = "http://127.0.0.1:";
  REQUIRE(url.starts_with(prefix));
  const std::size_t slash = url.find('/', prefix.size());
  REQUIRE(slash != std::string::npos);
  const int port = std::stoi(url.substr(prefix.size(), slash - prefix.size()));

  const int connection = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  REQUIRE(connection >= 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  REQUIRE(connect(connection, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  const std::string request =
      "GET " + url.substr(slash) + " HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n";
  REQUIRE(send(connection, request.data(), request.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(request.size()));
  std::string answer;
  std::array<char, 16384> piece{};
  for (ssize_t bytes = 0; (bytes = read(connection, piece.data(), piece.size())) > 0;) {
    answer.append(piece.data(), static_cast<std::size_t>(bytes));
  }
  close(connection);

  const std::size_t body = answer.find("\r\n\r\n");
  REQUIRE(answer.starts_with("HTTP/1.1 "));
  REQUIRE(body != std::string::npos);
  return {std::stoi(answer.substr(9, 3)), answer.substr(body + 4)};
}

}  // namespace sluice::test

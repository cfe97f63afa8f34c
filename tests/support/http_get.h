// One HTTP request, for tests of our endpoints.
#pragma once

#include <string>

namespace sluice::test {

struct HttpAnswer {
  int status = 0;
  std::string body;
};

// GET of "http://127.0.0.1:PORT/PATH". A doctest failure if nobody answers, or not in HTTP.
HttpAnswer http_get(const std::string& url);

}  // namespace sluice::test

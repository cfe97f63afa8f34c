// A client of a running engine in C++: streams a continuation to standard output.
//
//   build/release/bin/example_client tcp://127.0.0.1:5555 "Once upon a time"
#include <unistd.h>

#include <iostream>

#include "transport/client/client.h"

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: example_client ADDRESS PROMPT\n";
    return 2;
  }
  auto client = sluice::transport::Client::connect(argv[1], {.client_name = "example-cpp"});
  if (!client) {
    std::cerr << to_string(client.error()) << "\n";
    return 1;
  }

  sluice::Generate request;
  request.request_id = "example-" + std::to_string(getpid());
  request.prompt = std::string(argv[2]);
  request.sampling = client->welcome().sampling_defaults;
  request.sampling->temperature = 0;  // Greedy: the same story every time.
  request.max_tokens = 200;

  const auto print = [](const sluice::Tokens& tokens) {
    std::cout << tokens.text << std::flush;
    return true;  // False would cancel the request.
  };
  const auto finished = client->generate(request, print);
  if (!finished) {
    std::cerr << to_string(finished.error()) << "\n";
    return 1;
  }
  std::cout << "\n";
  std::cerr << to_string(finished->reason) << ", " << finished->usage.output_tokens << " tokens\n";
}

// The program `sluice` as a child: its arguments as they are, without a shell, its input and output through pipes.
#pragma once

#include <string>
#include <vector>

#include <sys/types.h>

namespace sluice::test {

struct Outcome {
  int exit_code = -1;  // -1: ended by a signal.
  std::string out;     // Standard output, from where read_out_until() stopped.
  std::string err;
};

class Program {
 public:
  // Starts it with `input` as standard input, of at most a pipe's capacity (64 KiB).
  explicit Program(std::vector<std::string> arguments, const std::string& input = "");
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;
  ~Program();

  // Reads standard output until it ends with `text`, or ends. Returns what it read.
  std::string read_out_until(const std::string& text);
  void send_signal(int signal);
  // Waits for its end.
  Outcome wait();

 private:
  pid_t pid_ = -1;
  int out_ = -1;
  std::string err_path_;
};

inline Outcome run_program(std::vector<std::string> arguments, const std::string& input = "") {
  return Program(std::move(arguments), input).wait();
}

}  // namespace sluice::test

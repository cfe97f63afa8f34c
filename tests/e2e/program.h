// The program `sluice` as a child process, with its standard output read line by line.
//
// Owns:    the child (killed and reaped with this object) and both ends of its pipes.
// Errors:  a doctest failure for what must not happen in a test (cannot start, no line within the bound).
#pragma once

#include <sys/types.h>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace sluice::test {

// Only a defect takes as long as this, also on a busy machine under the sanitizers.
inline constexpr std::chrono::seconds kPatience{60};

// Path of the program under test.
std::string sluice_program();

class Program {
 public:
  // Standard error goes to that of the test, or to where standard output goes. `program` empty: sluice.
  explicit Program(const std::vector<std::string>& arguments, bool join_errors = false,
                   const std::string& program = {});
  Program(Program&& other) noexcept;
  Program& operator=(Program&&) = delete;
  ~Program();

  pid_t pid() const { return pid_; }

  // The next line of output without its end; nothing at its end, or after kPatience (a failure).
  std::optional<std::string> next_line();
  // Lines until one starts with `prefix`; that line. Nothing if the output ended before.
  std::optional<std::string> line_starting(const std::string& prefix);
  // All that is left of the output.
  std::string rest();

  void write_input(const std::string& text);
  void close_input();
  void signal(int number);
  // Ctrl-C in its terminal: SIGINT to the program and to whatever it started in its process group.
  void interrupt();
  // Waits for the end: the exit status, or 128 + the signal's number.
  int wait();

 private:
  bool fill();

  pid_t pid_ = -1;
  int output_ = -1;
  int input_ = -1;
  std::string buffer_;
  bool is_at_end_ = false;
  std::optional<int> status_;
};

// The one process that `parent` started and that lives (a failure if there are none or several).
pid_t only_child_of(pid_t parent);

// Waits until the process, which need not be our child, is gone.
bool has_ended(pid_t process);

}  // namespace sluice::test

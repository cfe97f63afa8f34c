// The program `sluice` on a terminal of its own, of 100 columns and 40 rows, without colours.
//
// Owns:   both ends of the terminal; the child, which is killed and reaped with this object.
// Errors: a doctest failure.
#pragma once

#include <string>
#include <vector>

#include <sys/types.h>
#include <termios.h>

namespace sluice::test {

// What it writes when it takes the terminal's alternate screen, and last when it gives the terminal back.
inline const std::string kEnter = "\033[?1049h";
inline const std::string kLeave = "\033[?25h\033[?1049l";

class OnTerminal {
 public:
  explicit OnTerminal(std::vector<std::string> arguments);
  OnTerminal(const OnTerminal&) = delete;
  OnTerminal& operator=(const OnTerminal&) = delete;
  ~OnTerminal();

  // Reads until it has drawn this; all that was read for it.
  std::string read_until(const std::string& text);
  void press(char key);
  void send(int signal);
  void resize(unsigned short columns, unsigned short rows);
  void wait_until_stopped();
  // Its exit code; -1 after a signal.
  int wait();
  bool has_settings_as_before() const;

 private:
  int master_ = -1;
  int slave_ = -1;
  pid_t pid_ = -1;
  termios before_{};
};

}  // namespace sluice::test

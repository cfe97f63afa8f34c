// The terminal while it shows a live picture: its alternate screen, without cursor and echo.
//
// Owns:    the terminal's settings, from enter() to leave() or the end of this object, which puts them back as they
//          were; a descriptor of its own for keys, so that nobody who shares standard input finds it changed.
// Thread:  confined to one.
// Errors:  kUnavailable: standard output is no terminal, or is gone.
#pragma once

#include <termios.h>

#include <cstddef>
#include <string_view>

#include "base/error.h"
#include "top/paint.h"

namespace sluice::top {

struct TerminalSize {
  std::size_t columns = 80;
  std::size_t rows = 24;
};

// What it may be drawn with: https://no-color.org.
Look look_of_terminal();

class Terminal {
 public:
  // That of standard output.
  static Result<Terminal> open();
  Terminal(Terminal&& other) noexcept;
  Terminal& operator=(Terminal&&) = delete;
  ~Terminal();

  Result<void> enter();
  void leave();

  TerminalSize size() const;
  // Waits until the terminal has taken all of it.
  Result<void> write(std::string_view text) const;
  // Where keys are read; -1 if there is no such place. Stays this object's.
  int keys_fd() const { return keys_; }

 private:
  Terminal(const termios& settings, int keys) : settings_(settings), keys_(keys) {}

  termios settings_;  // As they were found.
  int keys_ = -1;
  bool is_entered_ = false;
};

}  // namespace sluice::top

#include "top/terminal.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <utility>

namespace sluice::top {

namespace {

// Alternate screen, cursor off, no wrapping at the right edge; and back.
constexpr std::string_view kEnter = "\033[?1049h\033[?25l\033[?7l\033[H\033[2J";
constexpr std::string_view kLeave = "\033[?7h\033[?25h\033[?1049l";

Error gone() {
  return {ErrorCode::kUnavailable, "standard output is no terminal, or it is gone"};
}

}  // namespace

// NO_COLOR counts when it is set to anything but nothing.
Look look_of_terminal() {
  const char* no_color = std::getenv("NO_COLOR");
  return no_color != nullptr && *no_color != '\0' ? Look::kMonochrome : Look::kColour;
}

Result<Terminal> Terminal::open() {
  termios settings{};
  if (::tcgetattr(STDOUT_FILENO, &settings) != 0) return gone();
  return Terminal(settings, ::open("/dev/tty", O_RDONLY | O_NOCTTY | O_CLOEXEC));
}

Terminal::Terminal(Terminal&& other) noexcept
    : settings_(other.settings_),
      keys_(std::exchange(other.keys_, -1)),
      is_entered_(std::exchange(other.is_entered_, false)) {}

Terminal::~Terminal() {
  leave();
  if (keys_ >= 0) ::close(keys_);
}

Result<void> Terminal::enter() {
  // Keys come one by one and are not shown; Ctrl-C and Ctrl-Z stay signals.
  termios settings = settings_;
  settings.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
  if (::tcsetattr(STDOUT_FILENO, TCSADRAIN, &settings) != 0) return gone();
  is_entered_ = true;
  return write(kEnter);
}

void Terminal::leave() {
  if (!std::exchange(is_entered_, false)) return;
  // Where the terminal is gone there is nothing to put back.
  if (write(kLeave)) ::tcsetattr(STDOUT_FILENO, TCSADRAIN, &settings_);
}

TerminalSize Terminal::size() const {
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0 || size.ws_row == 0) return {};
  return {size.ws_col, size.ws_row};
}

Result<void> Terminal::write(std::string_view text) const {
  while (!text.empty()) {
    const ssize_t written = ::write(STDOUT_FILENO, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return gone();
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

}  // namespace sluice::top

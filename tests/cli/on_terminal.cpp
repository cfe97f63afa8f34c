#include "tests/cli/on_terminal.h"

#include <doctest/doctest.h>

#include <pty.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utmp.h>

#include <csignal>

namespace sluice::test {

namespace {

// Only a defect draws as much as this before what a test waits for.
constexpr std::size_t kDrawnBytesMax = 1 << 18;

}  // namespace

OnTerminal::OnTerminal(std::vector<std::string> arguments) {
  winsize size{};
  size.ws_row = 40;
  size.ws_col = 100;
  REQUIRE(::openpty(&master_, &slave_, nullptr, nullptr, &size) == 0);
  REQUIRE(::tcgetattr(master_, &before_) == 0);
  std::string name = "sluice";
  std::vector<char*> argv = {name.data()};
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  char no_color[] = "NO_COLOR=1", term[] = "TERM=xterm";
  char* const environment[] = {no_color, term, nullptr};
  pid_ = ::fork();
  REQUIRE(pid_ >= 0);
  if (pid_ == 0) {
    ::close(master_);
    ::login_tty(slave_);
    ::execve(SLUICE_PROGRAM, argv.data(), environment);
    ::_exit(127);
  }
  // The slave's end is kept open: else what was written last is lost with the program.
}

OnTerminal::~OnTerminal() {
  if (pid_ > 0) {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  ::close(master_);
  ::close(slave_);
}

std::string OnTerminal::read_until(const std::string& text) {
  std::string out;
  char c = 0;
  while (!out.ends_with(text) && out.size() < kDrawnBytesMax && ::read(master_, &c, 1) == 1) out += c;
  CHECK(out.ends_with(text));
  return out;
}

void OnTerminal::press(char key) {
  REQUIRE(::write(master_, &key, 1) == 1);
}

void OnTerminal::send(int signal) {
  REQUIRE(::kill(pid_, signal) == 0);
}

void OnTerminal::resize(unsigned short columns, unsigned short rows) {
  winsize size{};
  size.ws_row = rows;
  size.ws_col = columns;
  REQUIRE(::ioctl(master_, TIOCSWINSZ, &size) == 0);
}

void OnTerminal::wait_until_stopped() {
  int status = 0;
  REQUIRE(::waitpid(pid_, &status, WUNTRACED) == pid_);
  REQUIRE(WIFSTOPPED(status));
}

int OnTerminal::wait() {
  int status = 0;
  REQUIRE(::waitpid(pid_, &status, 0) == pid_);
  pid_ = -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

bool OnTerminal::has_settings_as_before() const {
  termios now{};
  REQUIRE(::tcgetattr(master_, &now) == 0);
  return now.c_lflag == before_.c_lflag && now.c_iflag == before_.c_iflag && now.c_oflag == before_.c_oflag;
}

}  // namespace sluice::test

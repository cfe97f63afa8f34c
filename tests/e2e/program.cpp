#include "tests/e2e/program.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <utility>

namespace sluice::test {

std::string sluice_program() {
  return SLUICE_PROGRAM;
}

Program::Program(const std::vector<std::string>& arguments, bool join_errors, const std::string& program) {
  const std::string path = program.empty() ? sluice_program() : program;
  std::vector<char*> argv{const_cast<char*>(path.c_str())};
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  std::array<int, 2> out{};
  std::array<int, 2> in{};
  REQUIRE(pipe2(out.data(), O_CLOEXEC) == 0);
  REQUIRE(pipe2(in.data(), O_CLOEXEC) == 0);
  pid_ = fork();
  REQUIRE(pid_ >= 0);
  if (pid_ == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    setpgid(0, 0);  // As a shell does for what it runs.
    dup2(in[0], STDIN_FILENO);
    dup2(out[1], STDOUT_FILENO);
    if (join_errors) dup2(out[1], STDERR_FILENO);
    execvp(argv[0], argv.data());
    _exit(127);
  }
  close(out[1]);
  close(in[0]);
  output_ = out[0];
  input_ = in[1];
}

Program::Program(Program&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      output_(std::exchange(other.output_, -1)),
      input_(std::exchange(other.input_, -1)),
      buffer_(std::move(other.buffer_)),
      is_at_end_(other.is_at_end_),
      status_(other.status_) {}

Program::~Program() {
  if (pid_ > 0 && !status_) {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  if (output_ >= 0) close(output_);
  close_input();
}

bool Program::fill() {
  if (is_at_end_) return false;
  pollfd item{output_, POLLIN, 0};
  const auto patience_ms = std::chrono::duration_cast<std::chrono::milliseconds>(kPatience).count();
  if (poll(&item, 1, static_cast<int>(patience_ms)) <= 0) {
    FAIL_CHECK("no output within the bound; so far: " << buffer_);
    return false;
  }
  std::array<char, 4096> bytes{};
  const ssize_t count = read(output_, bytes.data(), bytes.size());
  if (count <= 0) {
    is_at_end_ = true;
    return false;
  }
  buffer_.append(bytes.data(), static_cast<std::size_t>(count));
  return true;
}

std::optional<std::string> Program::next_line() {
  std::size_t end = buffer_.find('\n');
  while (end == std::string::npos) {
    if (!fill()) return std::nullopt;
    end = buffer_.find('\n');
  }
  std::string line = buffer_.substr(0, end);
  buffer_.erase(0, end + 1);
  return line;
}

std::optional<std::string> Program::line_starting(const std::string& prefix) {
  while (auto line = next_line()) {
    if (line->starts_with(prefix)) return line;
  }
  return std::nullopt;
}

std::string Program::rest() {
  while (fill()) {
  }
  return std::exchange(buffer_, {});
}

void Program::write_input(const std::string& text) {
  REQUIRE(write(input_, text.data(), text.size()) == static_cast<ssize_t>(text.size()));
}

void Program::close_input() {
  if (input_ >= 0) close(std::exchange(input_, -1));
}

void Program::signal(int number) {
  REQUIRE(kill(pid_, number) == 0);
}

void Program::interrupt() {
  REQUIRE(kill(-pid_, SIGINT) == 0);
}

int Program::wait() {
  if (status_) return *status_;
  int status = 0;
  REQUIRE(waitpid(pid_, &status, 0) == pid_);
  status_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return *status_;
}

pid_t only_child_of(pid_t parent) {
  // Of every thread of the parent: the supervisor's started it.
  std::vector<pid_t> children;
  for (const auto& thread : std::filesystem::directory_iterator("/proc/" + std::to_string(parent) + "/task")) {
    std::ifstream file(thread.path() / "children");
    for (pid_t child = 0; file >> child;) children.push_back(child);
  }
  REQUIRE(children.size() == 1);
  return children.front();
}

bool has_ended(pid_t process) {
  const int fd = static_cast<int>(syscall(SYS_pidfd_open, process, 0));
  if (fd < 0) return true;
  pollfd item{fd, POLLIN, 0};
  const auto patience_ms = std::chrono::duration_cast<std::chrono::milliseconds>(kPatience).count();
  const bool is_gone = poll(&item, 1, static_cast<int>(patience_ms)) == 1;
  close(fd);
  return is_gone;
}

}  // namespace sluice::test

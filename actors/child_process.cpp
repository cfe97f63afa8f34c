#include "actors/child_process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace sluice::actors {

namespace {

Error os_error(const std::string& what) {
  return {ErrorCode::kInternal, what + ": " + std::strerror(errno)};  // NOLINT(concurrency-mt-unsafe)
}

// In the child between fork and exec: only async-signal-safe calls. The pipe tells the parent why exec failed.
[[noreturn]] void become(const char* program, char* const* argv, pid_t parent, int error_fd) {
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (getppid() != parent) _exit(127);  // It died before the line above.
  setpgid(0, 0);                        // A terminal's Ctrl-C is for the parent: it may still need this child.
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  execv(program, argv);
  const int reason = errno;
  [[maybe_unused]] const auto written = write(error_fd, &reason, sizeof reason);
  _exit(127);
}

}  // namespace

Result<ChildProcess> ChildProcess::start(const std::string& program, const std::vector<std::string>& arguments) {
  std::vector<char*> argv{const_cast<char*>(program.c_str())};
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);

  int error_pipe[2];
  if (pipe2(error_pipe, O_CLOEXEC) != 0) return os_error("pipe");
  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid == 0) become(program.c_str(), argv.data(), parent, error_pipe[1]);
  close(error_pipe[1]);
  if (pid < 0) {
    close(error_pipe[0]);
    return os_error("fork");
  }

  // Closed by a successful exec: then there is nothing to read.
  int reason = 0;
  const auto count = read(error_pipe[0], &reason, sizeof reason);
  close(error_pipe[0]);
  if (count == static_cast<ssize_t>(sizeof reason)) {
    waitpid(pid, nullptr, 0);
    errno = reason;
    return os_error("cannot run " + program);
  }
  const int exit_fd = static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
  if (exit_fd < 0) {
    const Error error = os_error("pidfd_open");
    ::kill(pid, SIGKILL);
    waitpid(pid, nullptr, 0);
    return error;
  }
  return ChildProcess(pid, exit_fd);
}

ChildProcess::ChildProcess(ChildProcess&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)), exit_fd_(std::exchange(other.exit_fd_, -1)) {}

ChildProcess& ChildProcess::operator=(ChildProcess&& other) noexcept {
  if (this != &other) {
    release();
    pid_ = std::exchange(other.pid_, -1);
    exit_fd_ = std::exchange(other.exit_fd_, -1);
  }
  return *this;
}

ChildProcess::~ChildProcess() {
  release();
}

std::string ChildProcess::reap() {
  int status = 0;
  waitpid(std::exchange(pid_, -1), &status, 0);
  if (WIFEXITED(status)) return "it exited with status " + std::to_string(WEXITSTATUS(status));
  if (WIFSIGNALED(status)) return "it was killed by signal " + std::to_string(WTERMSIG(status));
  return "it ended";
}

void ChildProcess::kill() {
  if (pid_ > 0) ::kill(pid_, SIGKILL);
}

void ChildProcess::release() {
  if (pid_ > 0) {
    ::kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }
  if (exit_fd_ >= 0) close(std::exchange(exit_fd_, -1));
}

}  // namespace sluice::actors

// A process that the supervisor started: killed when this object goes, and by the kernel should we die first.
//
// Owns:    the child and a pidfd that becomes readable when it ends.
// Thread:  of the supervisor. The child gets SIGTERM when the thread that started it ends. It is in a process group of
//          its own: Ctrl-C at the terminal is for us, who may still have work for it.
// Errors:  start() -> kInternal with the reason of the operating system.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "base/error.h"

namespace sluice::actors {

class ChildProcess {
 public:
  // Runs `program` with `arguments` (without argv[0]), the environment and standard streams of this process.
  static Result<ChildProcess> start(const std::string& program, const std::vector<std::string>& arguments);

  ChildProcess(ChildProcess&& other) noexcept;
  ChildProcess& operator=(ChildProcess&& other) noexcept;
  ~ChildProcess();

  pid_t pid() const { return pid_; }
  // Poll it for reading: ready once the child has ended.
  int exit_fd() const { return exit_fd_; }
  // After exit_fd() became readable: reaps, and says how it ended ("exited with status 1", "was killed by signal 9").
  std::string reap();
  void kill();

 private:
  ChildProcess(pid_t pid, int exit_fd) : pid_(pid), exit_fd_(exit_fd) {}
  void release();

  pid_t pid_ = -1;  // -1: none, or reaped.
  int exit_fd_ = -1;
};

}  // namespace sluice::actors

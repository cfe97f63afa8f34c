#include "tests/cli/program.h"

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/check.h"

namespace sluice::test {

Program::Program(std::vector<std::string> arguments, const std::string& input) {
  // Standard error goes to a file: nobody has to drain two pipes at a time.
  std::string err_path = (std::filesystem::temp_directory_path() / "sluice-program-XXXXXX").string();
  const int err = mkstemp(err_path.data());
  SLUICE_CHECK_GE(err, 0);
  err_path_ = err_path;
  int in_pipe[2], out_pipe[2];
  SLUICE_CHECK_EQ(pipe2(in_pipe, O_CLOEXEC), 0);
  SLUICE_CHECK_EQ(pipe2(out_pipe, O_CLOEXEC), 0);

  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, in_pipe[0], STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, out_pipe[1], STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, err, STDERR_FILENO);
  arguments.insert(arguments.begin(), SLUICE_PROGRAM);
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  SLUICE_CHECK_EQ(posix_spawn(&pid_, SLUICE_PROGRAM, &actions, nullptr, argv.data(), environ), 0);
  posix_spawn_file_actions_destroy(&actions);

  SLUICE_CHECK_EQ(write(in_pipe[1], input.data(), input.size()), static_cast<ssize_t>(input.size()));
  for (const int descriptor : {in_pipe[0], in_pipe[1], out_pipe[1], err}) close(descriptor);
  out_ = out_pipe[0];
}

Program::~Program() {
  if (pid_ > 0) {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  if (out_ >= 0) close(out_);
  std::filesystem::remove(err_path_);
}

std::string Program::read_out_until(const std::string& text) {
  std::string out;
  char c = 0;
  while ((text.empty() || !out.ends_with(text)) && read(out_, &c, 1) == 1) out += c;
  return out;
}

void Program::send_signal(int signal) {
  SLUICE_CHECK_EQ(kill(pid_, signal), 0);
}

Outcome Program::wait() {
  Outcome outcome;
  outcome.out = read_out_until("");
  int status = 0;
  SLUICE_CHECK_EQ(waitpid(pid_, &status, 0), pid_);
  pid_ = -1;
  if (WIFEXITED(status)) outcome.exit_code = WEXITSTATUS(status);
  std::ifstream err(err_path_, std::ios::binary);
  outcome.err.assign(std::istreambuf_iterator<char>(err), {});
  return outcome;
}

}  // namespace sluice::test

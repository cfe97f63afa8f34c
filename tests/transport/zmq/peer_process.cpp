#include <signal.h>
#include <sys/wait.h>

#include "base/check.h"
#include "tests/transport/zmq/support.h"

namespace sluice::transport::test {

std::string PeerProcess::Pipes::read_line() const {
  std::string line;
  char c = 0;
  while (::read(in, &c, 1) == 1 && c != '\n') line.push_back(c);
  return line;
}

void PeerProcess::Pipes::write_line(const std::string& line) const {
  const std::string text = line + "\n";
  SLUICE_CHECK_EQ(::write(out, text.data(), text.size()), static_cast<ssize_t>(text.size()));
}

PeerProcess::PeerProcess(const std::function<void(const Pipes&)>& body) {
  std::array<int, 2> to_child{};
  std::array<int, 2> from_child{};
  SLUICE_CHECK_EQ(::pipe(to_child.data()), 0);
  SLUICE_CHECK_EQ(::pipe(from_child.data()), 0);
  pid_ = ::fork();
  SLUICE_CHECK_GE(pid_, 0);
  if (pid_ == 0) {
    ::close(to_child[1]);
    ::close(from_child[0]);
    body({to_child[0], from_child[1]});
    ::_exit(0);
  }
  ::close(to_child[0]);
  ::close(from_child[1]);
  pipes_ = {from_child[0], to_child[1]};
}

PeerProcess::~PeerProcess() {
  kill();
  ::close(pipes_.in);
  ::close(pipes_.out);
}

void PeerProcess::kill() {
  if (pid_ < 0) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

void PeerProcess::stop() {
  ::kill(pid_, SIGSTOP);
}

}  // namespace sluice::transport::test

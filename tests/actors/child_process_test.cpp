#include "actors/child_process.h"

#include <doctest/doctest.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

namespace sluice::actors {
namespace {

// Waits for the end of the child: only a defect takes a minute.
bool ends(const ChildProcess& child) {
  pollfd item{child.exit_fd(), POLLIN, 0};
  return poll(&item, 1, 60'000) == 1;
}

TEST_SUITE("actors/child_process") {
  TEST_CASE("start: a program that cannot be run is an error with the reason") {
    const auto child = ChildProcess::start("/nonexistent/program", {});
    REQUIRE_FALSE(child.ok());
    CHECK(child.error().message.find("cannot run /nonexistent/program") != std::string::npos);
  }

  TEST_CASE("reap: says with which status the child exited") {
    auto child = ChildProcess::start("/bin/sh", {"-c", "exit 3"});
    REQUIRE(child.ok());
    REQUIRE(ends(*child));
    CHECK(child->reap() == "it exited with status 3");
  }

  TEST_CASE("start: the child is in a process group of its own, which a terminal's Ctrl-C does not reach") {
    auto child = ChildProcess::start("/usr/bin/tail", {"-f", "/dev/null"});
    REQUIRE(child.ok());
    CHECK(getpgid(child->pid()) == child->pid());
  }

  TEST_CASE("kill: ends a child that would not") {
    auto child = ChildProcess::start("/usr/bin/tail", {"-f", "/dev/null"});
    REQUIRE(child.ok());
    child->kill();
    REQUIRE(ends(*child));
    CHECK(child->reap() == "it was killed by signal 9");
  }

  TEST_CASE("destruction: leaves no process behind") {
    pid_t pid = -1;
    {
      auto child = ChildProcess::start("/usr/bin/tail", {"-f", "/dev/null"});
      REQUIRE(child.ok());
      pid = child->pid();
      CHECK(::kill(pid, 0) == 0);
    }
    CHECK(::kill(pid, 0) != 0);
  }
}

}  // namespace
}  // namespace sluice::actors

// A CAF actor on a thread of its own that waits for its mailbox and its ZeroMQ sockets in one poll.
//
// A subclass says what to do with control messages (make_behavior), what to wait for (watch, next_timer) and what to do
// when something may have happened (advance). advance() works until nothing more can be done without blocking: sockets
// are edge-triggered behind their descriptors, so what it leaves unread is not announced again.
//
// Metrics: once told ReportTo, report() is called every interval, also when nothing happens. A loop in advance() that
// may go on for long calls report_if_due().
//
// Owns:    an eventfd that enqueue() pokes when the actor sleeps.
// Thread:  all but enqueue() runs on the actor's thread. Sockets are made before the spawn or on this thread, and
//          closed on this thread, in close().
// Errors:  nothing here throws. An exception that a handler lets out is a bug, and ends the program: an engine that
//          lacks an actor would only hang.
#pragma once

#include <caf/all.hpp>

#include "base/clock.h"
#include "transport/zmq/poller.h"

namespace sluice::actors {

class PollingActor : public caf::blocking_actor {
 public:
  explicit PollingActor(caf::actor_config& config);
  ~PollingActor() override;

  void enqueue(caf::mailbox_element_ptr element, caf::execution_unit* unit) override;
  void act() noexcept final;

 protected:
  // Handlers of control messages; Stop and ReportTo are handled here.
  virtual caf::message_handler make_behavior() = 0;
  // First thing on the actor's thread.
  virtual void begin() {}
  virtual void watch(transport::Poller& poller) const = 0;  // Links bring their own timers along.
  virtual TimePoint next_timer() const = 0;
  virtual void advance(TimePoint now) = 0;
  // Last thing on the actor's thread: sockets down, handles to other actors dropped (they would keep each other alive).
  virtual void close() = 0;
  // Sends a snapshot of the actor's counts to report_to().
  virtual void report(TimePoint) {}

  void report_if_due(TimePoint now) {
    if (now >= report_at_) report_at(now);
  }
  const caf::actor& report_to() const { return report_to_; }  // Null until ReportTo.

  // Waits in the middle of advance() for what watch() names, or mail: false if there is mail, which ends such a wait.
  bool wait_for_event();

  void stop() { is_stopping_ = true; }
  TimePoint now() const { return clock_.now(); }

 private:
  void report_at(TimePoint now);
  void take_mail(caf::behavior& behavior);
  void sleep(TimePoint until);

  SteadyClock clock_;
  transport::Poller poller_;
  int wake_fd_ = -1;
  bool is_stopping_ = false;
  caf::actor report_to_;
  Duration report_interval_{};
  TimePoint report_at_ = TimePoint::never();
};

// Lowers the calling thread's priority (nice +10): beside busy threads of equal priority an I/O wake-up waits for a
// scheduler tick (4 ms), beside nicer ones it does not.
void make_compute_thread();

}  // namespace sluice::actors

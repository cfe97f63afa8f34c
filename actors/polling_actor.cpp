#include "actors/polling_actor.h"

#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <algorithm>
#include <caf/detail/sync_request_bouncer.hpp>

#include "actors/control_messages.h"
#include "base/check.h"

namespace sluice::actors {

PollingActor::PollingActor(caf::actor_config& config)
    : caf::blocking_actor(config), wake_fd_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  SLUICE_CHECK_GE(wake_fd_, 0);
}

PollingActor::~PollingActor() {
  ::close(wake_fd_);
}

void PollingActor::enqueue(caf::mailbox_element_ptr element, caf::execution_unit*) {
  const auto id = element->mid;
  const auto from = element->sender;
  switch (mailbox().push_back(std::move(element))) {
    case caf::intrusive::inbox_result::unblocked_reader: {
      const std::uint64_t one = 1;
      [[maybe_unused]] const auto written = write(wake_fd_, &one, sizeof one);
      break;
    }
    case caf::intrusive::inbox_result::queue_closed:
      if (id.is_request()) caf::detail::sync_request_bouncer{caf::exit_reason::unreachable}(from, id);
      break;
    case caf::intrusive::inbox_result::success: break;
  }
}

void PollingActor::act() noexcept {
  begin();
  caf::behavior behavior = make_behavior().or_else([this](const Stop&) { stop(); },
                                                   [this](const ReportTo& wish) {
                                                     report_to_ = wish.metrics;
                                                     report_interval_ = wish.interval;
                                                     report_at_ = now();
                                                   });
  while (!is_stopping_) {
    take_mail(behavior);
    if (is_stopping_) break;
    report_if_due(now());
    advance(now());
    if (!is_stopping_) sleep(std::min(next_timer(), report_at_));
  }
  close();
  report_to_ = nullptr;
}

void PollingActor::report_at(TimePoint now) {
  report_at_ = now + report_interval_;
  report(now);
}

void PollingActor::take_mail(caf::behavior& behavior) {
  // dequeue() blocks on an empty mailbox.
  while (!is_stopping_ && !mailbox().empty()) {
    const auto element = dequeue();
    if (element != nullptr) behavior(element->content());
  }
}

bool PollingActor::wait_for_event() {
  if (mailbox().empty()) sleep(TimePoint::never());
  return mailbox().empty();
}

void PollingActor::sleep(TimePoint until) {
  if (!mailbox().try_block()) return;
  poller_.clear();
  poller_.add_fd(wake_fd_);
  watch(poller_);
  poller_.wait(clock_, until);
  mailbox().try_unblock();
  std::uint64_t count = 0;
  [[maybe_unused]] const auto bytes = read(wake_fd_, &count, sizeof count);
}

void make_compute_thread() {
  // An unprivileged thread may always lower itself; where that fails all the same, it runs as it was.
  setpriority(PRIO_PROCESS, static_cast<id_t>(syscall(SYS_gettid)), 10);
}

}  // namespace sluice::actors

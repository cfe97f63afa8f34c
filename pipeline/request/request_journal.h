// What of the news of requests and clients is worth a line of the log (docs/LOGS.md has the list). At the door that is
// a class, because it has to hold back: who refuses ten times its load must not write a line for each.
//
// Owns:      how often each kind of line was due in this second.
// Confined:  to the ingress actor.
// Bound:     a line a second for each error code of refusals, kClientLines a second for connections; what is beyond is
//            counted, and the count is a line.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "pipeline/log/line_rate.h"
#include "pipeline/log/log_event.h"
#include "pipeline/request/ledger.h"
#include "pipeline/request/request_news.h"

namespace sluice {

class IngressJournal {
 public:
  static constexpr std::uint32_t kClientLines = 20;

  // `with_debug`: whether events of level debug are made at all.
  explicit IngressJournal(bool with_debug) : with_debug_(with_debug) {}

  // Of what the ledger gave at `now`.
  std::vector<LogEvent> note(const IngressActions& actions, TimePoint now);
  // What was counted, once its second is over.
  std::vector<LogEvent> on_timer(TimePoint now);
  TimePoint next_timer() const;
  // What is still counted, at the end.
  std::vector<LogEvent> finish();

 private:
  void note(const ClientConnected& connected, TimePoint now, std::vector<LogEvent>& events);
  void note(const ClientLost& lost, TimePoint now, std::vector<LogEvent>& events);
  void note(const RequestAccepted& accepted, const IngressActions& actions, std::vector<LogEvent>& events) const;
  void note(const Failed& failed, TimePoint now, std::vector<LogEvent>& events);

  // Refusals of one code, of requests or of other messages. A map of as many as there are codes, twice.
  using RefusalKind = std::pair<ErrorCode, bool>;

  const bool with_debug_;
  LineRate connected_{kClientLines};
  LineRate lost_{kClientLines};
  std::map<RefusalKind, LineRate> refusals_;
};

LogEvent event_of(const RequestEnded& ended);

// The first 4 bytes in hexadecimal: enough to tell sessions apart. All 16 are a secret.
std::string short_name(const SessionToken& session);

}  // namespace sluice

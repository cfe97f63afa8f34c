// What the two ends of each link tell.
#include <string>
#include <vector>

#include "metrics/render_parts.h"

namespace sluice::metrics {

namespace {

using prometheus::MetricType;

struct Sender {
  std::string from;
  std::string to;
  const LinkSenderStats* stats;
};
struct Receiver {
  std::string from;
  std::string to;
  const LinkReceiverStats* stats;
};
struct LinkEnds {
  std::vector<Sender> senders;
  std::vector<Receiver> receivers;
};

void collect(const std::string& actor, const ActorLinks& links, LinkEnds& ends) {
  for (const LinkOutStats& out : links.out) ends.senders.push_back({actor, out.peer, &out.stats});
  for (const LinkInStats& in : links.in) ends.receivers.push_back({in.peer, actor, &in.stats});
}

LinkEnds link_ends(const EngineSnapshot& snapshot) {
  LinkEnds ends;
  if (snapshot.ingress) collect("ingress", snapshot.ingress->links, ends);
  if (snapshot.tokenizer) collect("tokenizer", snapshot.tokenizer->links, ends);
  if (snapshot.router) collect("router", snapshot.router->links, ends);
  for (std::size_t i = 0; i < snapshot.batchers.size(); ++i) {
    if (snapshot.batchers[i]) collect(snapshot.facts.replicas[i].batcher, snapshot.batchers[i]->links, ends);
  }
  if (snapshot.responder) collect("responder", snapshot.responder->links, ends);
  const std::vector<StageFacts>& facts = snapshot.facts.stages;
  for (std::size_t i = 0; i < snapshot.stages.size(); ++i) {
    if (!snapshot.stages[i]) continue;
    const std::string name = "stage-" + facts[i].name;
    ends.receivers.push_back({facts[i].from, name, &snapshot.stages[i]->input});
    if (!facts[i].to.empty()) ends.senders.push_back({name, facts[i].to, &snapshot.stages[i]->output});
  }
  return ends;
}

template <class End>
Labels labels_of(const End& end) {
  return {{"from", end.from}, {"to", end.to}};
}

}  // namespace

void render_links(const EngineSnapshot& snapshot, Families& out) {
  const LinkEnds ends = link_ends(snapshot);
  const auto family = [&](const auto& links, const char* name, const char* help, MetricType type, auto member) {
    out.begin(name, help, type);
    for (const auto& end : links) out.add(labels_of(end), end.stats->*member);
  };
  using Out = LinkSenderStats;
  using In = LinkReceiverStats;
  family(ends.senders, "sluice_link_sent_messages_total", "Messages sent for the first time in a session.",
         MetricType::Counter, &Out::messages_total);
  family(ends.senders, "sluice_link_sent_bytes_total", "Bytes of these.", MetricType::Counter, &Out::bytes_total);
  family(ends.senders, "sluice_link_resent_messages_total", "Messages sent again.", MetricType::Counter,
         &Out::resent_total);
  family(ends.senders, "sluice_link_queued_messages", "Messages not acknowledged.", MetricType::Gauge,
         &Out::queued_messages);
  family(ends.senders, "sluice_link_unsent_messages", "Messages not sent yet.", MetricType::Gauge,
         &Out::unsent_messages);
  family(ends.senders, "sluice_link_credit_messages", "Messages that may be sent.", MetricType::Gauge,
         &Out::credit_messages);
  family(ends.senders, "sluice_link_credit_bytes", "Bytes that may be sent.", MetricType::Gauge, &Out::credit_bytes);
  out.begin("sluice_link_stalled_seconds_total", "A message waited and there was no credit for it.",
            MetricType::Counter);
  for (const Sender& end : ends.senders) out.add_seconds(labels_of(end), end.stats->stalled_us_total);
  family(ends.receivers, "sluice_link_received_messages_total", "Messages that arrived, in order.", MetricType::Counter,
         &In::messages_total);
  family(ends.receivers, "sluice_link_received_bytes_total", "Bytes of these.", MetricType::Counter, &In::bytes_total);
  family(ends.receivers, "sluice_link_held_messages", "Messages that arrived and are not dealt with.",
         MetricType::Gauge, &In::held_messages);
  family(ends.receivers, "sluice_link_held_bytes", "Bytes of these.", MetricType::Gauge, &In::held_bytes);
}

}  // namespace sluice::metrics

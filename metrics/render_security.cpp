// What sockets and the authenticator tell of handshakes.
#include "metrics/render_parts.h"

namespace sluice::metrics {

using prometheus::MetricType;

void render_security(const EngineSnapshot& snapshot, Families& out) {
  const bool has_control = snapshot.supervisor && snapshot.supervisor->failed_handshakes_total;
  if (snapshot.ingress || has_control) {
    out.begin("sluice_handshakes_failed_total", "Connections that ended in their handshake: no key, or a wrong one.",
              MetricType::Counter);
    if (snapshot.ingress) out.add({{"link", "ingress"}}, snapshot.ingress->failed_handshakes_total);
    if (has_control) out.add({{"link", "control"}}, *snapshot.supervisor->failed_handshakes_total);
  }
  if (!snapshot.authenticator) return;
  out.begin("sluice_keys_checked_total", "Keys that were shown in handshakes.", MetricType::Counter);
  for (const KeyCounts& counts : snapshot.authenticator->links) {
    out.add({{"link", counts.link}, {"outcome", "admitted"}}, counts.admitted_total);
    out.add({{"link", counts.link}, {"outcome", "refused"}}, counts.refused_total);
  }
}

}  // namespace sluice::metrics

#include "metrics/status_of.h"

namespace sluice::metrics {

EngineStatus status_of(const EngineSnapshot& snapshot) {
  EngineStatus status;
  status.model = snapshot.facts.model;
  status.requests_max = snapshot.facts.max_requests;
  if (snapshot.ingress) {
    status.takes_requests = snapshot.ingress->is_up;
    status.requests = snapshot.ingress->ledger.requests_running;
  }
  if (snapshot.supervisor) {
    status.as_of = snapshot.supervisor->taken_at;
    status.replicas = snapshot.supervisor->replicas;
    status.standbys = snapshot.supervisor->standbys;
  }
  return status;
}

}  // namespace sluice::metrics

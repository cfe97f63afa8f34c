#include "pipeline/status/status_table.h"

#include <utility>

#include "pipeline/topology/table_text.h"
#include "pipeline/topology/topology.h"

namespace sluice {

namespace {

using topology::count_of;
using topology::human_age;
using topology::human_bytes;
using topology::render_table;
using topology::Row;

std::string age(TimePoint now, TimePoint since) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(now - since).count();
  return human_age(static_cast<std::uint64_t>(std::max<std::int64_t>(seconds, 0)));
}

std::string one_line(std::string text) {
  std::ranges::replace_if(
      text, [](char c) { return (c >= 0 && c < ' ') || c == 0x7f; }, '?');
  return text;
}

std::string table_of(std::vector<Row> rows) {
  for (Row& row : rows) {
    for (std::string& cell : row) cell = one_line(std::move(cell));
  }
  return render_table(rows);
}

// As the topology file has it.
std::string place_of(const RankStatus& rank) {
  switch (rank.kind) {
    case WorkerKind::kHead: return "head/" + rank.device;
    case WorkerKind::kSpawned: return "spawn/" + rank.device;
    case WorkerKind::kNamed: return rank.worker + "/" + rank.device;
    case WorkerKind::kAny: return "any/" + rank.device;
  }
  return rank.device;
}

std::string state_of(const RankStatus& rank) {
  if (rank.state != RankState::kLoading || rank.memory.load_bytes == 0) return std::string(to_string(rank.state));
  return "loading " + human_bytes(rank.memory.loaded_bytes) + " of " + human_bytes(rank.memory.load_bytes);
}

std::string bytes_or_dash(std::uint64_t bytes) {
  return bytes == 0 ? "-" : human_bytes(bytes);
}

std::string render_facts(const EngineStatus& status, TimePoint now) {
  const std::string requests = std::to_string(status.requests) + " of " + std::to_string(status.requests_max);
  std::uint64_t ups = 0;
  for (const ReplicaStatus& replica : status.replicas) ups += replica.is_up ? 1 : 0;
  return table_of({
      {"model", status.model},
      {"requests", requests + (status.takes_requests ? "" : ", new ones are refused")},
      {"up", std::to_string(ups) + " of " + count_of(status.replicas.size(), "replica")},
      {"as of", age(now, status.as_of) + " ago"},
  });
}

std::string render_replicas(const EngineStatus& status, TimePoint now) {
  std::vector<Row> rows = {{"replica", "state", "for", "epoch", "losses", "lacks"}};
  for (std::size_t i = 0; i < status.replicas.size(); ++i) {
    const ReplicaStatus& replica = status.replicas[i];
    rows.push_back({std::to_string(i), replica.is_up ? "up" : "down", age(now, replica.since),
                    std::to_string(replica.epoch.value), std::to_string(replica.losses),
                    replica.is_up ? "-" : replica.lacks});
  }
  return table_of(rows);
}

std::string render_stages(const EngineStatus& status, TimePoint now) {
  std::vector<Row> rows = {
      {"stage", "layers", "rank", "worker", "state", "for", "weights", "KV cache", "losses", "failures"}};
  for (const ReplicaStatus& replica : status.replicas) {
    for (const StageStatus& stage : replica.stages) {
      const std::string name = std::to_string(stage.stage);
      for (const RankStatus& rank : stage.ranks) {
        rows.push_back({stage.ranks.size() == 1 ? name : name + "." + std::to_string(rank.rank),
                        topology::layers_to_string(stage.first_layer, stage.num_layers), place_of(rank),
                        rank.worker.empty() ? "nobody" : rank.worker, state_of(rank), age(now, rank.since),
                        bytes_or_dash(rank.memory.weights_bytes), bytes_or_dash(rank.memory.kv_cache_bytes),
                        std::to_string(rank.losses), std::to_string(rank.failures)});
      }
    }
  }
  return table_of(rows);
}

std::string render_standbys(const EngineStatus& status) {
  std::vector<Row> rows = {{"standby", "devices"}};
  for (const StandbyStatus& standby : status.standbys) {
    std::string devices;
    for (const std::string& device : standby.devices) devices += (devices.empty() ? "" : ", ") + device;
    rows.push_back({standby.name, devices});
  }
  return table_of(rows);
}

}  // namespace

std::string render_status_table(const EngineStatus& status, TimePoint now) {
  std::string out = render_facts(status, now);
  if (status.replicas.empty()) return out;
  out += "\n" + render_replicas(status, now) + "\n" + render_stages(status, now);
  if (!status.standbys.empty()) out += "\n" + render_standbys(status);
  return out;
}

}  // namespace sluice

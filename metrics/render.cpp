#include "metrics/render.h"

#include <map>
#include <string>

#include "metrics/render_parts.h"

namespace sluice::metrics {

namespace {

using prometheus::MetricType;

void render_processes(const EngineSnapshot& snapshot, Families& out) {
  std::map<std::string, ProcessUsage> processes = {{"head", snapshot.head}};
  for (std::size_t i = 0; i < snapshot.stages.size(); ++i) {
    const std::string& process = snapshot.facts.stages[i].process;
    if (snapshot.stages[i] && process != "head") processes[process] = snapshot.stages[i]->process;
  }
  out.begin("sluice_process_resident_bytes", "Resident memory.", MetricType::Gauge);
  for (const auto& [name, usage] : processes) out.add({{"process", name}}, usage.resident_bytes);
  out.begin("sluice_process_open_descriptors", "Open file descriptors.", MetricType::Gauge);
  for (const auto& [name, usage] : processes) out.add({{"process", name}}, usage.open_descriptors);
}

void render_snapshot_counts(const EngineSnapshot& snapshot, Families& out) {
  out.begin("sluice_snapshots_total", "Snapshots that the actor has sent.", MetricType::Counter);
  const auto add = [&](const char* actor, const auto& part) {
    if (part) out.add({{"actor", actor}}, part->snapshots_total);
  };
  add("ingress", snapshot.ingress);
  add("tokenizer", snapshot.tokenizer);
  add("router", snapshot.router);
  for (std::size_t i = 0; i < snapshot.batchers.size(); ++i) {
    add(snapshot.facts.replicas[i].batcher.c_str(), snapshot.batchers[i]);
  }
  add("responder", snapshot.responder);
  for (std::size_t i = 0; i < snapshot.stages.size(); ++i) {
    add(("stage-" + snapshot.facts.stages[i].name).c_str(), snapshot.stages[i]);
  }
}

}  // namespace

std::vector<prometheus::MetricFamily> render(const EngineSnapshot& snapshot) {
  Families out;
  out.begin("sluice_build_info", "Always 1.", MetricType::Gauge);
  out.add({{"version", SLUICE_VERSION}, {"model", snapshot.facts.model}, {"kernels", snapshot.facts.kernel_path}}, 1);
  render_snapshot_counts(snapshot, out);
  render_processes(snapshot, out);
  if (snapshot.ingress) render_ingress(*snapshot.ingress, snapshot.facts, out);
  if (snapshot.tokenizer) render_tokenizer(*snapshot.tokenizer, out);
  if (snapshot.router) render_router(*snapshot.router, out);
  render_batchers(snapshot, out);
  if (snapshot.responder) render_responder(*snapshot.responder, out);
  render_stages(snapshot, out);
  render_links(snapshot, out);
  render_security(snapshot, out);
  return out.take();
}

}  // namespace sluice::metrics

#include "pipeline/topology/plan_graph.h"

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "pipeline/topology/device_use.h"
#include "pipeline/topology/estimate.h"
#include "pipeline/topology/table_text.h"

namespace sluice::topology {
namespace {

using Json = nlohmann::ordered_json;

// ---- graph ----------------------------------------------------------------------------------------------------------

// Names of ours have no quote and no backslash; what a person wrote might.
std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

// Lines of a label; "\n" is what Graphviz breaks lines at.
std::string label(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) {
    const std::string part = quoted(line);
    text += (text.empty() ? "" : "\\n") + part.substr(1, part.size() - 2);
  }
  return "label=\"" + text + "\"";
}

struct ProcessNodes {
  std::string name;
  std::vector<std::string> nodes;  // Lines of the graph.
};
struct HostNodes {
  std::string name;
  std::vector<ProcessNodes> processes;
};

// Finds what has that name, or appends it.
template <class Named>
Named& named(std::vector<Named>& all, const std::string& name) {
  for (Named& known : all) {
    if (known.name == name) return known;
  }
  all.push_back({name, {}});
  return all.back();
}

std::string stage_node(const Plan& plan, const ReplicaPlan& replica, const StagePlan& stage) {
  const std::string name = "stage " + name_of(stage);
  std::vector<std::string> lines = {name};
  if (plan.has_router()) lines.push_back("replica " + std::to_string(replica.replica));
  lines.push_back("layers " + layers_to_string(stage.first_layer, stage.num_layers));
  if (!stage.shard.is_whole()) {
    lines.push_back("rank " + std::to_string(stage.shard.rank) + " of " + std::to_string(stage.shard.num_ranks));
  }
  lines.push_back(to_string(stage.place.device) + ", " + count_of(stage.threads, "thread"));
  lines.push_back("weights " + human_bytes(stage.weights_bytes));
  lines.push_back("KV cache " + human_bytes(stage.kv_cache_bytes));
  return quoted(name) + " [" + label(lines) + "];";
}

std::vector<HostNodes> nodes_by_host(const Plan& plan) {
  std::vector<HostNodes> hosts;
  std::vector<std::string>& head = named(named(hosts, "head").processes, "head").nodes;
  for (const std::string name : {"ingress", "tokenizer", "responder"}) head.push_back(quoted(name) + ";");
  if (plan.has_router()) {
    const std::string policy(to_string(plan.topology.router.policy));
    head.push_back("\"router\" [" + label({"router", policy}) + "];");
  }
  for (const ReplicaPlan& replica : plan.replicas) {
    const std::string name = batcher_name(plan, replica.replica);
    head.push_back(quoted(name) + " [" + label({name, count_of(replica.num_blocks, "block")}) + "];");
  }
  for (const ReplicaPlan& replica : plan.replicas) {
    for (const StagePlan& stage : replica.stages) {
      ProcessNodes& process = named(named(hosts, host_of(stage)).processes, process_of(stage));
      process.nodes.push_back(stage_node(plan, replica, stage));
    }
  }
  return hosts;
}

std::string edge(const LinkPlan& link) {
  const std::string credits = count_of(link.window.messages, "message") + ", " + human_bytes(link.window.bytes);
  return quoted(link.from) + " -> " + quoted(link.to) + " [" +
         label({std::string(to_string(link.transport)), credits}) + "];";
}

// ---- data -----------------------------------------------------------------------------------------------------------

Json stage_json(const StagePlan& stage) {
  return {{"stage", stage.stage},
          {"rank", stage.shard.rank},
          {"ranks", stage.shard.num_ranks},
          {"first_layer", stage.first_layer},
          {"layers", stage.num_layers},
          {"place", to_string(stage.place)},
          {"host", host_of(stage)},
          {"process", process_of(stage)},
          {"threads", stage.threads},
          {"weights_bytes", stage.weights_bytes},
          {"kv_cache_bytes", stage.kv_cache_bytes}};
}

Json estimate_json(const ReplicaEstimate& estimated) {
  Json stages = Json::array();
  for (const StageEstimate& stage : estimated.stages) {
    stages.push_back({{"stage", stage.stage},
                      {"decode_ns", stage.decode.step_ns},
                      {"decode_bubble_permille", stage.decode.bubble_permille},
                      {"prefill_ns", stage.prefill.step_ns},
                      {"prefill_bubble_permille", stage.prefill.bubble_permille}});
  }
  return {{"decode_sequences", estimated.decode_sequences},
          {"decode_tokens_per_s", estimated.decode_tokens_per_s},
          {"decode_imbalance_permille", estimated.decode_imbalance_permille},
          {"prefill_tokens", estimated.prefill_tokens},
          {"prefill_tokens_per_s", estimated.prefill_tokens_per_s},
          {"prefill_imbalance_permille", estimated.prefill_imbalance_permille},
          {"stages", std::move(stages)}};
}

Json replica_json(const Plan& plan, const ReplicaPlan& replica) {
  Json stages = Json::array();
  for (const StagePlan& stage : replica.stages) stages.push_back(stage_json(stage));
  return {{"replica", replica.replica},
          {"weight", replica.weight},
          {"pipeline_depth", replica.pipeline_depth},
          {"kv_blocks", replica.num_blocks},
          {"block_tokens", plan.topology.batcher.block_tokens},
          {"stages", std::move(stages)},
          {"estimate", estimate_json(estimate(plan, replica))}};
}

Json device_json(const DeviceUse& use) {
  return {{"host", use.host},
          {"device", use.device},
          {"processes", use.processes},
          {"ranks", use.ranks},
          {"threads", use.threads},
          {"weights_bytes", use.weights_bytes},
          {"kv_cache_bytes", use.kv_cache_bytes}};
}

Json model_json(const Plan& plan) {
  const ModelConfig& model = plan.model;
  const bool is_latent = model.attention.kind == AttentionKind::kLatent;
  return {{"path", plan.topology.model.path},
          {"architecture", model.architecture},
          {"layers", model.num_hidden_layers},
          {"attention", is_latent ? "latent" : "grouped_query"},
          {"mixture_layers", std::ranges::count(model.mixture_layers, true)},
          {"experts", model.mixture.num_experts},
          {"experts_per_token", model.mixture.num_experts_per_tok},
          {"kv_bytes_per_token_and_layer", kv_bytes_per_token_per_layer(model, plan.topology.model.compute)},
          {"context_tokens", plan.context_tokens}};
}

}  // namespace

std::string render_plan_dot(const Plan& plan) {
  std::string out = "digraph sluice {\n  node [shape=box];\n";
  std::size_t clusters = 0;
  for (const HostNodes& host : nodes_by_host(plan)) {
    out += "  subgraph cluster_" + std::to_string(clusters++) + " {\n    " + label({"host " + host.name}) + ";\n";
    for (const ProcessNodes& process : host.processes) {
      out += "    subgraph cluster_" + std::to_string(clusters++) + " {\n      " + label({"process " + process.name}) +
             ";\n";
      for (const std::string& node : process.nodes) out += "      " + node + "\n";
      out += "    }\n";
    }
    out += "  }\n";
  }
  for (const LinkPlan& link : plan.links) out += "  " + edge(link) + "\n";
  return out + "}\n";
}

std::string render_plan_json(const Plan& plan) {
  Json replicas = Json::array();
  for (const ReplicaPlan& replica : plan.replicas) replicas.push_back(replica_json(plan, replica));
  Json devices = Json::array();
  for (const DeviceUse& use : device_uses(plan)) devices.push_back(device_json(use));
  Json links = Json::array();
  for (const LinkPlan& link : plan.links) {
    links.push_back({{"from", link.from},
                     {"to", link.to},
                     {"transport", to_string(link.transport)},
                     {"window_messages", link.window.messages},
                     {"window_bytes", link.window.bytes}});
  }
  const Json json = {{"model", model_json(plan)},
                     {"replicas", std::move(replicas)},
                     {"devices", std::move(devices)},
                     {"links", std::move(links)},
                     {"notes", plan.notes}};
  // A path may be any bytes.
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace sluice::topology

// A plan as text: a few lines of facts, then tables of replicas, stages, devices, estimates and links, and notes.

#include <algorithm>
#include <cstddef>
#include <string>
#include <vector>

#include "pipeline/topology/device_use.h"
#include "pipeline/topology/estimate.h"
#include "pipeline/topology/plan.h"
#include "pipeline/topology/table_text.h"

namespace sluice::topology {
namespace {

std::string render_compute(const Topology& topology) {
  const ModelTopology& model = topology.model;
  if (model.weights == WeightsKind::kMock) {
    return "none: a mock, " + std::to_string(topology.mock.step_us) + " us a step and " +
           std::to_string(topology.mock.token_us) + " us a token on each stage";
  }
  const std::string kind = model.weights == WeightsKind::kRandom ? " random" : "";
  return std::string(to_string(model.compute)) + ", weights " + std::string(to_string(model.dtype)) + kind +
         ", kernels " + topology.kernels.path + (topology.kernels.deterministic ? "" : ", not deterministic");
}

std::string render_attention(const AttentionConfig& attention) {
  const std::string heads = count_of(attention.num_attention_heads, "head");
  if (attention.kind == AttentionKind::kLatent) {
    return "latent attention, " + heads + ", of a token " + std::to_string(attention.latent.kv_lora_rank) + " + " +
           std::to_string(attention.latent.qk_rope_head_dim) + " elements cached";
  }
  return "grouped-query attention, " + heads + " on " + count_of(attention.num_key_value_heads, "KV head") + " of " +
         std::to_string(attention.head_dim);
}

std::string render_feed_forward(const ModelConfig& model, ExpertSplit split) {
  const std::string dense = "SwiGLU of " + std::to_string(model.feed_forward.intermediate_size);
  const MixtureConfig& mixture = model.mixture;
  const auto mixtures = static_cast<std::uint64_t>(std::ranges::count(model.mixture_layers, true));
  if (mixtures == 0) return dense;
  std::string out = std::to_string(mixture.num_experts_per_tok) + " of " + count_of(mixture.num_experts, "expert") +
                    " of " + std::to_string(mixture.intermediate_size);
  if (mixture.shared_intermediate_size > 0)
    out += ", shared ones of " + std::to_string(mixture.shared_intermediate_size);
  out += " in " + count_of(mixtures, "layer") + ", between ranks " + std::string(to_string(split));
  return mixtures == model.num_hidden_layers ? out : out + "; else " + dense;
}

std::string render_depth(const ReplicaPlan& replica) {
  return replica.pipeline_depth == 1 ? "1 micro-batch" : std::to_string(replica.pipeline_depth) + " micro-batches";
}

std::string render_blocks(const ReplicaPlan& replica, const BatcherTopology& batcher) {
  return count_of(replica.num_blocks, "block") + " of " + count_of(batcher.block_tokens, "token") + ": " +
         count_of(std::uint64_t{replica.num_blocks} * batcher.block_tokens, "token");
}

std::string render_router(const Topology& topology) {
  const RouterTopology& router = topology.router;
  const std::uint32_t overload =
      router.overload_sequences > 0 ? router.overload_sequences : topology.batcher.max_sequences;
  std::string out(to_string(router.policy));
  if (router.policy == RoutePolicy::kPrefixAffinity)
    out += ", overloaded from " + count_of(overload, "sequence") + " on";
  return out;
}

std::string render_facts(const Plan& plan) {
  const Topology& topology = plan.topology;
  const BatcherTopology& batcher = topology.batcher;
  std::vector<Row> rows = {
      {"model", topology.model.path},
      {"", plan.model.architecture + ", " + count_of(plan.model.num_hidden_layers, "layer") + ", context " +
               count_of(plan.context_tokens, "token") + ", vocabulary " + std::to_string(plan.model.vocab_size)},
      {"layers", render_attention(plan.model.attention)},
      {"", render_feed_forward(plan.model, topology.model.experts)},
      {"compute", render_compute(topology)},
      {"ingress", topology.ingress.bind + ", " + count_of(topology.ingress.max_requests, "request") + " at a time"},
  };
  if (plan.has_router()) rows.push_back({"router", render_router(topology)});
  const std::string batches = count_of(batcher.max_sequences, "sequence") + ", " +
                              count_of(batcher.max_batch_tokens, "token") + " a micro-batch";
  if (plan.has_router()) {
    rows.push_back({"batchers", batches + ", each"});
  } else {
    rows.push_back({"batcher", batches + ", " + render_depth(plan.replicas.front()) + " in flight"});
    rows.push_back({"KV cache", render_blocks(plan.replicas.front(), batcher)});
  }
  rows.push_back({"metrics", topology.metrics.bind});
  if (plan.waits_for_workers()) {
    rows.push_back(
        {"workers", "register at " + topology.supervisor.bind + (plan.encrypts_control() ? ", encrypted" : "")});
  }
  if (topology.security.is_on()) {
    rows.push_back({"security", std::string("clients ") + (topology.security.ingress ? "encrypted" : "plain") +
                                    ", key " + topology.security.key + ", allow-list " + topology.security.allow});
  }
  return render_table(rows);
}

std::string render_replicas(const Plan& plan) {
  std::vector<Row> rows = {{"replica", "weight", "stages", "in flight", "KV cache"}};
  for (const ReplicaPlan& replica : plan.replicas) {
    const std::uint32_t first = replica.stages.front().stage;
    rows.push_back({std::to_string(replica.replica), std::to_string(replica.weight),
                    layers_to_string(first, replica.pipeline_depth), render_depth(replica),
                    render_blocks(replica, plan.topology.batcher)});
  }
  return render_table(rows);
}

std::string worker_text(const StagePlan& stage) {
  if (stage.place.host.kind == Host::Kind::kAny) return "any";
  return stage.worker.empty() ? "-" : stage.worker;
}

std::string render_stages(const Plan& plan) {
  std::vector<Row> rows = {{"stage", "layers", "rank", "worker", "threads", "weights", "KV cache"}};
  for (const ReplicaPlan& replica : plan.replicas) {
    for (const StagePlan& stage : replica.stages) {
      rows.push_back({name_of(stage), layers_to_string(stage.first_layer, stage.num_layers), to_string(stage.place),
                      worker_text(stage), std::to_string(stage.threads), human_bytes(stage.weights_bytes),
                      human_bytes(stage.kv_cache_bytes)});
    }
  }
  return render_table(rows);
}

std::string joined(const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& name : names) out += (out.empty() ? "" : ", ") + name;
  return out;
}

std::string render_devices(const Plan& plan) {
  std::vector<Row> rows = {{"host", "device", "processes", "stages", "threads", "weights", "KV cache"}};
  for (const DeviceUse& use : device_uses(plan)) {
    rows.push_back({use.host, use.device, joined(use.processes), joined(use.ranks), std::to_string(use.threads),
                    human_bytes(use.weights_bytes), human_bytes(use.kv_cache_bytes)});
  }
  return render_table(rows);
}

std::string render_estimates(const Plan& plan) {
  std::string out = "estimated, to compare cuts (see docs/TOPOLOGY.md for what is not in it):\n";
  if (plan.topology.model.weights == WeightsKind::kMock) out = "estimated from [mock]:\n";
  std::vector<Row> rows = {{"stage", "decode of", "step", "bubble", "prefill of", "step", "bubble"}};
  std::vector<Row> paces = {{plan.has_router() ? "replica" : "", "decode", "imbalance", "prefill", "imbalance"}};
  for (const ReplicaPlan& replica : plan.replicas) {
    const ReplicaEstimate estimated = estimate(plan, replica);
    for (const StageEstimate& stage : estimated.stages) {
      rows.push_back({std::to_string(stage.stage), count_of(estimated.decode_sequences, "sequence"),
                      human_time(stage.decode.step_ns), human_permille(stage.decode.bubble_permille),
                      count_of(estimated.prefill_tokens, "token"), human_time(stage.prefill.step_ns),
                      human_permille(stage.prefill.bubble_permille)});
    }
    paces.push_back({plan.has_router() ? std::to_string(replica.replica) : "all",
                     std::to_string(estimated.decode_tokens_per_s) + " tokens/s",
                     human_permille(estimated.decode_imbalance_permille),
                     std::to_string(estimated.prefill_tokens_per_s) + " tokens/s",
                     human_permille(estimated.prefill_imbalance_permille)});
  }
  return out + render_table(rows) + render_table(paces);
}

std::string render_links(const Plan& plan) {
  std::vector<Row> rows = {{"link", "", "travels", "messages", "bytes"}};
  for (const LinkPlan& link : plan.links) {
    rows.push_back({link.from, "-> " + link.to,
                    std::string(to_string(link.transport)) + (link.is_encrypted ? ", encrypted" : ""),
                    std::to_string(link.window.messages), human_bytes(link.window.bytes)});
  }
  return render_table(rows);
}

}  // namespace

std::string render_plan(const Plan& plan) {
  std::string out = render_facts(plan) + "\n";
  if (plan.has_router()) out += render_replicas(plan) + "\n";
  out += render_stages(plan) + "\n" + render_devices(plan) + "\n" + render_estimates(plan) + "\n" + render_links(plan);
  for (std::size_t i = 0; i < plan.notes.size(); ++i) out += (i == 0 ? "\nnote: " : "note: ") + plan.notes[i] + "\n";
  return out;
}

}  // namespace sluice::topology

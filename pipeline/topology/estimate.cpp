#include "pipeline/topology/estimate.h"

#include <algorithm>
#include <span>

#include "pipeline/model/decoder_tensors.h"

namespace sluice::topology {
namespace {

// A micro-batch as the kernels see it.
struct Batch {
  std::uint64_t tokens = 0;
  std::uint64_t sampled = 0;  // Tokens whose logits are computed.
};

// Whether a stage is an end of its replica's pipeline.
struct StageEnds {
  bool is_first = false;
  bool is_last = false;
};

// Products of sizes that a ModelConfig bounds each fit into 64 bits, their sums over layers and tokens need not: these
// are doubles, whose few operations round the same everywhere.
double nanoseconds(double amount, std::uint64_t per_us) {
  return amount * 1'000.0 / static_cast<double>(per_us);
}

std::uint64_t flop_per_us(const ModelTopology& model, const MachineSpeed& speed) {
  return model.dtype == DType::kF32 ? speed.flop_per_us_f32 : speed.flop_per_us_bf16;
}

// Of the experts of a mixture, each as likely as another.
struct ExpertUse {
  double chosen = 0;  // Share of them that a token chooses.
  double hit = 0;     // Share of them that any token of the micro-batch chooses: their weights are read.
};
ExpertUse expert_use(const MixtureConfig& mixture, const Batch& batch) {
  if (mixture.num_experts == 0) return {};
  const double chosen = static_cast<double>(mixture.num_experts_per_tok) / mixture.num_experts;
  double missed = 1.0;
  for (std::uint64_t i = 0; i < batch.tokens && missed > 1e-6; ++i) missed *= 1.0 - chosen;
  return {chosen, 1.0 - missed};
}

double matrices_ns(const Plan& plan, const StagePlan& rank, const StageEnds& ends, const Batch& batch,
                   const MachineSpeed& speed) {
  const ModelTopology& model = plan.topology.model;
  const LayerRange range = {rank.first_layer, rank.num_layers, ends.is_first, ends.is_last, rank.shard};
  const ExpertUse experts = expert_use(plan.model.mixture, batch);
  double bytes = 0;
  double flop = 0;
  for_each_tensor(plan.model, range, [&](const DecoderTensor& tensor) {
    const bool is_table = tensor.role == TensorRole::kEmbedding;
    const bool is_head =
        tensor.role == TensorRole::kOutputHead || (is_table && ends.is_last && plan.model.tie_word_embeddings);
    if (tensor.is_vector() || (is_table && !is_head)) return;
    const bool is_expert = is_expert_role(tensor.role);
    const auto elements = static_cast<double>(tensor.elements());
    const auto tokens = static_cast<double>(is_head ? batch.sampled : batch.tokens);
    bytes += elements * static_cast<double>(size_bytes(model.dtype)) * (is_expert ? experts.hit : 1.0);
    flop += 2.0 * elements * tokens * (is_expert ? experts.chosen : 1.0);
  });
  const std::uint64_t memory_speed = std::min(rank.threads * speed.memory_bytes_per_us, speed.memory_bytes_per_us_max);
  return std::max(nanoseconds(bytes, memory_speed), nanoseconds(flop, rank.threads * flop_per_us(model, speed)));
}

// What a rank gets from the others in exchanges (docs/decisions/0018): two sums of hidden states for each layer, one
// behind the embedding; each other's logits. In the memory of one process that costs nothing here.
double exchanges_ns(const Plan& plan, std::span<const StagePlan> ranks, const StageEnds& ends, const Batch& batch,
                    const MachineSpeed& speed) {
  if (meet_in_memory(ranks)) return 0;
  const auto others = static_cast<double>(ranks.size() - 1);
  const auto ranks_count = static_cast<double>(ranks.size());
  const double sums = 2.0 * ranks[0].num_layers + (ends.is_first ? 1 : 0);
  const double hidden_bytes = static_cast<double>(batch.tokens) * plan.model.hidden_size * sizeof(float) * others;
  double bytes = sums * hidden_bytes;
  double exchanges = sums;
  if (ends.is_last) {
    exchanges += 1;
    bytes += static_cast<double>(batch.sampled) * plan.model.vocab_size * sizeof(float) * others / ranks_count;
  }
  return exchanges * static_cast<double>(speed.hop_ns) + nanoseconds(bytes, speed.link_bytes_per_us);
}

std::uint64_t step_ns(const Plan& plan, const ReplicaPlan& replica, std::span<const StagePlan> ranks,
                      const Batch& batch, const MachineSpeed& speed) {
  if (plan.topology.model.weights == WeightsKind::kMock) {
    return (replica.mock.step_us + replica.mock.token_us * batch.tokens) * 1'000;
  }
  const StageEnds ends = {ranks[0].stage == replica.stages.front().stage,
                          ranks[0].stage == replica.stages.back().stage};
  double slowest_ns = 0;
  for (const StagePlan& rank : ranks) {
    slowest_ns = std::max(slowest_ns, matrices_ns(plan, rank, ends, batch, speed));
  }
  // Whatever sizes a file claims, sums and products of steps stay within 64 bits.
  constexpr double kStepNsMax = 1e12;
  return static_cast<std::uint64_t>(std::min(slowest_ns + exchanges_ns(plan, ranks, ends, batch, speed), kStepNsMax));
}

// Fills in the bubbles; what the steps of one kind have in common.
struct Pace {
  std::uint64_t tokens_per_s = 0;
  std::uint64_t imbalance_permille = 0;
};
Pace pace_of(std::vector<StageEstimate>& stages, StepEstimate StageEstimate::*kind, std::uint64_t tokens) {
  std::uint64_t slowest_ns = 0;
  std::uint64_t sum_ns = 0;
  for (const StageEstimate& stage : stages) {
    slowest_ns = std::max(slowest_ns, (stage.*kind).step_ns);
    sum_ns += (stage.*kind).step_ns;
  }
  if (slowest_ns == 0) return {};  // A mock that takes no time.
  for (StageEstimate& stage : stages) {
    (stage.*kind).bubble_permille = (slowest_ns - (stage.*kind).step_ns) * 1'000 / slowest_ns;
  }
  return {tokens * 1'000'000'000 / slowest_ns, (slowest_ns * stages.size() - sum_ns) * 1'000 / sum_ns};
}

}  // namespace

ReplicaEstimate estimate(const Plan& plan, const ReplicaPlan& replica, const MachineSpeed& speed) {
  const BatcherTopology& batcher = plan.topology.batcher;
  ReplicaEstimate result;
  // Sequences are spread over the micro-batches in flight.
  result.decode_sequences =
      std::min(batcher.max_batch_tokens, (batcher.max_sequences + replica.pipeline_depth - 1) / replica.pipeline_depth);
  result.prefill_tokens = batcher.max_batch_tokens;
  const Batch decode = {result.decode_sequences, result.decode_sequences};
  const Batch prefill = {result.prefill_tokens, 1};
  for (const std::span<const StagePlan> ranks : replica.ranks_by_stage()) {
    result.stages.push_back({ranks[0].stage,
                             {step_ns(plan, replica, ranks, decode, speed), 0},
                             {step_ns(plan, replica, ranks, prefill, speed), 0}});
  }
  const Pace decodes = pace_of(result.stages, &StageEstimate::decode, decode.tokens);
  const Pace prefills = pace_of(result.stages, &StageEstimate::prefill, prefill.tokens);
  result.decode_tokens_per_s = decodes.tokens_per_s;
  result.decode_imbalance_permille = decodes.imbalance_permille;
  result.prefill_tokens_per_s = prefills.tokens_per_s;
  result.prefill_imbalance_permille = prefills.imbalance_permille;
  return result;
}

}  // namespace sluice::topology

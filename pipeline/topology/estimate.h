// How long a step takes on each stage of a plan, roughly, before anything runs: to compare cuts, not to promise speed.
//
// The model, for each rank of a stage and a micro-batch of `tokens`:
//   memory   = bytes of the matrices / (threads * memory_bytes_per_us, at most memory_bytes_per_us_max)
//   compute  = 2 * elements of the matrices * tokens / (threads * flop_per_us)
//   exchange = what ranks in several processes pass on: exchanges * (hop + their bytes / link_bytes_per_us)
//   step     = max(memory, compute) + exchange; of a mock what [mock] says
// Of a mixture's experts those are read that one token of the micro-batch at least chooses, if all are as likely, and
// each token computes with those that it chooses.
// The embedding table is looked up, not multiplied; the output head multiplies one row for each sequence. A stage takes
// as long as its slowest rank. With all stages busy the slowest one sets the pace, and the others idle for the rest:
// bubble = 1 - step / slowest step.
// Not in it: attention over cached tokens, sampling, links between stages, instruction-set paths other than AVX-512,
// ranks of one machine that share its cores and memory.
//
// Owns:   values only. Pure: the same plan gives the same numbers.
// Units:  nanoseconds, thousandths (permille), tokens.
#pragma once

#include <cstdint>
#include <vector>

#include "pipeline/topology/plan.h"

namespace sluice::topology {

// Measured: kernels_bench linear, 4864 x 896, AVX-512, one thread of an Intel Xeon at 2.1 GHz, CPU time, medians of
// three; memory at 1 token, arithmetic between those at 16 and 256 (benchmarks/README.md). Two threads read at most
// 42 GB/s, a hop of 1 KB on ipc takes 42 us, and messages of 1 MB travel at 1.5 GB/s by tcp on loopback.
struct MachineSpeed {
  std::uint64_t memory_bytes_per_us = 22'000;
  std::uint64_t memory_bytes_per_us_max = 42'000;
  std::uint64_t flop_per_us_f32 = 100'000;  // By the weights' dtype.
  std::uint64_t flop_per_us_bf16 = 88'000;
  std::uint64_t hop_ns = 42'000;  // Of an exchange over links.
  std::uint64_t link_bytes_per_us = 1'500;
};

// One step of one kind on a stage.
struct StepEstimate {
  std::uint64_t step_ns = 0;
  std::uint64_t bubble_permille = 0;  // Share of the time that the stage waits for the slowest one of its replica.

  friend bool operator==(const StepEstimate&, const StepEstimate&) = default;
};

struct StageEstimate {
  std::uint32_t stage = 0;  // Its number.
  StepEstimate decode;
  StepEstimate prefill;

  friend bool operator==(const StageEstimate&, const StageEstimate&) = default;
};

struct ReplicaEstimate {
  std::uint32_t decode_sequences = 0;           // Of each micro-batch, where max_sequences run.
  std::uint32_t prefill_tokens = 0;             // max_batch_tokens.
  std::vector<StageEstimate> stages;            // In order.
  std::uint64_t decode_tokens_per_s = 0;        // All stages busy.
  std::uint64_t prefill_tokens_per_s = 0;       // The same.
  std::uint64_t decode_imbalance_permille = 0;  // Slowest step / mean step - 1.
  std::uint64_t prefill_imbalance_permille = 0;

  friend bool operator==(const ReplicaEstimate&, const ReplicaEstimate&) = default;
};

ReplicaEstimate estimate(const Plan& plan, const ReplicaPlan& replica, const MachineSpeed& speed = {});

}  // namespace sluice::topology

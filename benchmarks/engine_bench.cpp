// What the engine adds to the kernels: the same requests computed by bare steps (scheduler and stage in a loop, only
// the stage's time counted) and through the whole engine (client, ingress, tokenizer, batcher, stage, responder), on
// the demo model, decode-heavy.
//
//   tools/benchmark engine_bench
//
// Arguments: sequences at a time. Counters: tokens/s of output; step_us, the time of a decode step (all of the time
// over the number of steps). Compare within one run: overhead per step = step_us of `engine` minus that of
// `bare_steps`.
#include <benchmark/benchmark.h>

#include <string>
#include <vector>

#include "actors/engine.h"
#include "base/clock.h"
#include "base/random.h"
#include "kernels/cpu/isa_path.h"
#include "pipeline/model/model_config.h"
#include "pipeline/schedule/scheduler.h"
#include "pipeline/stage/stage_executor.h"
#include "pipeline/topology/plan.h"
#include "pipeline/topology/topology_parser.h"
#include "transport/client/client.h"

namespace sluice {
namespace {

constexpr const char* kModel = SLUICE_SOURCE_DIR "/examples/models/storyteller-llama";
constexpr std::uint32_t kPromptTokens = 16;
constexpr std::uint32_t kOutputTokens = 256;
constexpr std::uint32_t kContextTokens = 512;
constexpr std::uint32_t kBlockTokens = 16;
constexpr Duration kPatience = std::chrono::seconds(60);

// The nth request of a run. Prompts differ, so that none finds the blocks of another.
std::vector<TokenId> prompt_of(std::uint64_t number) {
  SplitMix64 random(number + 1);
  std::vector<TokenId> ids;
  for (std::uint32_t i = 0; i < kPromptTokens; ++i) ids.push_back(static_cast<TokenId>(16 + random.below(4000)));
  return ids;
}

std::string topology_text(std::uint32_t sequences) {
  return std::string("[model]\npath = \"") + kModel +
         "\"\ndtype = \"bf16\"\ncompute = \"f32\"\n"
         "[ingress]\nbind = \"tcp://127.0.0.1:*\"\nmax_requests = 1024\nclient_window_tokens = 4096\n"
         "[metrics]\nbind = \"http://127.0.0.1:*\"\n"
         "[batcher]\nmax_batch_tokens = 2048\nkv_cache = \"256MiB\"\nmax_sequences = " +
         std::to_string(sequences) + "\n[[stage]]\nlayers = \"0-5\"\nranks = [\"head/cpu:0\"]\nthreads = 1\n";
}

topology::Plan plan_for(std::uint32_t sequences) {
  const auto topology = topology::parse_topology(topology_text(sequences), "engine_bench");
  const auto model = load_model_config(kModel);
  return topology::make_plan(topology.value(), model.value()).value();
}

void count(benchmark::State& state, std::uint64_t tokens, std::uint64_t steps, double seconds) {
  state.counters["tokens/s"] = static_cast<double>(tokens) / seconds;
  state.counters["step_us"] = seconds * 1e6 / static_cast<double>(steps);
}

void bare_steps(benchmark::State& state) {
  const auto sequences = static_cast<std::uint32_t>(state.range(0));
  const topology::Plan plan = plan_for(sequences);
  StageSpec spec;
  spec.model_dir = kModel;
  spec.num_layers = plan.model.num_hidden_layers;
  spec.compute = DType::kF32;
  spec.path = kernels::parse_isa_path("auto").value();
  spec.num_blocks = plan.replicas.front().num_blocks;
  spec.max_batch_tokens = plan.topology.batcher.max_batch_tokens;
  const auto executor = StageExecutor::create(spec).value();
  SchedulerConfig config;
  config.max_batch_tokens = spec.max_batch_tokens;
  config.max_sequences = sequences;
  config.block_tokens = kBlockTokens;
  config.num_blocks = spec.num_blocks;
  config.context_tokens = kContextTokens;
  config.vocab_size = plan.model.vocab_size;

  const SteadyClock clock;
  for (auto _ : state) {
    Scheduler scheduler(config, Epoch{1});
    for (std::uint32_t i = 0; i < sequences; ++i) {
      SequenceStart start;
      start.sequence = {i + 1};
      start.prompt_ids = prompt_of(i);
      start.spec.sampling.temperature = 0;
      start.spec.max_tokens = kOutputTokens;
      start.spec.ignore_eos = true;
      if (!scheduler.start(std::move(start), clock.now()).ok()) state.SkipWithError("refused");
    }
    Duration busy{};
    std::uint64_t steps = 0;
    while (auto batch = scheduler.plan(clock.now())) {
      const TimePoint begin = clock.now();
      Result<StageOutput> output = executor->run(*batch);
      busy += clock.now() - begin;
      ++steps;
      const auto completed = scheduler.complete(std::get<StepResult>(output.value()), clock.now());
      if (!completed.ok()) state.SkipWithError("refused");
      scheduler.take_outputs();
    }
    const double seconds = std::chrono::duration<double>(busy).count();
    state.SetIterationTime(seconds);
    count(state, std::uint64_t{sequences} * kOutputTokens, steps, seconds);
  }
}

// All requests of one run, sent at once over one connection; the time from the first to the last message.
double run_requests(transport::Client& client, std::uint32_t sequences, std::uint64_t first, benchmark::State& state) {
  const SteadyClock clock;
  const TimePoint begin = clock.now();
  for (std::uint32_t i = 0; i < sequences; ++i) {
    Generate request;
    request.request_id = std::to_string(first + i);
    request.prompt = prompt_of(i);
    request.sampling = SamplingParams{.temperature = 0};
    request.max_tokens = kOutputTokens;
    request.credit_tokens = kOutputTokens;
    request.ignore_eos = true;
    request.tenant = request.request_id;  // No blocks of the run before.
    if (!client.send(request).ok()) state.SkipWithError("not sent");
  }
  std::uint64_t tokens = 0;
  for (std::uint32_t open = sequences; open > 0;) {
    auto message = client.receive(kPatience);
    if (!message.ok() || !*message) {
      state.SkipWithError("no answer");
      return 1;
    }
    if (const auto* some = std::get_if<Tokens>(&**message)) tokens += some->token_ids.size();
    if (std::holds_alternative<Finished>(**message)) --open;
    if (std::holds_alternative<Failed>(**message)) state.SkipWithError("failed");
  }
  if (tokens != std::uint64_t{sequences} * kOutputTokens) state.SkipWithError("tokens are missing");
  return std::chrono::duration<double>(clock.now() - begin).count();
}

void engine(benchmark::State& state) {
  const auto sequences = static_cast<std::uint32_t>(state.range(0));
  auto engine = actors::Engine::start(plan_for(sequences)).value();
  if (!engine->wait_until_up(kPatience).ok()) state.SkipWithError("not up");
  auto client = transport::Client::connect(engine->ingress_address()).value();
  std::uint64_t first = 0;
  run_requests(client, sequences, first, state);
  for (auto _ : state) {
    first += sequences;
    const double seconds = run_requests(client, sequences, first, state);
    state.SetIterationTime(seconds);
    // One step for the prompts, whose samples are the first tokens.
    count(state, std::uint64_t{sequences} * kOutputTokens, kOutputTokens, seconds);
  }
}

void shape(benchmark::internal::Benchmark* bench) {
  bench->Arg(1)->Arg(16)->Arg(64)->ArgName("sequences");
  bench->UseManualTime()->Iterations(1)->Repetitions(5)->ReportAggregatesOnly();
  bench->Unit(benchmark::kMillisecond);
}
BENCHMARK(bare_steps)->Apply(shape);
BENCHMARK(engine)->Apply(shape);

}  // namespace
}  // namespace sluice

BENCHMARK_MAIN();

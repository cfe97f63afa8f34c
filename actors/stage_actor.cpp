#include "actors/stage_actor.h"

#include "actors/log.h"
#include "base/process_usage.h"
#include "pipeline/model/fingerprint.h"
#include "pipeline/trace/span_list.h"
#include "pipeline/trace/stage_times.h"

namespace sluice::actors {

namespace {

// Whether an executor made for `a` serves `b`: all but epoch and addresses agree.
bool same_stage(const StageAssign& a, StageAssign b) {
  b.epoch = a.epoch;
  b.input_address = a.input_address;
  b.exchange_address = a.exchange_address;
  b.links = a.links;
  b.report_interval_ms = a.report_interval_ms;
  return a == b;
}

// What the links need of it, before they are made: it came from a peer.
Result<void> check_window(const LinkWindow& window) {
  constexpr std::uint32_t kMessagesMax = 1u << 20;
  constexpr std::uint64_t kBytesMax = std::uint64_t{1} << 40;
  if (window.messages >= 1 && window.messages <= kMessagesMax && window.bytes >= 1 && window.bytes <= kBytesMax) {
    return {};
  }
  return Error{ErrorCode::kInvalidConfig, "a link's window is " + std::to_string(window.messages) + " messages and " +
                                              std::to_string(window.bytes) + " bytes"};
}

// Whether this machine has the head's model, where the head says which that is.
Result<void> check_model(const StageAssign& assign) {
  if (assign.model_fingerprint == 0) return {};
  const auto print = model_fingerprint(assign.model_path, assign.weights);
  if (!print.ok()) return print.error();
  if (*print == assign.model_fingerprint) return {};
  return Error{ErrorCode::kModelLoadFailed,
               assign.model_path + " is another model than the head's: its config.json or weight index differs"};
}

Result<StageSpec> make_spec(const StageAssign& assign) {
  const auto path = kernels::parse_isa_path(assign.kernel_path);
  if (!path.ok()) return path.error();
  StageSpec spec;
  spec.model_dir = assign.model_path;
  spec.weights = assign.weights;
  spec.mock = assign.mock;
  spec.first_layer = assign.first_layer;
  spec.num_layers = assign.num_layers;
  spec.shard = {assign.rank, assign.num_ranks, assign.experts};
  spec.dtype = assign.dtype;
  spec.compute = assign.compute;
  spec.path = *path;
  spec.deterministic = assign.deterministic;
  spec.threads = assign.threads;
  spec.block_tokens = assign.block_tokens;
  spec.num_blocks = assign.num_blocks;
  spec.max_batch_tokens = assign.max_batch_tokens;
  return spec;
}

}  // namespace

StageActor::StageActor(caf::actor_config& config, transport::Context context, caf::actor owner)
    : PollingActor(config), context_(std::move(context)), owner_(std::move(owner)) {}

caf::message_handler StageActor::make_behavior() {
  return {[this](const StageAssign& message) { assign(message); },
          [this](const StageConnect& message) { connect(message); },
          [this](const JoinGroup& message) { group_ = message.group; },
          [this](const StageRelease&) {
            release();
            executor_.reset();
            loaded_.reset();
          }};
}

void StageActor::assign(const StageAssign& assign) {
  release();
  Result<StageReady> ready = set_up(assign);
  if (!ready.ok()) {
    release();
    caf::anon_send(owner_, StageFailed{assign.epoch, assign.stage, std::move(ready).error()});
    return;
  }
  assigned_ = assign;
  meter_.begin_epoch();
  caf::anon_send(owner_, *ready);
}

Result<StageReady> StageActor::set_up(const StageAssign& assign) {
  if (auto checked = check_window(assign.links.window); !checked.ok()) return std::move(checked).error();
  if (executor_ != nullptr && loaded_ && same_stage(*loaded_, assign)) {
    executor_->forget_sequences();
  } else if (auto loaded = load(assign); !loaded.ok()) {
    return std::move(loaded).error();
  }
  if (auto joined = join_ranks(assign); !joined.ok()) return std::move(joined).error();
  auto link =
      transport::LinkIn::bind(context_, assign.input_address,
                              {"stage-" + std::to_string(assign.stage), 0, assign.epoch}, link_limits(assign.links));
  if (!link.ok()) return std::move(link).error();
  input_.emplace(std::move(*link));
  StageReady ready{assign.epoch, assign.stage, input_->address(), executor_->weights_bytes(),
                   executor_->kv_cache_bytes()};
  if (rank_links_ != nullptr) ready.exchange_addresses = rank_links_->addresses();
  return ready;
}

Result<void> StageActor::join_ranks(const StageAssign& assign) {
  if (assign.num_ranks == 1) return {};
  if (assign.exchange_address.empty()) {
    if (group_ == nullptr) return Error{ErrorCode::kInternal, "a rank without a group to meet in"};
    ranks_ = std::exchange(group_, nullptr)->join(assign.rank);
  } else {
    auto links = LinkCommunicator::bind(context_, assign, [this] {
      is_exchanging_ = true;
      const bool goes_on = wait_for_event();
      is_exchanging_ = false;
      return goes_on;
    });
    if (!links.ok()) return std::move(links).error();
    rank_links_ = links->get();
    ranks_ = std::move(*links);
  }
  executor_->join(ranks_.get());
  return {};
}

Result<void> StageActor::load(const StageAssign& assign) {
  executor_.reset();
  loaded_.reset();
  if (auto checked = check_model(assign); !checked.ok()) return checked;
  const auto spec = make_spec(assign);
  if (!spec.ok()) return spec.error();
  auto executor = StageExecutor::create(*spec, [&](std::uint64_t done, std::uint64_t total) {
    caf::anon_send(owner_, LoadProgress{assign.epoch, assign.stage, done, total});
  });
  if (!executor.ok()) return std::move(executor).error();
  executor_ = std::move(*executor);
  loaded_ = assign;
  return {};
}

void StageActor::connect(const StageConnect& connect) {
  if (!assigned_ || connect.epoch != assigned_->epoch) return;
  auto output = OutGroup::connect(context_, connect.output_addresses,
                                  {"stage-" + std::to_string(connect.stage), 0, connect.epoch},
                                  link_limits(assigned_->links), now());
  if (!output.ok()) return fail(std::move(output).error());
  output_ = std::move(*output);
  if (rank_links_ != nullptr) {
    auto connected = rank_links_->connect(context_, connect.exchange_addresses, now());
    if (!connected.ok()) return fail(std::move(connected).error());
  }
  is_connected_ = true;
}

void StageActor::release() {
  if (input_) former_.input.add_totals(input_->stats());
  former_.output.add_totals(output_.stats(now()));
  input_.reset();
  output_ = {};
  is_connected_ = false;
  assigned_.reset();
  if (executor_ != nullptr) executor_->join(nullptr);
  rank_links_ = nullptr;
  ranks_.reset();  // Whoever waits for this rank comes free.
}

void StageActor::close() {
  release();
  executor_.reset();
  owner_ = nullptr;
}

void StageActor::fail(Error error) {
  write_log(LogEvent(LogLevel::kError, "stage", "stage failed")
                .with("stage", assigned_->stage)
                .with("epoch", assigned_->epoch.value)
                .with("error", to_string(error)));
  const StageFailed failed{assigned_->epoch, assigned_->stage, std::move(error)};
  release();
  caf::anon_send(owner_, failed);
}

void StageActor::watch(transport::Poller& poller) const {
  if (rank_links_ != nullptr) poller.add(*rank_links_);
  if (is_exchanging_) return;
  if (input_) poller.add(*input_);
  poller.add(output_);
}

void StageActor::advance(TimePoint now) {
  // A lost neighbour is for the supervisor to find: it may come back in a new epoch only.
  if (input_) input_->advance(now);
  output_.advance(now);
  if (rank_links_ != nullptr) rank_links_->advance(now);
  while (run_step(now)) now = this->now();
}

bool StageActor::run_step(TimePoint now) {
  if (!input_ || !is_connected_ || !output_.has_room()) return false;
  auto batch = input_->receive<StageBatch>(now);
  if (!batch) return false;
  if (!batch->ok()) {
    fail(std::move(*batch).error());
    return false;
  }
  if ((**batch).epoch != assigned_->epoch) {
    input_->consumed();
    return true;
  }
  const TimePoint received = this->now();
  meter_.begin_step(now, (**batch).idle_us);
  Result<StageOutput> output = executor_->run(**batch);
  if (!output.ok()) {
    fail(std::move(output).error());
    return false;
  }
  const TimePoint computed = this->now();
  const StageTime time{assigned_->pipeline_stage, us_between(now, received), us_between(received, computed)};
  if (!output_.empty()) {
    std::visit(
        [&](auto& message) {
          add_stage_time(**batch, time, message);
          output_.send(message, computed);
        },
        *output);
  }
  input_->consumed();
  const TimePoint done = this->now();
  meter_.end_step(done, static_cast<std::uint32_t>((**batch).token_ids.size()));
  // Mail and grants between steps: one step may be long.
  input_->advance(done);
  output_.advance(done);
  report_if_due(done);
  return mailbox().empty();
}

void StageActor::report(TimePoint now) {
  if (!assigned_ || executor_ == nullptr) return;
  StageStats stats;
  stats.stage = assigned_->stage;
  stats.snapshots_total = ++former_.snapshots_total;
  stats.times = meter_.times();
  stats.weights_bytes = executor_->weights_bytes();
  stats.kv_cache_bytes = executor_->kv_cache_bytes();
  if (input_) stats.input = input_->stats();
  stats.input.add_totals(former_.input);
  stats.output = output_.stats(now);
  stats.output.add_totals(former_.output);
  stats.process = read_process_usage();
  caf::anon_send(report_to(), stats);
}

}  // namespace sluice::actors

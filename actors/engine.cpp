#include "actors/engine.h"

#include <algorithm>
#include <caf/all.hpp>
#include <filesystem>

#include "actors/authenticator_actor.h"
#include "actors/batcher_actor.h"
#include "actors/head_security.h"
#include "actors/ingress_actor.h"
#include "actors/link_board.h"
#include "actors/metrics_actor.h"
#include "actors/recording_tap.h"
#include "actors/replica_wiring.h"
#include "actors/socket_directory.h"
#include "actors/stage_actor.h"
#include "actors/stage_assignments.h"
#include "actors/supervisor_actor.h"
#include "actors/tokenizer_actor.h"
#include "kernels/cpu/isa_path.h"
#include "pipeline/model/fingerprint.h"
#include "pipeline/model/generation_config.h"
#include "transport/zmq/context.h"

namespace sluice::actors {

namespace {

// The diagram, inside the head process. The links to, between and from the stages are made by the stages of each epoch.
std::vector<LinkName> link_names(const topology::Plan& plan) {
  std::vector<LinkName> links = {
      {"ingress", "tokenizer"},                                 //
      {"ingress", "responder"},                                 // opens, credits, attachments
      {"tokenizer", plan.has_router() ? "router" : "batcher"},  //
      {"tokenizer", "responder"},                               // prompts that cannot be encoded
      {"responder", "ingress"},                                 // answers
  };
  for (const std::string& batcher : batcher_names(plan)) {
    links.push_back({batcher, "responder"});  // tokens
    links.push_back({"responder", batcher});  // stop strings, pauses
    if (!plan.has_router()) continue;
    links.push_back({"router", batcher});
    links.push_back({batcher, "router"});  // ends
  }
  return links;
}

// What the actors are made of, read from the model directory once.
struct Model {
  TextModel text;
  GenerationDefaults defaults;
  std::string kernel_path;
  std::uint64_t fingerprint = 0;
};

Result<Model> load_model(const topology::Plan& plan) {
  const std::filesystem::path directory = plan.topology.model.path;
  const PromptLimits limits{static_cast<TokenId>(plan.model.vocab_size), plan.context_tokens};
  const bool has_weights = plan.topology.model.weights == WeightsKind::kFile;
  auto text = load_text_model(directory, limits, has_weights ? TextFiles::kRequired : TextFiles::kOptional);
  if (!text.ok()) return std::move(text).error();
  auto defaults = load_generation_defaults(directory, plan.model);
  if (!defaults.ok()) return std::move(defaults).error();
  const auto path = kernels::parse_isa_path(plan.topology.kernels.path);
  if (!path.ok()) return path.error();
  const auto fingerprint = model_fingerprint(directory, plan.topology.model.weights);
  if (!fingerprint.ok()) return fingerprint.error();
  return Model{std::move(*text), std::move(*defaults), std::string(to_string(*path)), *fingerprint};
}

// The head's own load what the fingerprint was taken of just now: they have none to check.
std::vector<SupervisedStage> stages_of(const topology::Plan& plan, const Model& model, const std::string& directory) {
  std::vector<SupervisedStage> stages = make_stages(plan, model.kernel_path, directory);
  for (SupervisedStage& stage : stages) {
    if (stage.place.kind != WorkerKind::kHead) stage.assign.model_fingerprint = model.fingerprint;
  }
  return stages;
}

LedgerConfig ledger_config(const topology::Plan& plan, const Model& model) {
  LedgerConfig config;
  config.model = std::filesystem::path(plan.topology.model.path).filename().string();
  config.max_requests = plan.topology.ingress.max_requests;
  config.max_queued_prompt_tokens = plan.topology.ingress.max_queued_prompt_tokens;
  config.context_tokens = plan.context_tokens;
  config.client_window_tokens = plan.topology.ingress.client_window_tokens;
  config.message_bytes_max = plan.topology.ingress.message_bytes_max;
  config.garbage_messages_max = plan.topology.ingress.garbage_messages_max;
  config.sampling_defaults = model.defaults.sampling;
  config.limits.vocabulary_tokens = plan.model.vocab_size;
  config.sessions.session_idle_ms = plan.topology.ingress.session_idle_ms;
  return config;
}

StreamTableConfig stream_config(const topology::IngressTopology& ingress) {
  StreamTableConfig config;
  config.client_window_tokens = ingress.client_window_tokens;
  config.retention = {ingress.finished_count_max, ingress.finished_bytes_max, ingress.finished_keep_ms};
  return config;
}

BatcherSettings batcher_settings(const topology::Plan& plan, const topology::ReplicaPlan& replica, const Model& model) {
  BatcherSettings settings;
  SchedulerConfig& scheduler = settings.scheduler;
  scheduler.max_batch_tokens = plan.topology.batcher.max_batch_tokens;
  scheduler.max_sequences = plan.topology.batcher.max_sequences;
  scheduler.max_waiting = plan.topology.ingress.max_requests;
  scheduler.block_tokens = plan.topology.batcher.block_tokens;
  scheduler.num_blocks = replica.num_blocks;
  scheduler.pipeline_depth = replica.pipeline_depth;
  scheduler.context_tokens = plan.context_tokens;
  scheduler.vocab_size = plan.model.vocab_size;
  scheduler.eos_ids = model.defaults.eos_token_ids;
  scheduler.ageing_ms = plan.topology.batcher.ageing_ms;
  scheduler.prefix_cache = plan.topology.batcher.prefix_cache;
  settings.link_limits = link_limits(plan.topology.links.settings());
  settings.step_timeout = std::chrono::milliseconds(plan.topology.supervisor.stage_step_timeout_ms);
  settings.replica = replica.replica;
  settings.name = batcher_names(plan)[replica.replica];
  settings.first_stage = "stage-" + name_of(replica.stages.front());
  settings.last_stage = "stage-" + name_of(replica.ranks_by_stage().back().front());
  return settings;
}

metrics::EngineFacts engine_facts(const topology::Plan& plan, const Model& model) {
  metrics::EngineFacts facts;
  facts.model = std::filesystem::path(plan.topology.model.path).filename().string();
  facts.kernel_path = model.kernel_path;
  facts.max_requests = plan.topology.ingress.max_requests;
  for (const topology::ReplicaPlan& replica : plan.replicas) {
    const std::string batcher = batcher_names(plan)[replica.replica];
    facts.replicas.push_back({batcher, replica.pipeline_depth});
    const auto stages = replica.ranks_by_stage();
    for (std::size_t i = 0; i < stages.size(); ++i) {
      const std::string from = i == 0 ? batcher : "stage-" + name_of(stages[i - 1].front());
      const std::string to = i + 1 == stages.size() ? batcher : "stage-" + name_of(stages[i + 1].front());
      for (const topology::StagePlan& rank : stages[i]) {
        facts.stages.push_back(
            {replica.replica, name_of(rank), topology::layers_to_string(rank.first_layer, rank.num_layers),
             topology::to_string(rank.place), process_of(rank), from, rank.shard.rank == 0 ? to : ""});
      }
    }
  }
  return facts;
}

transport::SocketOptions socket_options(const topology::LinksTopology& links) {
  transport::SocketOptions options;
  options.heartbeat_interval = std::chrono::milliseconds(links.heartbeat_ms);
  options.heartbeat_timeout = std::chrono::milliseconds(links.timeout_ms);
  return options;
}

// Frames somewhat larger than allowed still get an answer; beyond that the connection is closed. No heartbeats: clients
// can fill the queue (transport/zmq/socket.h).
Result<transport::RouterSocket> bind_clients(const transport::Context& context, const topology::Topology& topology) {
  transport::SocketOptions options;
  options.domain = transport::CurveDomain::kIngress;
  options.keepalive_interval = std::chrono::seconds(5);
  options.max_frame_bytes = 4ull * topology.ingress.message_bytes_max;
  transport::ReceiveLimits limits;
  limits.max_message_bytes = options.max_frame_bytes;
  const bool is_encrypted = topology.security.is_on() && topology.security.ingress;
  return transport::RouterSocket::bind(context, transport::bind_address(topology.ingress.bind, is_encrypted), options,
                                       limits);
}

// Workers' messages are small. Null where the plan has no workers.
Result<std::unique_ptr<transport::RouterSocket>> bind_control(const transport::Context& context,
                                                              const topology::Plan& plan,
                                                              const std::string& directory) {
  const std::string address = control_bind_address(plan, directory);
  if (address.empty()) return std::unique_ptr<transport::RouterSocket>();
  transport::SocketOptions options = socket_options(plan.topology.links);
  options.domain = transport::CurveDomain::kControl;
  options.max_frame_bytes = 1u << 20;
  const transport::ReceiveLimits limits{.max_frames = 1, .max_message_bytes = options.max_frame_bytes};
  auto bound = transport::RouterSocket::bind(context, address, options, limits);
  if (!bound.ok()) return std::move(bound).error();
  return std::make_unique<transport::RouterSocket>(std::move(*bound));
}

// Null where metrics are off.
Result<std::shared_ptr<metrics::Endpoint>> start_endpoint(const topology::MetricsTopology& metrics) {
  if (!metrics.is_on()) return std::shared_ptr<metrics::Endpoint>();
  auto started = metrics::Endpoint::start(metrics.bind);
  if (!started.ok()) return std::move(started).error();
  return std::shared_ptr<metrics::Endpoint>(std::move(*started));
}

}  // namespace

struct Engine::Parts {
  explicit Parts(SocketDirectory directory) : sockets(std::move(directory)) {
    actor_config.set("scheduler.max-threads", 1);
    actor_config.set("scheduler.policy", caf::atom("sharing"));
  }

  void stop() {
    for (const caf::actor& actor : actors) caf::anon_send(actor, Stop{});
    actors.clear();
    ingress = nullptr;
  }

  // Whoever has shown a key waits for it.
  void spawn_authenticator(std::unique_ptr<transport::ZapSocket> zap) {
    const caf::actor authenticator =
        system->spawn<AuthenticatorActor, caf::detached>(std::move(zap), transport::Authenticator(security.allow_list));
    caf::anon_send(authenticator, TrustedPeers{security.own_peers()});
    actors.push_back(authenticator);
  }

  // Spawns who gets the snapshots, and tells the others to send them.
  void spawn_metrics(metrics::EngineFacts facts, Duration interval) {
    const caf::actor to = system->spawn<MetricsActor, caf::detached>(endpoint, std::move(facts));
    actors.push_back(to);
    for (const caf::actor& actor : actors) caf::anon_send(actor, ReportTo{to, interval});
  }

  SocketDirectory sockets;
  HeadSecurity security;
  std::string ingress_address;
  std::string control_address;
  std::shared_ptr<metrics::Endpoint> endpoint;  // Null if metrics are off.
  std::string metrics_url;
  caf::actor_system_config actor_config;
  std::unique_ptr<caf::actor_system> system;
  std::unique_ptr<caf::scoped_actor> self;  // Gets EngineReports.
  caf::actor ingress;
  std::vector<caf::actor> actors;
};

Result<std::unique_ptr<Engine>> Engine::start(const topology::Plan& plan, const EngineOptions& options) {
  // What can fail comes first: files, sockets.
  auto model = load_model(plan);
  if (!model.ok()) return std::move(model).error();
  auto directory = SocketDirectory::create(plan.topology.links.directory);
  if (!directory.ok()) return std::move(directory).error();
  auto security = HeadSecurity::create(plan);
  if (!security.ok()) return std::move(security).error();
  auto context = transport::Context::create({.keys = security->keys, .allow_wide_bind = options.allow_insecure});
  if (!context.ok()) return std::move(context).error();
  auto zap = bind_zap(*context);
  if (!zap.ok()) return std::move(zap).error();
  auto clients = bind_clients(*context, plan.topology);
  if (!clients.ok()) return std::move(clients).error();
  const transport::LinkLimits limits = link_limits(plan.topology.links.settings());
  auto links = LinkBoard::create(*context, link_names(plan), limits);
  if (!links.ok()) return std::move(links).error();
  auto tap = RecordingTap::open(plan);
  if (!tap.ok()) return std::move(tap).error();
  auto results = bind_results(*context, plan, directory->path());
  if (!results.ok()) return std::move(results).error();
  auto control = bind_control(*context, plan, directory->path());
  if (!control.ok()) return std::move(control).error();
  auto endpoint = start_endpoint(plan.topology.metrics);
  if (!endpoint.ok()) return std::move(endpoint).error();

  auto parts = std::make_unique<Parts>(std::move(*directory));
  parts->security = std::move(*security);
  parts->ingress_address = clients->address();
  if (*control != nullptr) parts->control_address = (*control)->address();
  parts->endpoint = std::move(*endpoint);
  if (parts->endpoint != nullptr) parts->metrics_url = parts->endpoint->url();
  parts->system = std::make_unique<caf::actor_system>(parts->actor_config);
  parts->self = std::make_unique<caf::scoped_actor>(*parts->system);
  caf::actor_system& system = *parts->system;

  SupervisorSettings supervision;
  supervision.stages = stages_of(plan, *model, parts->sockets.path());
  for (const InPort& port : *results) supervision.results_addresses.push_back(port.address());
  supervision.worker_program = options.worker_program;
  supervision.worker_log_level = options.worker_log_level;
  supervision.worker_log_format = options.worker_log_format;
  supervision.allow_insecure = options.allow_insecure;
  supervision.keys = WorkerKeys(parts->security, plan.encrypts_control());
  supervision.limits.silence_timeout = std::chrono::milliseconds(plan.topology.supervisor.stage_load_timeout_ms);
  const std::vector<SupervisedStage> stages = supervision.stages;

  const caf::actor engine = caf::actor_cast<caf::actor>(parts->self->ptr());
  const caf::actor ingress = system.spawn<IngressActor, caf::detached>(
      std::make_unique<IngressPorts>(IngressPorts{std::move(*clients), links->in("responder", "ingress"),
                                                  links->out("ingress", "tokenizer"),
                                                  links->out("ingress", "responder")}),
      ledger_config(plan, *model), unavailable_at_first(stages), *std::move(tap), engine);
  const std::vector<std::string> batcher_list = batcher_names(plan);
  const std::string after_tokenizer = plan.has_router() ? "router" : "batcher";
  const caf::actor tokenizer = system.spawn<TokenizerActor, caf::detached>(
      std::make_unique<TokenizerPorts>(TokenizerPorts{links->in("ingress", "tokenizer"),
                                                      links->out("tokenizer", after_tokenizer),
                                                      links->out("tokenizer", "responder")}),
      model->text, after_tokenizer);
  parts->actors = {ingress, tokenizer};
  caf::actor front = ingress;  // Of the batchers.
  if (plan.has_router()) {
    front = system.spawn<RouterActor, caf::detached>(router_ports(batcher_list, *links), router_config(plan),
                                                     batcher_list, ingress);
    parts->actors.push_back(front);
  }
  std::vector<caf::actor> batchers;
  for (const topology::ReplicaPlan& replica : plan.replicas) {
    batchers.push_back(system.spawn<BatcherActor, caf::detached>(
        batcher_ports(batcher_list[replica.replica], plan.has_router(), std::move((*results)[replica.replica]), *links),
        batcher_settings(plan, replica, *model), *context, front));
    parts->actors.push_back(batchers.back());
  }
  parts->actors.push_back(system.spawn<ResponderActor, caf::detached>(responder_ports(batcher_list, *links),
                                                                      stream_config(plan.topology.ingress),
                                                                      model->text.tokenizer, batcher_list));
  const caf::actor supervisor =
      system.spawn<SupervisorActor, caf::detached>(std::move(*control), std::move(supervision));
  std::vector<caf::actor> local_stages;
  for (const SupervisedStage& stage : stages) {
    const bool is_local = stage.place.kind == WorkerKind::kHead;
    local_stages.push_back(is_local ? system.spawn<StageActor, caf::detached>(*context, supervisor) : caf::actor());
  }

  if (*zap != nullptr) parts->spawn_authenticator(std::move(*zap));
  parts->ingress = ingress;
  parts->actors.insert(parts->actors.begin(), supervisor);
  for (const caf::actor& stage : local_stages) {
    if (stage) parts->actors.push_back(stage);
  }
  if (parts->endpoint != nullptr) {
    parts->spawn_metrics(engine_facts(plan, *model), std::chrono::milliseconds(plan.topology.metrics.interval_ms));
  }
  caf::anon_send(supervisor, SupervisorActor::Begin{{front, batchers, engine}, local_stages});
  return std::unique_ptr<Engine>(new Engine(std::move(parts)));
}

Engine::Engine(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

Engine::~Engine() {
  parts_->stop();
  parts_->self.reset();
  parts_->system.reset();  // Waits for every actor.
}

const std::string& Engine::ingress_address() const {
  return parts_->ingress_address;
}

const std::string& Engine::control_address() const {
  return parts_->control_address;
}

const std::string& Engine::metrics_url() const {
  return parts_->metrics_url;
}

std::optional<EngineReport> Engine::next_report(Duration timeout) {
  std::optional<EngineReport> report;
  (*parts_->self)->receive([&](const EngineReport& message) { report = message; }, caf::after(timeout) >> [] {});
  return report;
}

Result<void> Engine::wait_until_up(Duration timeout) {
  const SteadyClock clock;
  const TimePoint end = clock.now() + timeout;
  for (TimePoint now = clock.now(); now < end; now = clock.now()) {
    const auto report = next_report(end - now);
    if (!report) break;
    if (report->kind == EngineReport::Kind::kUp) return {};
    if (report->kind == EngineReport::Kind::kLoadFailed) return report->error;
  }
  return Error{ErrorCode::kUnavailable, "the pipeline did not come up in time"};
}

bool Engine::drain(Duration patience, const std::atomic<bool>* is_interrupted) {
  caf::scoped_actor self(*parts_->system);
  caf::anon_send(parts_->ingress, Drain{caf::actor_cast<caf::actor>(self.ptr())});
  const SteadyClock clock;
  const TimePoint end = clock.now() + patience;
  bool is_drained = false;
  while (!is_drained && clock.now() < end && !(is_interrupted != nullptr && *is_interrupted)) {
    self->receive([&](const Drained&) { is_drained = true; }, caf::after(std::chrono::milliseconds(50)) >> [] {});
  }
  return is_drained;
}

}  // namespace sluice::actors

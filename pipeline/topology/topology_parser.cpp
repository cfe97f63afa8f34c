#include "pipeline/topology/topology_parser.h"

#include <bit>
#include <fstream>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "pipeline/topology/config_document.h"
#include "pipeline/topology/config_override.h"
#include "pipeline/topology/config_schema.h"
#include "pipeline/topology/record_section.h"
#include "pipeline/topology/replica_sections.h"
#include "pipeline/topology/security_section.h"
#include "pipeline/topology/value_syntax.h"

namespace sluice::topology {
namespace {

constexpr std::size_t kStagesMax = 256;
constexpr std::size_t kDirectoryBytesMax = 60;  // Leaves room for the sockets' own names in sockaddr_un.
constexpr std::uint64_t kWindowBytesMax = std::uint64_t{1} << 30;  // As a decoder takes of tensors in one message.
constexpr std::uint32_t kHourMs = 3'600'000;

struct ServiceDraft {  // [tokenizer], [responder]
  std::uint32_t count = 1;
  std::uint8_t host = 0;
};

// A Topology on its way, with the places that checks across keys have to point at.
struct TopologyDraft {
  Topology topology;
  std::vector<StageDraft> stages;
  ReplicasDraft replicas;
  Position model_path_at;
  std::optional<Position> mock_at;
  ServiceDraft tokenizer;
  ServiceDraft responder;
};

std::optional<std::string> directory_complaint(std::string_view path) {
  if (path.find('\0') != std::string_view::npos) return "contains a zero byte";
  if (path.size() <= kDirectoryBytesMax) return std::nullopt;
  return "has " + std::to_string(path.size()) + " bytes, limit " + std::to_string(kDirectoryBytesMax);
}

// ---- the tables of keys ---------------------------------------------------------------------------------------------

std::vector<Field<ModelTopology>> model_fields() {
  using M = ModelTopology;
  return {text("path", &M::path, path_complaint).required(),
          choice<M, DType>(
              "dtype", &M::dtype,
              {{"f32", DType::kF32}, {"bf16", DType::kBF16}, {"f16", {}}, {"int8", {}}, {"int4", {}}, {"fp8", {}}}),
          choice<M, DType>("compute", &M::compute, {{"f32", DType::kF32}, {"bf16", DType::kBF16}, {"f16", {}}}),
          choice<M, WeightsKind>(
              "weights", &M::weights,
              {{"file", WeightsKind::kFile}, {"random", WeightsKind::kRandom}, {"mock", WeightsKind::kMock}}),
          choice<M, ExpertSplit>("experts", &M::experts,
                                 {{"by_width", ExpertSplit::kByWidth}, {"by_expert", ExpertSplit::kByExpert}})};
}

std::vector<Field<IngressTopology>> ingress_fields() {
  using I = IngressTopology;
  return {text("bind", &I::bind, bind_complaint),
          whole_number("max_requests", &I::max_requests, 1, 65'536),
          whole_number("max_queued_prompt_tokens", &I::max_queued_prompt_tokens, 0, std::uint64_t{1} << 40),
          whole_number("client_window_tokens", &I::client_window_tokens, 1, 1u << 20),
          size_in_bytes("message_bytes_max", &I::message_bytes_max, 1u << 10, 256u << 20),
          whole_number("garbage_messages_max", &I::garbage_messages_max, 1, 1u << 30),
          whole_number("finished_count_max", &I::finished_count_max, 0, 1'000'000),
          size_in_bytes("finished_bytes_max", &I::finished_bytes_max, 0, std::uint64_t{64} << 30),
          whole_number("finished_keep_ms", &I::finished_keep_ms, 0, 24 * kHourMs),
          whole_number("session_idle_ms", &I::session_idle_ms, 0, 24 * kHourMs)};
}

std::optional<std::string> power_of_two_complaint(std::uint32_t number) {
  if (std::has_single_bit(number)) return std::nullopt;
  return "is " + std::to_string(number) + ", not a power of two";
}

std::vector<Field<BatcherTopology>> batcher_fields() {
  using B = BatcherTopology;
  Field<B> block_tokens = whole_number("block_tokens", &B::block_tokens, 1, 1024);
  block_tokens.read = [in_range = block_tokens.read](const FieldPlace& place, const ConfigNode& node, B& batcher) {
    Result<void> read = in_range(place, node, batcher);
    if (!read.ok()) return read;
    const std::optional<std::string> wrong = power_of_two_complaint(batcher.block_tokens);
    return wrong ? Result<void>(place.error(node.position, *wrong)) : Result<void>();
  };
  return {whole_number("max_batch_tokens", &B::max_batch_tokens, 1, 1u << 20),
          whole_number("max_sequences", &B::max_sequences, 1, 65'536),
          std::move(block_tokens),
          size_in_bytes("kv_cache", &B::kv_cache_bytes, 1u << 10, std::uint64_t{64} << 40),
          whole_number("ageing_ms", &B::ageing_ms, 1, kHourMs),
          truth("prefix_cache", &B::prefix_cache)};
}

Result<void> read_layers(const FieldPlace& place, const ConfigNode& node, StageDraft& draft) {
  const auto* value = node.get<std::string>();
  if (value == nullptr) return place.wrong_type(node, "a string such as \"0-2\" or \"3\"");
  const Result<LayerRange> range = parse_layers(*value);
  if (!range.ok()) return place.error(node.position, range.error().message);
  draft.stage.first_layer = range->first_layer;
  draft.stage.num_layers = range->num_layers;
  draft.layers_at = node.position;
  return {};
}

Result<void> read_ranks(const FieldPlace& place, const ConfigNode& node, StageDraft& draft) {
  const auto* list = node.get<ConfigNode::Array>();
  if (list == nullptr) return place.wrong_type(node, "a list such as [\"head/cpu:0\"]");
  if (list->empty()) return place.error(node.position, "is empty: a stage has one rank or more");
  draft.stage.ranks.clear();
  for (const ConfigNode& element : *list) {
    const auto* value = element.get<std::string>();
    if (value == nullptr) return place.wrong_type(element, "strings");
    Result<RankPlace> rank = parse_rank_place(*value);
    if (!rank.ok()) return place.error(element.position, rank.error().message);
    draft.stage.ranks.push_back(std::move(rank).value());
  }
  draft.ranks_at = node.position;
  return {};
}

Result<void> read_threads(const FieldPlace& place, const ConfigNode& node, StageDraft& draft) {
  return whole_number("threads", &StageTopology::threads, 1, 1024).read(place, node, draft.stage);
}

std::vector<Field<StageDraft>> stage_fields() {
  return {Field<StageDraft>{"layers", read_layers}.required(), Field<StageDraft>{"ranks", read_ranks},
          Field<StageDraft>{"threads", read_threads}};
}

Result<void> read_stages(const FieldPlace& place, const ConfigNode& node, std::vector<StageDraft>& stages) {
  const auto* list = node.get<ConfigNode::Array>();
  if (list == nullptr) return place.error(node.position, "takes a list of tables: write [[stage]]");
  if (list->size() > kStagesMax) {
    return place.error(node.position,
                       "has " + std::to_string(list->size()) + " stages, limit " + std::to_string(kStagesMax));
  }
  static const std::vector<Field<StageDraft>> kFields = stage_fields();
  for (const ConfigNode& element : *list) {
    StageDraft stage;
    stage.stage.ranks = {RankPlace{}};
    stage.ranks_at = element.position;
    Result<void> read = read_table(place.file_name, "[[stage]]", element, kFields, stage);
    if (!read.ok()) return read;
    stages.push_back(std::move(stage));
  }
  return {};
}

std::vector<Field<KernelsTopology>> kernels_fields() {
  using K = KernelsTopology;
  return {choice<K, std::string>("path", &K::path,
                                 {{"auto", "auto"}, {"avx512", "avx512"}, {"avx2", "avx2"}, {"scalar", "scalar"}}),
          truth("deterministic", &K::deterministic, true)};
}

std::vector<Field<LinksTopology>> links_fields() {
  using L = LinksTopology;
  using Transport = L::Transport;
  return {choice<L, Transport>("transport", &L::transport, {{"ipc", Transport::kIpc}, {"tcp", Transport::kTcp}}),
          whole_number("window_messages", &L::window_messages, 2, 65'536),
          size_in_bytes("window_bytes", &L::window_bytes, 64u << 10, kWindowBytesMax),
          whole_number("heartbeat_ms", &L::heartbeat_ms, 10, kHourMs),
          whole_number("timeout_ms", &L::timeout_ms, 30, kHourMs),
          text("directory", &L::directory, directory_complaint)};
}

std::vector<Field<SupervisorTopology>> supervisor_fields() {
  using S = SupervisorTopology;
  return {text("bind", &S::bind, supervisor_bind_complaint),
          whole_number("stage_step_timeout_ms", &S::stage_step_timeout_ms, 10, 24 * kHourMs),
          whole_number("stage_load_timeout_ms", &S::stage_load_timeout_ms, 100, 24 * kHourMs)};
}

std::vector<Field<MetricsTopology>> metrics_fields() {
  using M = MetricsTopology;
  return {text("bind", &M::bind, metrics_bind_complaint), whole_number("interval_ms", &M::interval_ms, 10, 60'000)};
}

// [tokenizer] and [responder]: one of each, in the head, is what there is.
std::vector<Field<ServiceDraft>> service_fields() {
  Field<ServiceDraft> count = whole_number("count", &ServiceDraft::count, 1, 64);
  count.read = [in_range = count.read](const FieldPlace& place, const ConfigNode& node, ServiceDraft& service) {
    Result<void> read = in_range(place, node, service);
    if (!read.ok() || service.count == 1) return read;
    return Result<void>(
        place.error(node.position, "is " + std::to_string(service.count) + ": more than one is not supported yet"));
  };
  const auto read_host = [](const FieldPlace& place, const ConfigNode& node, ServiceDraft&) -> Result<void> {
    const auto* value = node.get<std::string>();
    if (value == nullptr) return place.wrong_type(node, "a string");
    if (*value == "head") return {};
    return place.error(node.position, "is " + in_quotes(*value) + ": any place but 'head' is not supported yet");
  };
  return {std::move(count), Field<ServiceDraft>{"host", read_host}};
}

// Reads [links], then checks what concerns two of its keys.
Result<void> read_links(const FieldPlace& place, const ConfigNode& node, TopologyDraft& draft) {
  LinksTopology& links = draft.topology.links;
  static const std::vector<Field<LinksTopology>> kFields = links_fields();
  Result<void> read = read_table(place.file_name, "[links]", node, kFields, links);
  if (!read.ok()) return read;
  if (links.timeout_ms <= 2 * std::uint64_t{links.heartbeat_ms}) {
    return config_error(place.file_name, node.position,
                        "[links] timeout_ms is " + std::to_string(links.timeout_ms) +
                            ", not more than two heartbeats of " + std::to_string(links.heartbeat_ms) + " ms");
  }
  return {};
}

Result<void> read_model(const FieldPlace& place, const ConfigNode& node, TopologyDraft& draft) {
  static const std::vector<Field<ModelTopology>> kFields = model_fields();
  Result<void> read = read_table(place.file_name, "[model]", node, kFields, draft.topology.model);
  if (!read.ok()) return read;
  for (const ConfigEntry& entry : *node.get<ConfigNode::Table>()) {
    if (entry.key == "path") draft.model_path_at = entry.value.position;
  }
  return {};
}

std::vector<Field<MockCosts>> mock_fields() {
  constexpr std::uint32_t kStepUsMax = 60'000'000;
  return {whole_number("step_us", &MockCosts::step_us, 0, kStepUsMax),
          whole_number("token_us", &MockCosts::token_us, 0, kStepUsMax)};
}

Result<void> read_mock(const FieldPlace& place, const ConfigNode& node, TopologyDraft& draft) {
  draft.mock_at = node.position;
  return read_table(place.file_name, "[mock]", node, mock_fields(), draft.topology.mock);
}

Result<void> read_router(const FieldPlace& place, const ConfigNode& node, TopologyDraft& draft) {
  Result<void> read = read_table(place.file_name, "[router]", node, router_fields(), draft.topology.router);
  return read.ok() ? check_router(place.file_name, node.position, draft.topology.router) : read;
}

// A table whose fields fill one member of the Topology.
template <class Inner>
Field<TopologyDraft> part(std::string_view key, std::string_view name, Inner Topology::*member,
                          std::vector<Field<Inner>> fields) {
  return {key, [=, fields = std::move(fields)](const FieldPlace& place, const ConfigNode& node, TopologyDraft& draft) {
            return read_table(place.file_name, name, node, fields, draft.topology.*member);
          }};
}

std::vector<Field<TopologyDraft>> topology_fields() {
  using D = TopologyDraft;
  return {Field<D>{"model", read_model}.required(),
          Field<D>{"mock", read_mock},
          part("ingress", "[ingress]", &Topology::ingress, ingress_fields()),
          part("batcher", "[batcher]", &Topology::batcher, batcher_fields()),
          Field<D>{"stage", [](const FieldPlace& place, const ConfigNode& node,
                               D& draft) { return read_stages(place, node, draft.stages); }},
          Field<D>{"replica",
                   [](const FieldPlace& place, const ConfigNode& node, D& draft) {
                     return read_replicas(place, node, {read_stages, mock_fields}, draft.replicas);
                   }},
          Field<D>{"copies", [](const FieldPlace& place, const ConfigNode& node,
                                D& draft) { return read_copies(place, node, draft.replicas); }},
          Field<D>{"router", read_router},
          part("kernels", "[kernels]", &Topology::kernels, kernels_fields()),
          Field<D>{"links", read_links},
          part("supervisor", "[supervisor]", &Topology::supervisor, supervisor_fields()),
          part("metrics", "[metrics]", &Topology::metrics, metrics_fields()),
          table("tokenizer", "[tokenizer]", &D::tokenizer, service_fields()),
          table("responder", "[responder]", &D::responder, service_fields()),
          part("record", "[record]", &Topology::record, record_fields()),
          part("security", "[security]", &Topology::security, security_fields())};
}

// ---- checks across stages -------------------------------------------------------------------------------------------

Result<void> check_layer_cover(std::string_view file_name, const std::vector<StageDraft>& stages) {
  std::uint32_t next_layer = 0;
  for (std::size_t i = 0; i < stages.size(); ++i) {
    const StageTopology& stage = stages[i].stage;
    const std::string what =
        "stage " + std::to_string(i) + " has layers " + layers_to_string(stage.first_layer, stage.num_layers);
    if (stage.first_layer > next_layer) {
      return config_error(
          file_name, stages[i].layers_at,
          what + ", but no stage before it has layers " + layers_to_string(next_layer, stage.first_layer - next_layer));
    }
    if (stage.first_layer < next_layer) {
      return config_error(file_name, stages[i].layers_at,
                          what + ", but layer " + std::to_string(stage.first_layer) +
                              " is in an earlier stage: the next layer is " + std::to_string(next_layer));
    }
    next_layer += stage.num_layers;
  }
  return {};
}

// A name means one process: it is either spawned by the head or starts by itself.
Result<void> check_hosts(std::string_view file_name, const std::vector<StageDraft>& stages) {
  std::map<std::string, Host::Kind> kinds;
  for (const StageDraft& draft : stages) {
    for (const RankPlace& rank : draft.stage.ranks) {
      if (rank.host.name.empty() || kinds.emplace(rank.host.name, rank.host.kind).first->second == rank.host.kind)
        continue;
      return config_error(
          file_name, draft.ranks_at,
          "the worker " + in_quotes(rank.host.name) + " is spawned for one stage and waited for by another");
    }
  }
  return {};
}

Result<void> check_mock(std::string_view file_name, const TopologyDraft& draft) {
  std::optional<Position> mock_at = draft.mock_at;
  for (const ReplicaDraft& replica : draft.replicas.replicas) {
    if (!mock_at) mock_at = replica.mock_at;
  }
  if (!mock_at || draft.topology.model.weights == WeightsKind::kMock) return {};
  return config_error(file_name, *mock_at,
                      "[mock] says what steps of a mock cost, but [model] weights is " +
                          in_quotes(to_string(draft.topology.model.weights)) + ", not 'mock'");
}

// One pipeline's stages: those of the file, or of one replica.
Result<void> check_stages(std::string_view file_name, const std::vector<StageDraft>& stages) {
  Result<void> covered = check_layer_cover(file_name, stages);
  return covered.ok() ? check_hosts(file_name, stages) : covered;
}

std::vector<StageTopology> stages_of(std::vector<StageDraft> drafts) {
  std::vector<StageTopology> stages;
  for (StageDraft& draft : drafts) stages.push_back(std::move(draft.stage));
  return stages;
}

Result<TopologyDraft> parse_draft(std::string_view toml, std::string_view file_name, Overrides overrides) {
  Result<ConfigNode> document = read_config_document(toml, file_name);
  if (!document.ok()) return document.error();
  for (std::size_t i = 0; i < overrides.size(); ++i) {
    Result<void> applied = apply_override(file_name, overrides[i], static_cast<std::uint32_t>(i + 1), *document);
    if (!applied.ok()) return applied.error();
  }

  static const std::vector<Field<TopologyDraft>> kFields = topology_fields();
  TopologyDraft draft;
  for (const Result<void>& check :
       {read_table(file_name, "", *document, kFields, draft), check_stages(file_name, draft.stages),
        check_mock(file_name, draft), check_replicas(file_name, draft.stages, draft.replicas)}) {
    if (!check.ok()) return check.error();
  }
  for (ReplicaDraft& replica : draft.replicas.replicas) {
    if (Result<void> check = check_stages(file_name, replica.stages); !check.ok()) return check.error();
    draft.topology.replicas.push_back({stages_of(std::move(replica.stages)), replica.weight,
                                       replica.mock_at ? std::optional(replica.mock) : std::nullopt});
  }
  draft.topology.stages = stages_of(std::move(draft.stages));
  draft.topology.copies = draft.replicas.copies;
  return draft;
}

Result<std::string> read_file(const std::filesystem::path& path) {
  std::error_code ignored;  // A file that cannot be asked for its kind cannot be opened either.
  std::ifstream file(path, std::ios::binary);
  if (!file || !std::filesystem::is_regular_file(path, ignored)) {
    return Error{ErrorCode::kNotFound, "cannot read the topology file " + in_quotes(path.string())};
  }
  std::string content(kTopologyFileBytesMax + 1, '\0');
  file.read(content.data(), static_cast<std::streamsize>(content.size()));
  content.resize(static_cast<std::size_t>(file.gcount()));
  return content;
}

}  // namespace

Result<Topology> parse_topology(std::string_view toml, std::string_view file_name, Overrides overrides) {
  Result<TopologyDraft> draft = parse_draft(toml, file_name, overrides);
  if (!draft.ok()) return std::move(draft).error();
  return std::move(draft->topology);
}

Result<Topology> load_topology(const std::filesystem::path& path, Overrides overrides) {
  const Result<std::string> content = read_file(path);
  if (!content.ok()) return content.error();
  Result<TopologyDraft> draft = parse_draft(*content, path.string(), overrides);
  if (!draft.ok()) return std::move(draft).error();
  resolve_paths(path.parent_path(), draft->topology.security);

  const std::filesystem::path written = draft->topology.model.path;
  // An absolute path stays what it is when appended to a folder.
  for (const std::filesystem::path& candidate : {path.parent_path() / written, written}) {
    std::error_code ignored;  // Not being able to look is as good as not being there.
    if (!std::filesystem::is_directory(candidate, ignored)) continue;
    draft->topology.model.path = candidate.lexically_normal().string();
    return std::move(draft->topology);
  }
  return config_error(path.string(), draft->model_path_at,
                      "[model] path " + in_quotes(written.string()) +
                          " is no directory, neither beside this file nor in the current directory");
}

}  // namespace sluice::topology

#include "pipeline/topology/topology_parser.h"

#include <fstream>
#include <optional>
#include <string>
#include <utility>

#include "pipeline/topology/config_document.h"
#include "pipeline/topology/config_fields.h"
#include "pipeline/topology/config_override.h"
#include "pipeline/topology/engine_sections.h"
#include "pipeline/topology/record_section.h"
#include "pipeline/topology/replica_sections.h"
#include "pipeline/topology/security_section.h"

namespace sluice::topology {
namespace {

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

// A table whose fields fill one member of the Topology.
template <class Inner>
Field<TopologyDraft> part(std::string_view key, std::string_view name, Inner Topology::*member,
                          std::vector<Field<Inner>> fields) {
  TableShape shape{std::string(name), shapes_of(fields)};
  const auto read = [=, fields = std::move(fields)](const FieldPlace& place, const ConfigNode& node,
                                                    TopologyDraft& draft) {
    return read_table(place.file_name, name, node, fields, draft.topology.*member);
  };
  return {key, read, std::move(shape)};
}

// A field of the ReplicasDraft, of which `note` is told where it stands.
Field<TopologyDraft> of_replicas(Field<ReplicasDraft> field, void (*note)(ReplicasDraft&, Position)) {
  const auto read = [=, read = std::move(field.read)](const FieldPlace& place, const ConfigNode& node,
                                                      TopologyDraft& draft) {
    note(draft.replicas, node.position);
    return read(place, node, draft.replicas);
  };
  return {field.key, read, std::move(field.shape), std::move(field.default_value), field.meaning};
}

Result<void> note_model_path(const FieldPlace&, const ConfigNode& node, TopologyDraft& draft) {
  for (const ConfigEntry& entry : *node.get<ConfigNode::Table>()) {
    if (entry.key == "path") draft.model_path_at = entry.value.position;
  }
  return {};
}

Result<void> note_mock(const FieldPlace&, const ConfigNode& node, TopologyDraft& draft) {
  draft.mock_at = node.position;
  return {};
}

std::vector<Field<TopologyDraft>> topology_fields() {
  using D = TopologyDraft;
  const auto links_agree = [](const FieldPlace& place, const ConfigNode& node, const D& draft) {
    return check_links(place, node, draft.topology.links);
  };
  const auto router_chooses = [](const FieldPlace& place, const ConfigNode& node, const D& draft) {
    return check_router(place, node, draft.topology.router);
  };
  return {
      checked(part("model", "[model]", &Topology::model, model_fields()), note_model_path).required(),
      checked(part("mock", "[mock]", &Topology::mock, mock_fields()), note_mock),
      part("ingress", "[ingress]", &Topology::ingress, ingress_fields()),
      part("batcher", "[batcher]", &Topology::batcher, batcher_fields()),
      table_list("stage", "[[stage]]", &D::stages, kStagesMax, stage_fields()),
      of_replicas(table_list("replica", "[[replica]]", &ReplicasDraft::replicas, kReplicasMax, replica_fields())
                      .about("In place of `[[stage]]`: replicas that differ."),
                  [](ReplicasDraft& replicas, Position at) { replicas.replicas_at = at; }),
      of_replicas(whole_number("copies", &ReplicasDraft::copies, 1, kReplicasMax)
                      .about("Replicas of the `[[stage]]`s, each with a batcher and a KV cache of its own. Stages are "
                             "numbered through all replicas. `spawn` and `spawn:NAME` are processes of their own in "
                             "each; a worker's name can be in one only."),
                  [](ReplicasDraft& replicas, Position at) { replicas.copies_at = at; }),
      checked(part("router", "[router]", &Topology::router, router_fields()), router_chooses),
      part("kernels", "[kernels]", &Topology::kernels, kernels_fields()),
      checked(part("links", "[links]", &Topology::links, links_fields()), links_agree),
      part("supervisor", "[supervisor]", &Topology::supervisor, supervisor_fields()),
      part("metrics", "[metrics]", &Topology::metrics, metrics_fields()),
      part("record", "[record]", &Topology::record, record_fields()),
      part("security", "[security]", &Topology::security, security_fields()),
      table("tokenizer", "[tokenizer]", &D::tokenizer, service_fields()),
      table("responder", "[responder]", &D::responder, service_fields())};
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

TableShape topology_shape() {
  return {"", shapes_of(topology_fields())};
}

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

#include "pipeline/topology/stage_section.h"

#include <map>
#include <string>
#include <utility>

#include "pipeline/topology/config_fields.h"
#include "pipeline/topology/value_syntax.h"

namespace sluice::topology {
namespace {

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
          file_name, draft.ranks_at == Position{} ? draft.at : draft.ranks_at,
          "the worker " + in_quotes(rank.host.name) + " is spawned for one stage and waited for by another");
    }
  }
  return {};
}

}  // namespace

std::vector<Field<StageDraft>> stage_fields() {
  const auto read_threads = [](const FieldPlace& place, const ConfigNode& node, StageDraft& draft) {
    return whole_number("threads", &StageTopology::threads, 1, 1024).read(place, node, draft.stage);
  };
  return {
      Field<StageDraft>{"layers", read_layers, TextShape{"[0-9]{1,4}(-[0-9]{1,4})?"}}.required().about(
          "`\"0-2\"` or `\"3\"`; the stages cover all layers once, in order."),
      Field<StageDraft>{"ranks", read_ranks, TextListShape{"(head|any|spawn(:[a-z0-9-]{1,64})?|[a-z0-9-]{1,64})/cpu:0"},
                        "[\"" + to_string(RankPlace{}) + "\"]"}
          .about("`HOST/DEVICE` of each; several are tensor parallel, and must divide the heads "
                 "and the inner sizes. A host is `head`, `spawn`, `spawn:NAME` (stages of one name share a "
                 "process), the name of a worker, or `any`: whichever worker comes that no stage names."),
      Field<StageDraft>{"threads", read_threads, WholeNumberShape{1, 1024}, "1"}.about(
          "Compute threads of each rank.")};
}

Result<void> check_stages(std::string_view file_name, const std::vector<StageDraft>& stages) {
  Result<void> covered = check_layer_cover(file_name, stages);
  return covered.ok() ? check_hosts(file_name, stages) : covered;
}

std::vector<StageTopology> stages_of(std::vector<StageDraft> drafts) {
  std::vector<StageTopology> stages;
  for (StageDraft& draft : drafts) stages.push_back(std::move(draft.stage));
  return stages;
}

}  // namespace sluice::topology

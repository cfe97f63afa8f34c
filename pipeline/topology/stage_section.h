// [[stage]]: which layers run where.
//
// Errors:  kInvalidConfig with file, line and column.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "pipeline/topology/config_schema.h"
#include "pipeline/topology/topology.h"

namespace sluice::topology {

inline constexpr std::size_t kStagesMax = 256;

// On its way to a Topology, with the places that checks across stages have to point at.
struct StageDraft {
  StageTopology stage = {.ranks = {RankPlace{}}};
  Position at;
  Position layers_at;
  Position ranks_at;  // `at`, where no ranks are written.
};

std::vector<Field<StageDraft>> stage_fields();

// One pipeline's: layers without gap or overlap, and each name of a worker means one process.
Result<void> check_stages(std::string_view file_name, const std::vector<StageDraft>& stages);

std::vector<StageTopology> stages_of(std::vector<StageDraft> drafts);

}  // namespace sluice::topology

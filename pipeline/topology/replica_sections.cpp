#include "pipeline/topology/replica_sections.h"

#include "pipeline/topology/config_fields.h"
#include "pipeline/topology/engine_sections.h"

namespace sluice::topology {
namespace {

constexpr std::uint32_t kWeightMax = 1000;

}  // namespace

std::vector<Field<ReplicaDraft>> replica_fields() {
  using R = ReplicaDraft;
  return {table_list("stage", "[[replica.stage]]", &R::stages, kStagesMax, stage_fields())
              .required()
              .about("Its stages: the keys of `[[stage]]`."),
          whole_number("weight", &R::weight, 1, kWeightMax)
              .about("It takes so many times the load of a replica of weight 1."),
          checked(table("mock", "[replica.mock]", &R::mock, mock_fields()),
                  [](const FieldPlace&, const ConfigNode& node, R& replica) -> Result<void> {
                    replica.mock_at = node.position;
                    return {};
                  })
              .about("The keys of `[mock]`, in place of that for its stages.")};
}

std::vector<Field<RouterTopology>> router_fields() {
  using R = RouterTopology;
  return {choice<R, RoutePolicy>("policy", &R::policy,
                                 {{to_string(RoutePolicy::kRoundRobin), RoutePolicy::kRoundRobin},
                                  {to_string(RoutePolicy::kLeastLoaded), RoutePolicy::kLeastLoaded},
                                  {to_string(RoutePolicy::kPrefixAffinity), RoutePolicy::kPrefixAffinity}})
              .about("Where a request goes, if there are several replicas. `\"prefix_affinity\"`: where most of its "
                     "prompt has been computed, unless that is overloaded; else least loaded."),
          real_number("alpha", &R::alpha, 0, 1000)
              .about("A replica's load is `alpha` times its recent latency plus `beta` times its queue, each as a "
                     "share of the largest."),
          real_number("beta", &R::beta, 0, 1000).about("See `alpha`."),
          whole_number("overload_sequences", &R::overload_sequences, 0, 1u << 20)
              .about("Sequences at a replica, for each unit of weight, from which on affinity yields. 0: "
                     "`max_sequences`.")};
}

Result<void> check_router(const FieldPlace& place, const ConfigNode& node, const RouterTopology& router) {
  if (router.alpha > 0 || router.beta > 0) return {};
  return config_error(place.file_name, node.position,
                      "[router] alpha and beta are both 0: every load would be the same");
}

Result<void> check_replicas(std::string_view file_name, const std::vector<StageDraft>& stages,
                            const ReplicasDraft& draft) {
  if (draft.replicas.empty()) {
    return stages.empty() ? Result<void>(config_error(file_name, {}, "the file has no [[stage]]")) : Result<void>();
  }
  if (!stages.empty()) {
    return config_error(file_name, draft.replicas_at,
                        "the file has [[stage]] and [[replica]]: stages of replicas "
                        "are [[replica.stage]]");
  }
  if (draft.copies_at) {
    return config_error(file_name, *draft.copies_at,
                        "'copies' is how many replicas of the [[stage]]s there are, but "
                        "the file has [[replica]]");
  }
  for (const ReplicaDraft& replica : draft.replicas) {
    if (replica.stages.empty()) return config_error(file_name, replica.at, "[[replica]] has no stage");
    if (Result<void> check = check_stages(file_name, replica.stages); !check.ok()) return check;
  }
  return {};
}

}  // namespace sluice::topology

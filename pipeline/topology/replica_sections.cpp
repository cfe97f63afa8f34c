#include "pipeline/topology/replica_sections.h"

#include <string>
#include <utility>

namespace sluice::topology {
namespace {

constexpr std::uint32_t kWeightMax = 1000;

// A number of [min, max], whole or not.
template <class Section>
Field<Section> real_number(std::string_view key, double Section::*member, double min, double max) {
  return {key, [=](const FieldPlace& place, const ConfigNode& node, Section& section) -> Result<void> {
            const auto* whole = node.get<std::int64_t>();
            const auto* real = node.get<double>();
            if (whole == nullptr && real == nullptr) return place.wrong_type(node, "a number");
            const double value = real != nullptr ? *real : static_cast<double>(*whole);
            if (value >= min && value <= max) {  // Not so if it is none.
              section.*member = value;
              return {};
            }
            return place.error(node.position,
                               "is out of range, allowed are " + std::to_string(min) + " to " + std::to_string(max));
          }};
}

std::vector<Field<ReplicaDraft>> replica_fields(const SectionReaders& readers) {
  const auto read_stages = [=](const FieldPlace& place, const ConfigNode& node, ReplicaDraft& replica) {
    return readers.stages(place, node, replica.stages);
  };
  const auto read_mock = [fields = readers.mock_fields()](const FieldPlace& place, const ConfigNode& node,
                                                          ReplicaDraft& replica) {
    replica.mock_at = node.position;
    return read_table(place.file_name, "[replica.mock]", node, fields, replica.mock);
  };
  return {Field<ReplicaDraft>{"stage", read_stages}.required(),
          whole_number("weight", &ReplicaDraft::weight, 1, kWeightMax), Field<ReplicaDraft>{"mock", read_mock}};
}

}  // namespace

Result<void> read_replicas(const FieldPlace& place, const ConfigNode& node, const SectionReaders& readers,
                           ReplicasDraft& draft) {
  const auto* list = node.get<ConfigNode::Array>();
  if (list == nullptr) return place.error(node.position, "takes a list of tables: write [[replica]]");
  if (list->size() > kReplicasMax) {
    return place.error(node.position,
                       "has " + std::to_string(list->size()) + " replicas, limit " + std::to_string(kReplicasMax));
  }
  draft.replicas_at = node.position;
  const std::vector<Field<ReplicaDraft>> fields = replica_fields(readers);
  for (const ConfigNode& element : *list) {
    ReplicaDraft replica;
    Result<void> read = read_table(place.file_name, "[[replica]]", element, fields, replica);
    if (!read.ok()) return read;
    if (replica.stages.empty()) return config_error(place.file_name, element.position, "[[replica]] has no stage");
    draft.replicas.push_back(std::move(replica));
  }
  return {};
}

Result<void> read_copies(const FieldPlace& place, const ConfigNode& node, ReplicasDraft& draft) {
  draft.copies_at = node.position;
  return whole_number("copies", &ReplicasDraft::copies, 1, kReplicasMax).read(place, node, draft);
}

std::vector<Field<RouterTopology>> router_fields() {
  using R = RouterTopology;
  return {choice<R, RoutePolicy>("policy", &R::policy,
                                 {{to_string(RoutePolicy::kRoundRobin), RoutePolicy::kRoundRobin},
                                  {to_string(RoutePolicy::kLeastLoaded), RoutePolicy::kLeastLoaded},
                                  {to_string(RoutePolicy::kPrefixAffinity), RoutePolicy::kPrefixAffinity}}),
          real_number("alpha", &R::alpha, 0, 1000), real_number("beta", &R::beta, 0, 1000),
          whole_number("overload_sequences", &R::overload_sequences, 0, 1u << 20)};
}

Result<void> check_router(std::string_view file_name, Position position, const RouterTopology& router) {
  if (router.alpha > 0 || router.beta > 0) return {};
  return config_error(file_name, position, "[router] alpha and beta are both 0: every load would be the same");
}

Result<void> check_replicas(std::string_view file_name, const std::vector<StageDraft>& stages,
                            const ReplicasDraft& draft) {
  if (draft.replicas.empty()) {
    return stages.empty() ? Result<void>(config_error(file_name, {}, "the file has no [[stage]]")) : Result<void>();
  }
  if (!stages.empty()) {
    return config_error(file_name, *draft.replicas_at,
                        "the file has [[stage]] and [[replica]]: stages of replicas "
                        "are [[replica.stage]]");
  }
  if (!draft.copies_at) return {};
  return config_error(file_name, *draft.copies_at,
                      "'copies' is how many replicas of the [[stage]]s there are, but "
                      "the file has [[replica]]");
}

}  // namespace sluice::topology

#include "pipeline/topology/record_section.h"

#include <string>
#include <string_view>

#include "pipeline/topology/value_syntax.h"

namespace sluice::topology {
namespace {

Result<void> read_links(const FieldPlace& place, const ConfigNode& node, RecordTopology& record) {
  const auto* list = node.get<ConfigNode::Array>();
  if (list == nullptr) return place.wrong_type(node, "a list such as [\"ingress\", \"responses\"]");
  if (list->empty()) return place.error(node.position, "is empty: leave out [record] to record nothing");
  record.ingress = record.responses = false;
  for (const ConfigNode& element : *list) {
    const auto* name = element.get<std::string>();
    if (name == nullptr) return place.wrong_type(element, "strings");
    if (*name == "ingress") {
      record.ingress = true;
    } else if (*name == "responses") {
      record.responses = true;
    } else {
      const std::vector<std::string_view> names = {"ingress", "responses"};
      return place.error(element.position, "has the unknown link " + in_quotes(*name) + "; the nearest known one is " +
                                               in_quotes(nearest_name(*name, names)));
    }
  }
  return {};
}

}  // namespace

std::vector<Field<RecordTopology>> record_fields() {
  using R = RecordTopology;
  return {text("path", &R::path, path_complaint).required(), Field<R>{"links", read_links},
          size_in_bytes("file_bytes_max", &R::file_bytes_max, 64u << 10, std::uint64_t{1} << 50)};
}

}  // namespace sluice::topology

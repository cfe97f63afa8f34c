#include "pipeline/topology/security_section.h"

#include <string>
#include <utility>

#include "pipeline/topology/config_fields.h"
#include "pipeline/topology/value_syntax.h"

namespace sluice::topology {
namespace {

constexpr std::string_view kAll = "all";

// "all", or a list of names.
Field<SecurityTopology> links_field() {
  using S = SecurityTopology;
  Field<S> field = flags<S>("links", {{"ingress", &S::ingress}, {"control", &S::control}, {"stages", &S::stages}},
                            "leave [security] out to encrypt nothing");
  std::get<TextListShape>(field.shape).in_place_of_list = kAll;
  field.read = [read_list = std::move(field.read)](const FieldPlace& place, const ConfigNode& node,
                                                   S& security) -> Result<void> {
    if (const auto* text = node.get<std::string>(); text != nullptr && *text == kAll) {
      security.local = true;
      return {};
    }
    if (node.get<ConfigNode::Array>() == nullptr) {
      return place.wrong_type(node, "\"all\" or a list such as [\"ingress\", \"control\"]");
    }
    if (Result<void> read = read_list(place, node, security); !read.ok()) return read;
    if (!security.stages || security.control) return {};
    return place.error(node.position, "has 'stages' without 'control', over which the keys of stages travel");
  };
  return field;
}

}  // namespace

std::vector<Field<SecurityTopology>> security_fields() {
  using S = SecurityTopology;
  return {text("key", &S::key, path_complaint)
              .required()
              .about("File of the head's secret key (`sluice keygen head`), relative to this file. Without the table "
                     "nothing is encrypted."),
          text("allow", &S::allow, path_complaint)
              .required()
              .about("File of the keys that may connect; read at every connection."),
          links_field().about("What is encrypted: clients, workers that register, data between hosts; `\"all\"`: also "
                              "what stays on this machine.")};
}

void resolve_paths(const std::filesystem::path& folder, SecurityTopology& security) {
  for (std::string* path : {&security.key, &security.allow}) {
    // An absolute path stays what it is when appended to a folder.
    if (!path->empty()) *path = (folder / *path).lexically_normal().string();
  }
}

}  // namespace sluice::topology

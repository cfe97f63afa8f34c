#include "pipeline/topology/security_section.h"

#include "pipeline/topology/value_syntax.h"

namespace sluice::topology {
namespace {

struct NamedLinks {
  std::string_view name;
  bool SecurityTopology::*member;
};
constexpr NamedLinks kNamedLinks[] = {{"ingress", &SecurityTopology::ingress},
                                      {"control", &SecurityTopology::control},
                                      {"stages", &SecurityTopology::stages}};

Result<void> read_link_name(const FieldPlace& place, const ConfigNode& node, SecurityTopology& security) {
  const auto* name = node.get<std::string>();
  if (name == nullptr) return place.wrong_type(node, "strings");
  std::vector<std::string_view> names;
  for (const NamedLinks& known : kNamedLinks) {
    names.push_back(known.name);
    if (known.name != *name) continue;
    security.*known.member = true;
    return {};
  }
  return place.error(node.position, "has the unknown value " + in_quotes(*name) + "; the nearest known one is " +
                                        in_quotes(nearest_name(*name, names)));
}

// "all", or a list of names.
Result<void> read_links(const FieldPlace& place, const ConfigNode& node, SecurityTopology& security) {
  if (const auto* text = node.get<std::string>(); text != nullptr && *text == "all") {
    security.local = true;
    return {};
  }
  const auto* list = node.get<ConfigNode::Array>();
  if (list == nullptr) return place.wrong_type(node, "\"all\" or a list such as [\"ingress\", \"control\"]");
  if (list->empty()) return place.error(node.position, "is empty: leave [security] out to encrypt nothing");
  for (const NamedLinks& known : kNamedLinks) security.*known.member = false;
  for (const ConfigNode& element : *list) {
    if (Result<void> read = read_link_name(place, element, security); !read.ok()) return read;
  }
  if (security.stages && !security.control) {
    return place.error(node.position, "has 'stages' without 'control', over which the keys of stages travel");
  }
  return {};
}

}  // namespace

std::vector<Field<SecurityTopology>> security_fields() {
  using S = SecurityTopology;
  return {text("key", &S::key, path_complaint).required(), text("allow", &S::allow, path_complaint).required(),
          Field<S>{"links", read_links}};
}

void resolve_paths(const std::filesystem::path& folder, SecurityTopology& security) {
  for (std::string* path : {&security.key, &security.allow}) {
    // An absolute path stays what it is when appended to a folder.
    if (!path->empty()) *path = (folder / *path).lexically_normal().string();
  }
}

}  // namespace sluice::topology

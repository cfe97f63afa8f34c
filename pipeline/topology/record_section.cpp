#include "pipeline/topology/record_section.h"

#include "pipeline/topology/config_fields.h"
#include "pipeline/topology/value_syntax.h"

namespace sluice::topology {

std::vector<Field<RecordTopology>> record_fields() {
  using R = RecordTopology;
  return {
      text("path", &R::path, path_complaint)
          .required()
          .about("Records what clients send and get: a file that does not exist yet, or a folder that gets a new "
                 "one at each start; relative to the current directory."),
      flags<R>("links", {{"ingress", &R::ingress}, {"responses", &R::responses}},
               "leave out [record] to record nothing")
          .about("`\"ingress\"`: from clients; `\"responses\"`: to them. A replay takes the first, comparing both."),
      size_in_bytes("file_bytes_max", &R::file_bytes_max, 64u << 10, std::uint64_t{1} << 50)
          .about("Where the file would become larger, messages are missing in it.")};
}

}  // namespace sluice::topology

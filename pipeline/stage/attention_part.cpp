#include "pipeline/stage/attention_part.h"

#include "pipeline/stage/grouped_query_part.h"
#include "pipeline/stage/latent_part.h"

namespace sluice {

Result<std::unique_ptr<AttentionPart>> AttentionPart::make(const ModelConfig& config, const DecoderOptions& options,
                                                           std::uint32_t num_layers) {
  if (config.attention.kind == AttentionKind::kLatent) return LatentPart::create(config, options, num_layers);
  return GroupedQueryPart::create(config, options, num_layers);
}

}  // namespace sluice

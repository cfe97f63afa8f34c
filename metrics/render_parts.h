// The parts of render(), by subject. Each appends whole families; what has not been reported yet gives none.
#pragma once

#include "metrics/families.h"
#include "metrics/snapshot.h"

namespace sluice::metrics {

// {replica="1"} where there are several.
Labels replica_labels(const EngineFacts& facts, std::uint32_t replica);

void render_ingress(const IngressSnapshot& ingress, const EngineFacts& facts, Families& out);
void render_tokenizer(const TokenizerSnapshot& tokenizer, Families& out);
void render_router(const RouterSnapshot& router, Families& out);
void render_batchers(const EngineSnapshot& snapshot, Families& out);
void render_responder(const ResponderSnapshot& responder, Families& out);
void render_stages(const EngineSnapshot& snapshot, Families& out);
void render_security(const EngineSnapshot& snapshot, Families& out);
void render_links(const EngineSnapshot& snapshot, Families& out);

}  // namespace sluice::metrics

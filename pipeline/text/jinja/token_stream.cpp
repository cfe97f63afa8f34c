#include "pipeline/text/jinja/token_stream.h"

#include "pipeline/text/jinja/limits.h"

namespace sluice::jinja {

TokenStream::Level::Level(TokenStream& stream) : stream_(stream) {
  if (++stream_.depth_ <= kSyntaxDepthMax) return;
  stream_.fail("is nested more than " + std::to_string(kSyntaxDepthMax) + " levels deep");
}

std::string TokenStream::description(const Token& token) {
  switch (token.kind) {
    case TokenKind::kText: return "text";
    case TokenKind::kBlockBegin: return "'{%'";
    case TokenKind::kBlockEnd: return "'%}'";
    case TokenKind::kOutputBegin: return "'{{'";
    case TokenKind::kOutputEnd: return "'}}'";
    case TokenKind::kString: return "a string";
    case TokenKind::kEnd: return "the end of the template";
    default: return "'" + token.text.substr(0, 64) + "'";
  }
}

}  // namespace sluice::jinja

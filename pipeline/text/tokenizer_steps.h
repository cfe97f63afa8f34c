// The parts of tokenizer.json that are lists of typed steps: normalizer, pre_tokenizer, post_processor, decoder; and
// how such a list is read. Each part has a file of its own, read_*.cpp.
// Private to this folder's .cpp files. Errors: kModelLoadFailed, naming the part and the type that is not supported.
#pragma once

#include <string>
#include <vector>

#include "base/error.h"
#include "pipeline/text/json_reading.h"
#include "pipeline/text/tokenizer_parts.h"

namespace sluice {

// `json` is the whole tokenizer.json; an absent part means none.
Result<Normalizer> read_normalizer(const json_reading::Json& json, std::string_view name);
Result<PostProcessor> read_post_processor(const json_reading::Json& json, const Vocabulary& vocabulary,
                                          std::string_view name);
Result<TokenDecoder> read_decoder(const json_reading::Json& json, std::string_view name);

struct PreTokenizing {
  PreTokenizer pre_tokenizer;
  bool is_byte_level = false;  // Ends with ByteLevel: the pieces are bytes.
};
Result<PreTokenizing> read_pre_tokenizer(const json_reading::Json& json, std::string_view name);

// Of a Metaspace, of pre_tokenizer or decoder: the character that it writes for a space, and where it puts one more.
Result<std::string> read_metaspace_replacement(const json_reading::Json& json, const std::string& where);
Result<PrependScheme> read_prepend_scheme(const json_reading::Json& json, const std::string& where);

namespace tokenizer_steps {

inline constexpr std::size_t kStepsMax = 32;
inline constexpr std::size_t kStepTextBytesMax = 256;  // Of a prefix, or what is put in place of something.

struct Step {
  std::string type;
  const json_reading::Json* json = nullptr;
};

// A part as a flat list of its steps; `list_key` is what a "Sequence" keeps its steps under.
Result<std::vector<Step>> steps_of(const json_reading::Json& json, const char* part, const char* list_key,
                                   const std::string& where);

Error unsupported(const std::string& where, const std::string& type);

// A step's text: not empty, at most kStepTextBytesMax.
Result<std::string> step_text(const json_reading::Json& step, const char* key, const std::string& where);

// A step's "pattern": {"Regex": ...} or {"String": ...}.
Result<Regex> step_pattern(const json_reading::Json& step, const std::string& where);

}  // namespace tokenizer_steps
}  // namespace sluice

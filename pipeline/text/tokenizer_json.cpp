#include "pipeline/text/tokenizer_json.h"

#include <utility>
#include <vector>

#include "pipeline/text/json_reading.h"
#include "pipeline/text/tokenizer_file.h"
#include "pipeline/text/tokenizer_steps.h"

namespace sluice {
namespace {

using json_reading::Json;
using json_reading::malformed;

constexpr std::size_t kAddedTokenBytesMax = 1024;

// What is neither absent, null nor `neutral` would change the encoding in a way that we do not know.
Result<void> check_neutral(const Json& model, const char* key, const Json& neutral, const std::string& where) {
  const Json* value = json_reading::find(model, key);
  if (value == nullptr || *value == neutral) return {};
  return malformed(where, "has a " + in_quotes(key) + ", which is not supported");
}

Result<BpeOptions> read_model(const Json& model, const std::string& where) {
  const auto keys =
      json_reading::check_keys(model, where,
                               {"type", "dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix",
                                "fuse_unk", "byte_fallback", "ignore_merges", "vocab", "merges"});
  if (!keys) return keys.error();
  if (json_reading::find(model, "type") != nullptr) {
    const auto type = json_reading::string_at(model, "type", where);
    if (!type) return type.error();
    if (*type != "BPE") return malformed(where, "has the type " + in_quotes(*type) + ", which is not supported");
  }
  if (auto dropout = check_neutral(model, "dropout", 0.0, where); !dropout) return dropout.error();
  if (auto prefix = check_neutral(model, "continuing_subword_prefix", "", where); !prefix) return prefix.error();
  if (auto suffix = check_neutral(model, "end_of_word_suffix", "", where); !suffix) return suffix.error();
  const Json* vocab = json_reading::find(model, "vocab");
  if (vocab == nullptr || !vocab->is_object()) return malformed(where, "has no object \"vocab\"");
  const Json* merges = json_reading::find(model, "merges");
  if (merges == nullptr || !merges->is_array()) return malformed(where, "has no list \"merges\"");

  BpeOptions options;
  const auto ignore_merges = json_reading::bool_or(model, "ignore_merges", false, where);
  const auto byte_fallback = json_reading::bool_or(model, "byte_fallback", false, where);
  const auto fuse_unk = json_reading::bool_or(model, "fuse_unk", false, where);
  for (const auto* flag : {&ignore_merges, &byte_fallback, &fuse_unk}) {
    if (!*flag) return flag->error();
  }
  options.ignore_merges = *ignore_merges;
  options.has_byte_fallback = *byte_fallback;
  options.fuses_unknown = *fuse_unk;
  if (json_reading::find(model, "unk_token") == nullptr) return options;
  auto unknown = json_reading::string_at(model, "unk_token", where);
  if (!unknown) return unknown.error();
  options.unknown_token = std::move(*unknown);
  return options;
}

Result<void> read_added_token(const Json& json, const std::string& where, TokenizerParts& parts) {
  const auto keys = json_reading::check_keys(
      json, where, {"id", "content", "single_word", "lstrip", "rstrip", "normalized", "special"});
  if (!keys) return keys;
  auto content = json_reading::string_at(json, "content", where);
  if (!content) return content.error();
  if (content->empty() || content->size() > kAddedTokenBytesMax) {
    return malformed(where, "has a content of " + std::to_string(content->size()) + " bytes, not 1 to " +
                                std::to_string(kAddedTokenBytesMax));
  }
  const Json* id_value = json_reading::find(json, "id");
  const auto id = id_value == nullptr ? std::nullopt : json_reading::as_integer(*id_value);
  if (!id) return malformed(where, in_quotes(*content) + " has no integer \"id\"");

  const auto single_word = json_reading::bool_or(json, "single_word", false, where);
  const auto lstrip = json_reading::bool_or(json, "lstrip", false, where);
  const auto rstrip = json_reading::bool_or(json, "rstrip", false, where);
  const auto special = json_reading::bool_or(json, "special", false, where);
  for (const auto* flag : {&single_word, &lstrip, &rstrip, &special}) {
    if (!*flag) return flag->error();
  }
  const auto normalized = json_reading::bool_or(json, "normalized", !*special, where);
  if (!normalized) return normalized.error();

  auto added = parts.vocabulary.add(*content, *id, Vocabulary::Source::kAdded);
  if (!added) return malformed(where, added.error().message);
  const auto token_id = static_cast<TokenId>(*id);
  if (*special) parts.vocabulary.mark_special(token_id);
  AddedToken token{std::move(*content), token_id, *lstrip, *rstrip, *single_word};
  if (!*normalized) {
    parts.added_verbatim.add(std::move(token));
    return {};
  }
  RegexMatcher matcher;
  auto text = parts.normalizer.apply({token.content, {}}, matcher);
  if (!text) return malformed(where, text.error().message);
  if (text->text.empty()) return malformed(where, in_quotes(token.content) + " normalizes to nothing");
  if (text->text != token.content) parts.vocabulary.decode_as(token_id, text->text);  // As in tokenizers 0.23.
  token.content = std::move(text->text);
  parts.added_normalized.add(std::move(token));
  return {};
}

Result<void> read_added_tokens(const Json& json, std::string_view name, TokenizerParts& parts) {
  const Json* list = json_reading::find(json, "added_tokens");
  if (list == nullptr) return {};
  if (!list->is_array()) return malformed(name, "has an \"added_tokens\" that is no list");
  std::size_t i = 0;
  for (const Json& token : *list) {
    const std::string where = std::string(name) + ": added token " + std::to_string(i++);
    if (auto read = read_added_token(token, where, parts); !read) return read;
  }
  return {};
}

// A special token of tokenizer_config.json: its text, or an object with the text as "content".
Result<std::optional<TokenId>> read_config_token(const Json& config, const char* key, const Vocabulary& vocabulary,
                                                 const std::string& where) {
  const Json* value = json_reading::find(config, key);
  if (value == nullptr) return std::optional<TokenId>{};
  if (value->is_object()) value = json_reading::find(*value, "content");
  if (value == nullptr || !value->is_string()) return malformed(where, "has a " + in_quotes(key) + " without a text");
  const auto id = vocabulary.id_of(value->get_ref<const std::string&>());
  if (!id) {
    return malformed(where, "names " + in_quotes(value->get_ref<const std::string&>()) + " as " + key +
                                ", which the vocabulary lacks");
  }
  return id;
}

// Begin and end of text. The flags add_bos_token and add_eos_token do not count where there is a tokenizer.json, whose
// post_processor does (transformers 5).
Result<void> read_config(const Json& config, const std::string& where, TokenizerParts& parts) {
  const auto bos = read_config_token(config, "bos_token", parts.vocabulary, where);
  if (!bos) return bos.error();
  const auto eos = read_config_token(config, "eos_token", parts.vocabulary, where);
  if (!eos) return eos.error();
  parts.bos_id = *bos;
  parts.eos_id = *eos;
  return {};
}

// How the text of a model is read, and how its tokens: all that a tokenizer class of transformers may decide on.
struct Reading {
  BpeOptions bpe;
  PreTokenizer pre_tokenizer;
};

Result<Reading> read_reading(const Json& json, const Json& model, std::string_view name, TokenizerParts& parts) {
  auto bpe = read_model(model, std::string(name) + ": model");
  if (!bpe) return bpe.error();
  auto normalizer = read_normalizer(json, name);
  if (!normalizer) return normalizer.error();
  parts.normalizer = std::move(*normalizer);
  auto pre_tokenizing = read_pre_tokenizer(json, name);
  if (!pre_tokenizing) return pre_tokenizing.error();
  bpe->is_byte_level = pre_tokenizing->is_byte_level;
  auto decoder = read_decoder(json, name);
  if (!decoder) return decoder.error();
  parts.decoder = std::move(*decoder);
  return Reading{std::move(*bpe), std::move(pre_tokenizing->pre_tokenizer)};
}

// What transformers 5 makes of the class of Llama: vocabulary, merges, added tokens and post_processor are those of
// tokenizer.json, everything else its own.
Result<Reading> reading_of_llama_class(const Json& config, const std::string& where, TokenizerParts& parts) {
  const auto add_prefix_space = json_reading::bool_or(config, "add_prefix_space", true, where);
  if (!add_prefix_space) return add_prefix_space.error();
  const auto is_legacy = json_reading::bool_or(config, "legacy", false, where);
  if (!is_legacy) return is_legacy.error();
  const PrependScheme scheme = !*add_prefix_space ? PrependScheme::kNever
                               : *is_legacy       ? PrependScheme::kAlways
                                                  : PrependScheme::kFirst;
  constexpr const char* kMetaspace = "\u2581";
  parts.normalizer = Normalizer();
  parts.decoder = {};
  parts.decoder.replacements = {{kMetaspace, " "}};
  parts.decoder.has_byte_fallback = true;
  parts.decoder.stripped_character = " ";
  parts.decoder.stripped_count = *add_prefix_space ? 1 : 0;
  std::vector<PreTokenizerStep> steps;
  steps.push_back(MetaspaceStep{kMetaspace, scheme, /*is_split=*/false});
  return Reading{{.is_byte_level = false, .has_byte_fallback = true, .fuses_unknown = true},
                 PreTokenizer(std::move(steps))};
}

bool is_llama_class(const Json& config) {
  const Json* name = json_reading::find(config, "tokenizer_class");
  return name != nullptr && (*name == "LlamaTokenizer" || *name == "LlamaTokenizerFast");
}

}  // namespace

Result<std::unique_ptr<const TokenizerParts>> read_tokenizer_parts(std::string_view tokenizer_json,
                                                                   std::string_view tokenizer_config_json,
                                                                   std::string_view name, TokenizerClass use_of_class) {
  auto file = parse_tokenizer_file(tokenizer_json, name);
  if (!file) return file.error();
  const std::string config_where = std::string(name) + " (its tokenizer_config.json)";
  const auto config =
      json_reading::parse(tokenizer_config_json.empty() ? std::string_view("{}") : tokenizer_config_json, config_where);
  if (!config) return config.error();
  const Json* model = json_reading::find(file->json, "model");
  if (model == nullptr) return malformed(name, "has no \"model\"");
  const std::string model_where = std::string(name) + ": model";

  auto parts = std::make_unique<TokenizerParts>();
  auto reading = read_reading(file->json, *model, name, *parts);
  if (reading && use_of_class == TokenizerClass::kCounts && is_llama_class(*config)) {
    reading = reading_of_llama_class(*config, config_where, *parts);
  }
  if (!reading) return reading.error();
  parts->pre_tokenizer = std::move(reading->pre_tokenizer);
  for (const auto& [token, id] : file->vocab) {
    if (auto added = parts->vocabulary.add(token, id); !added) return malformed(model_where, added.error().message);
  }
  if (auto read = read_added_tokens(file->json, name, *parts); !read) return read.error();
  if (auto decoded = parts->vocabulary.decode_tokens(parts->decoder); !decoded) {
    return malformed(name, decoded.error().message);
  }
  auto bpe = Bpe::create(parts->vocabulary, file->merges, reading->bpe);
  if (!bpe) return malformed(model_where, bpe.error().message);
  parts->bpe = std::move(*bpe);

  auto post_processor = read_post_processor(file->json, parts->vocabulary, name);
  if (!post_processor) return post_processor.error();
  parts->post_processor = std::move(*post_processor);
  if (auto read = read_config(*config, config_where, *parts); !read) return read.error();
  return std::unique_ptr<const TokenizerParts>(std::move(parts));
}

}  // namespace sluice

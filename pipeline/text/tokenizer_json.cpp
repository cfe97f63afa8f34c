#include "pipeline/text/tokenizer_json.h"

#include <utility>
#include <vector>

#include "pipeline/text/json_reading.h"
#include "pipeline/text/tokenizer_components.h"
#include "pipeline/text/utf8.h"

namespace sluice {
namespace {

using json_reading::Json;
using json_reading::malformed;
using MergeList = std::vector<std::pair<std::string, std::string>>;

constexpr std::size_t kAddedTokenBytesMax = 1024;

// What is neither absent, null nor `neutral` would change the encoding in a way that we do not know.
Result<void> check_neutral(const Json& model, const char* key, const Json& neutral, const std::string& where) {
  const Json* value = json_reading::find(model, key);
  if (value == nullptr || *value == neutral) return {};
  return malformed(where, "has a " + in_quotes(key) + ", which is not supported");
}

Result<void> check_model(const Json& model, const std::string& where) {
  const auto keys =
      json_reading::check_keys(model, where,
                               {"type", "dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix",
                                "fuse_unk", "byte_fallback", "ignore_merges", "vocab", "merges"});
  if (!keys) return keys;
  if (json_reading::find(model, "type") != nullptr) {
    const auto type = json_reading::string_at(model, "type", where);
    if (!type) return type.error();
    if (*type != "BPE") return malformed(where, "has the type " + in_quotes(*type) + ", which is not supported");
  }
  // unk_token and fuse_unk do not matter: every byte is a token.
  if (auto dropout = check_neutral(model, "dropout", 0.0, where); !dropout) return dropout;
  if (auto prefix = check_neutral(model, "continuing_subword_prefix", "", where); !prefix) return prefix;
  if (auto suffix = check_neutral(model, "end_of_word_suffix", "", where); !suffix) return suffix;
  return check_neutral(model, "byte_fallback", false, where);
}

Result<void> read_vocabulary(const Json& model, const std::string& where, Vocabulary& vocabulary) {
  const Json* vocab = json_reading::find(model, "vocab");
  if (vocab == nullptr || !vocab->is_object()) return malformed(where, "has no object \"vocab\"");
  for (const auto& entry : vocab->items()) {
    const auto id = json_reading::as_integer(entry.value());
    if (!id) return malformed(where, "gives the token " + in_quotes(entry.key()) + " an id that is no integer");
    if (auto added = vocabulary.add(entry.key(), *id); !added) return malformed(where, added.error().message);
  }
  return {};
}

Result<std::pair<std::string, std::string>> read_merge(const Json& merge, const std::string& where) {
  if (merge.is_array() && merge.size() == 2 && merge[0].is_string() && merge[1].is_string()) {
    return std::pair{merge[0].get_ref<const std::string&>(), merge[1].get_ref<const std::string&>()};
  }
  if (!merge.is_string()) return malformed(where, "is neither \"a b\" nor [\"a\", \"b\"]");
  const std::string& text = merge.get_ref<const std::string&>();
  const std::size_t space = text.find(' ');
  if (space == std::string::npos || text.find(' ', space + 1) != std::string::npos) {
    return malformed(where, in_quotes(text) + " does not name two tokens");
  }
  return std::pair{text.substr(0, space), text.substr(space + 1)};
}

Result<MergeList> read_merges(const Json& model, const std::string& where) {
  const Json* merges = json_reading::find(model, "merges");
  if (merges == nullptr || !merges->is_array()) return malformed(where, "has no list \"merges\"");
  MergeList list;
  list.reserve(merges->size());
  for (const Json& merge : *merges) {
    if (merge.is_string() && merge.get_ref<const std::string&>().starts_with("#version")) continue;
    auto pair = read_merge(merge, where + ": merge " + std::to_string(list.size()));
    if (!pair) return pair.error();
    list.push_back(std::move(*pair));
  }
  return list;
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
  if (*single_word) return malformed(where, in_quotes(*content) + " has single_word, which is not supported");

  if (auto added = parts.vocabulary.add(*content, *id); !added) return malformed(where, added.error().message);
  const auto token_id = static_cast<TokenId>(*id);
  if (*special) parts.vocabulary.mark_special(token_id);
  if (!*normalized) {
    parts.added_verbatim.add({std::move(*content), token_id, *lstrip, *rstrip});
    return {};
  }
  auto normalized_content = parts.normalizer.apply(*content);
  if (!normalized_content) return malformed(where, normalized_content.error().message);
  if (normalized_content->empty()) return malformed(where, in_quotes(*content) + " normalizes to nothing");
  parts.added_normalized.add({std::move(*normalized_content), token_id, *lstrip, *rstrip});
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

Result<void> read_config(std::string_view config_json, std::string_view name, TokenizerParts& parts) {
  if (config_json.empty()) return {};
  const std::string where = std::string(name) + " (its tokenizer_config.json)";
  const auto config = json_reading::parse(config_json, where);
  if (!config) return config.error();
  const auto bos = read_config_token(*config, "bos_token", parts.vocabulary, where);
  if (!bos) return bos.error();
  const auto eos = read_config_token(*config, "eos_token", parts.vocabulary, where);
  if (!eos) return eos.error();
  parts.bos_id = *bos;
  parts.eos_id = *eos;

  // transformers' Llama class writes its own template over that of tokenizer.json (DeepSeek's models rely on it).
  const Json* tokenizer_class = json_reading::find(*config, "tokenizer_class");
  if (tokenizer_class == nullptr || *tokenizer_class != "LlamaTokenizerFast") return {};
  const auto add_bos = json_reading::bool_or(*config, "add_bos_token", true, where);
  const auto add_eos = json_reading::bool_or(*config, "add_eos_token", false, where);
  if (!add_bos) return add_bos.error();
  if (!add_eos) return add_eos.error();
  if ((*add_bos && !parts.bos_id) || (*add_eos && !parts.eos_id)) {
    return malformed(where, "asks for a begin or end of text that it does not name");
  }
  parts.post_processor = {};
  if (*add_bos) parts.post_processor.before = {*parts.bos_id};
  if (*add_eos) parts.post_processor.after = {*parts.eos_id};
  return {};
}

}  // namespace

Result<std::unique_ptr<const TokenizerParts>> read_tokenizer_parts(std::string_view tokenizer_json,
                                                                   std::string_view tokenizer_config_json,
                                                                   std::string_view name) {
  const auto json = json_reading::parse(tokenizer_json, name);
  if (!json) return json.error();
  auto parts = std::make_unique<TokenizerParts>();
  const std::string model_where = std::string(name) + ": model";
  const Json* model = json_reading::find(*json, "model");
  if (model == nullptr) return malformed(name, "has no \"model\"");
  if (auto checked = check_model(*model, model_where); !checked) return checked.error();
  if (auto read = read_vocabulary(*model, model_where, parts->vocabulary); !read) return read.error();

  auto normalizer = read_normalizer(*json, name);
  if (!normalizer) return normalizer.error();
  parts->normalizer = std::move(*normalizer);
  if (auto read = read_added_tokens(*json, name, *parts); !read) return read.error();

  auto pre_tokenizer = read_pre_tokenizer(*json, name);
  if (!pre_tokenizer) return pre_tokenizer.error();
  parts->pre_tokenizer = std::move(*pre_tokenizer);

  const auto merges = read_merges(*model, model_where);
  if (!merges) return merges.error();
  const auto ignore_merges = json_reading::bool_or(*model, "ignore_merges", false, model_where);
  if (!ignore_merges) return ignore_merges.error();
  auto bpe = Bpe::create(parts->vocabulary, *merges, *ignore_merges);
  if (!bpe) return malformed(model_where, bpe.error().message);
  parts->bpe = std::move(*bpe);

  auto post_processor = read_post_processor(*json, parts->vocabulary, name);
  if (!post_processor) return post_processor.error();
  parts->post_processor = std::move(*post_processor);
  if (auto decoder = check_decoder(*json, name); !decoder) return decoder.error();
  if (auto read = read_config(tokenizer_config_json, name, *parts); !read) return read.error();
  return std::unique_ptr<const TokenizerParts>(std::move(parts));
}

}  // namespace sluice

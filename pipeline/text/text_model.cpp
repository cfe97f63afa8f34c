#include "pipeline/text/text_model.h"

#include "pipeline/text/text_file.h"

namespace sluice {
namespace {

using LoadedTokenizer = Result<std::unique_ptr<const Tokenizer>>;

bool is_there(const std::filesystem::path& path) {
  std::error_code ignored;  // What cannot be looked at cannot be read: its reader says why.
  return std::filesystem::exists(path, ignored) || ignored;
}

LoadedTokenizer load_tokenizer_alone(const std::filesystem::path& model_dir) {
  const auto path = model_dir / "tokenizer.json";
  const auto json = read_text_file(path, kTokenizerJsonBytesMax);
  if (!json) return json.error();
  return Tokenizer::from_json(*json, "", path.string());
}

}  // namespace

Result<TextModel> load_text_model(const std::filesystem::path& model_dir, const PromptLimits& limits, TextFiles files) {
  const bool has_tokenizer = files == TextFiles::kRequired || is_there(model_dir / "tokenizer.json");
  const bool has_config = files == TextFiles::kRequired || is_there(model_dir / "tokenizer_config.json");
  LoadedTokenizer tokenizer = !has_tokenizer ? Tokenizer::of_ids(limits.vocab_size)
                              : has_config   ? Tokenizer::load(model_dir)
                                             : load_tokenizer_alone(model_dir);
  if (!tokenizer) return std::move(tokenizer).error();
  // Rows without a token are common (padding), added tokens without a row exist: they are refused in prompts.
  if ((*tokenizer)->model_vocab_size() > limits.vocab_size) {
    return Error{ErrorCode::kModelLoadFailed,
                 (model_dir / "tokenizer.json").string() + " has token ids up to " +
                     std::to_string((*tokenizer)->model_vocab_size() - 1) + ", the model's vocabulary ends at " +
                     std::to_string(limits.vocab_size - 1) + ": they are not of one model"};
  }
  if (!has_tokenizer) return TextModel{std::move(*tokenizer), no_chat_template(kNoTokenizer), limits};
  if (!has_config) {
    return TextModel{std::move(*tokenizer), no_chat_template("this model has no chat template; send text or token ids"),
                     limits};
  }
  auto chat_template = load_chat_template(model_dir);
  if (!chat_template) return std::move(chat_template).error();
  return TextModel{std::move(*tokenizer), std::move(*chat_template), limits};
}

}  // namespace sluice

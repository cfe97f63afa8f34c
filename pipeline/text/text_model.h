// What a model directory says about text: tokenizer, chat template, and the limits of prompts.
//
// Thread: immutable and shared; any thread.
// Errors: kModelLoadFailed, naming file and construct.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>

#include "base/error.h"
#include "pipeline/text/chat_template.h"
#include "pipeline/text/prompt_encoder.h"
#include "pipeline/text/tokenizer.h"

namespace sluice {

struct TextModel {
  std::shared_ptr<const Tokenizer> tokenizer;
  std::shared_ptr<const ChatTemplate> chat_template;
  PromptLimits limits;
};

enum class TextFiles : std::uint8_t {
  kRequired,  // tokenizer.json and tokenizer_config.json.
  kOptional,  // Without tokenizer.json prompts are token ids, and outputs Tokenizer::of_ids().
};

Result<TextModel> load_text_model(const std::filesystem::path& model_dir, const PromptLimits& limits, TextFiles files);

}  // namespace sluice

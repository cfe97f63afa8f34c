// What `sluice generate --json` prints: one JSON object per line for each message of the engine.
//
//   {"type":"tokens","first_index":0,"token_ids":[17,4],"text":"Once","logprobs":[{"logprob":-0.2,...}, ...]}
//   {"type":"finished","reason":"stop","seed":7,"usage":{...},"times":{...}}          or
//   {"type":"failed","code":"overloaded","message":"...","retryable":true,"retry_after_ms":50}
//
// "logprobs" and "prompt_logprobs" only appear where they were asked for. Exactly one line is no "tokens": the last.
#pragma once

#include <cstdint>
#include <string>

#include "base/error.h"
#include "base/messages/client.h"

namespace sluice::cli {

// Each is one line, its end included.
std::string tokens_json(const Tokens& tokens);
std::string finished_json(const Finished& finished, std::uint64_t seed);
std::string failed_json(const Error& error);

}  // namespace sluice::cli

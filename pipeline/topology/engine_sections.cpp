#include "pipeline/topology/engine_sections.h"

#include <bit>
#include <optional>
#include <string>
#include <string_view>

#include "pipeline/topology/config_fields.h"
#include "pipeline/topology/value_syntax.h"

namespace sluice::topology {
namespace {

constexpr std::size_t kDirectoryBytesMax = 60;  // Leaves room for the sockets' own names in sockaddr_un.
constexpr std::uint64_t kWindowBytesMax = std::uint64_t{1} << 30;  // As a decoder takes of tensors in one message.
constexpr std::uint32_t kHourMs = 3'600'000;
constexpr std::uint32_t kStepUsMax = 60'000'000;

std::optional<std::string> directory_complaint(std::string_view path) {
  if (path.find('\0') != std::string_view::npos) return "contains a zero byte";
  if (path.size() <= kDirectoryBytesMax) return std::nullopt;
  return "has " + std::to_string(path.size()) + " bytes, limit " + std::to_string(kDirectoryBytesMax);
}

Result<void> check_block_tokens(const FieldPlace& place, const ConfigNode& node, const BatcherTopology& batcher) {
  if (std::has_single_bit(batcher.block_tokens)) return {};
  return place.error(node.position, "is " + std::to_string(batcher.block_tokens) + ", not a power of two");
}

}  // namespace

std::vector<Field<ModelTopology>> model_fields() {
  using M = ModelTopology;
  return {
      text("path", &M::path, path_complaint)
          .required()
          .about("Model directory; relative to this file, or, if there is none, to the current directory."),
      choice<M, DType>(
          "dtype", &M::dtype,
          {{"f32", DType::kF32}, {"bf16", DType::kBF16}, {"f16", {}}, {"int8", {}}, {"int4", {}}, {"fp8", {}}})
          .about("Of weights in memory."),
      choice<M, DType>("compute", &M::compute, {{"f32", DType::kF32}, {"bf16", DType::kBF16}, {"f16", {}}})
          .about("Precision. CPUs compute in f32 in either case, and keep keys and values in f32, or in f16 with "
                 "`\"bf16\"`."),
      choice<M, WeightsKind>(
          "weights", &M::weights,
          {{"file", WeightsKind::kFile}, {"random", WeightsKind::kRandom}, {"mock", WeightsKind::kMock}})
          .about("`\"random\"`: drawn, real kernels whose output means nothing. `\"mock\"`: known tokens, no "
                 "kernels. Both need only `config.json`; without `tokenizer.json` prompts are token ids, and token "
                 "17 reads `[17]`."),
      choice<M, ExpertSplit>("experts", &M::experts,
                             {{"by_width", ExpertSplit::kByWidth}, {"by_expert", ExpertSplit::kByExpert}})
          .about("Of a mixture, between the ranks of a stage: a part of each expert on every rank, or whole ones.")};
}

std::vector<Field<MockCosts>> mock_fields() {
  return {
      whole_number("step_us", &MockCosts::step_us, 0, kStepUsMax)
          .about("With `weights = \"mock\"`: what a step takes on each stage."),
      whole_number("token_us", &MockCosts::token_us, 0, kStepUsMax).about("What each token of a step takes besides.")};
}

std::vector<Field<IngressTopology>> ingress_fields() {
  using I = IngressTopology;
  return {text("bind", &I::bind, bind_complaint)
              .about("Where clients connect: `tcp://HOST:PORT` (port `*`: any free one) or `ipc://PATH`. Beyond "
                     "loopback it takes `[security]`, or `serve --insecure`."),
          whole_number("max_requests", &I::max_requests, 1, 65'536)
              .about("Requests in the engine at a time; more are refused with a retry hint."),
          whole_number("max_queued_prompt_tokens", &I::max_queued_prompt_tokens, 0, std::uint64_t{1} << 40)
              .about("Prompt tokens of requests that have shown no output yet; more are refused with a retry hint, "
                     "unless nothing is queued. 0: 4096 for each of `max_requests`."),
          whole_number("client_window_tokens", &I::client_window_tokens, 1, 1u << 20)
              .about("How far the engine computes ahead of a client that grants no credit."),
          size_in_bytes("message_bytes_max", &I::message_bytes_max, 1u << 10, 256u << 20)
              .about("Larger messages of clients are refused."),
          whole_number("garbage_messages_max", &I::garbage_messages_max, 1, 1u << 30)
              .about("A connection that has sent so many messages more that are none (or too large, or before `Hello`) "
                     "than good ones is cut: nothing from it is read any more."),
          whole_number("finished_count_max", &I::finished_count_max, 0, 1'000'000)
              .about("How many finished results are kept for `Attach`, at most."),
          size_in_bytes("finished_bytes_max", &I::finished_bytes_max, 0, std::uint64_t{64} << 30)
              .about("How many bytes they have together, at most."),
          whole_number("finished_keep_ms", &I::finished_keep_ms, 0, 24 * kHourMs).about("How long each is kept."),
          whole_number("session_idle_ms", &I::session_idle_ms, 0, 24 * kHourMs)
              .about("How long a session without connections and requests is remembered.")};
}

std::vector<Field<BatcherTopology>> batcher_fields() {
  using B = BatcherTopology;
  return {whole_number("max_batch_tokens", &B::max_batch_tokens, 1, 1u << 20).about("Tokens of one micro-batch."),
          whole_number("max_sequences", &B::max_sequences, 1, 65'536).about("Sequences running at a time."),
          checked(whole_number("block_tokens", &B::block_tokens, 1, 1024), check_block_tokens)
              .about("Tokens of a KV block, a power of two."),
          size_in_bytes("kv_cache", &B::kv_cache_bytes, 1u << 10, std::uint64_t{64} << 40)
              .about("KV cache of one device in one process; stages that share it share this."),
          whole_number("ageing_ms", &B::ageing_ms, 1, kHourMs)
              .about("Waiting for so long makes up for one level of `priority`."),
          truth("prefix_cache", &B::prefix_cache)
              .about("Requests of one tenant share the KV blocks of a common beginning, also after those that computed "
                     "them have ended.")};
}

std::vector<Field<KernelsTopology>> kernels_fields() {
  using K = KernelsTopology;
  return {choice<K, std::string>("path", &K::path,
                                 {{"auto", "auto"}, {"avx512", "avx512"}, {"avx2", "avx2"}, {"scalar", "scalar"}})
              .about("The instruction set; pinned where bits must agree between machines. `\"auto\"`: the best that "
                     "the head has, for all workers."),
          truth("deterministic", &K::deterministic)
              .about("A sequence's bits are free of what else is in the batch and of its chunks. `false`: long chunks "
                     "of latent attention may expand keys and values, which is faster and gives other bits.")};
}

std::vector<Field<LinksTopology>> links_fields() {
  using L = LinksTopology;
  using Transport = L::Transport;
  return {choice<L, Transport>("transport", &L::transport, {{"ipc", Transport::kIpc}, {"tcp", Transport::kTcp}})
              .about("To and from spawned processes. Other workers are reached by TCP."),
          whole_number("window_messages", &L::window_messages, 2, 65'536)
              .about("Credits of each link between our own actors, in messages."),
          size_in_bytes("window_bytes", &L::window_bytes, 64u << 10, kWindowBytesMax)
              .about("The same in bytes: it has to hold the hidden states of the largest micro-batch."),
          whole_number("heartbeat_ms", &L::heartbeat_ms, 10, kHourMs).about("How often idle links say that they live."),
          whole_number("timeout_ms", &L::timeout_ms, 30, kHourMs)
              .about("A process of the engine that is silent for so long counts as lost. More than two heartbeats."),
          text("directory", &L::directory, directory_complaint)
              .about("Folder of the `ipc://` sockets. Empty: a fresh one.")};
}

Result<void> check_links(const FieldPlace& place, const ConfigNode& node, const LinksTopology& links) {
  if (links.timeout_ms > 2 * std::uint64_t{links.heartbeat_ms}) return {};
  return config_error(place.file_name, node.position,
                      "[links] timeout_ms is " + std::to_string(links.timeout_ms) +
                          ", not more than two heartbeats of " + std::to_string(links.heartbeat_ms) + " ms");
}

std::vector<Field<SupervisorTopology>> supervisor_fields() {
  using S = SupervisorTopology;
  return {text("bind", &S::bind, supervisor_bind_complaint)
              .about("Where workers register: one address of this host. Links into the head are bound at the same "
                     "host. Only bound if a stage is on another process."),
          whole_number("stage_step_timeout_ms", &S::stage_step_timeout_ms, 10, 24 * kHourMs)
              .about("A stage that answers no step for so long counts as hung."),
          whole_number("stage_load_timeout_ms", &S::stage_load_timeout_ms, 100, 24 * kHourMs)
              .about("So does one that makes no progress with its weights for so long.")};
}

std::vector<Field<MetricsTopology>> metrics_fields() {
  using M = MetricsTopology;
  return {text("bind", &M::bind, metrics_bind_complaint)
              .about("Where metrics are scraped, under `/metrics`: `http://` on loopback (port `*`: any free one), or "
                     "`\"off\"`."),
          whole_number("interval_ms", &M::interval_ms, 10, 60'000).about("How often every actor tells its counts.")};
}

std::vector<Field<ServiceDraft>> service_fields() {
  Field<ServiceDraft> count =
      checked(whole_number("count", &ServiceDraft::count, 1, 64),
              [](const FieldPlace& place, const ConfigNode& node, const ServiceDraft& service) -> Result<void> {
                if (service.count == 1) return {};
                return place.error(node.position,
                                   "is " + std::to_string(service.count) + ": more than one is not supported yet");
              });
  count.shape = WholeNumberShape{1, 1};
  const auto read_host = [](const FieldPlace& place, const ConfigNode& node, ServiceDraft&) -> Result<void> {
    const auto* value = node.get<std::string>();
    if (value == nullptr) return place.wrong_type(node, "a string");
    if (*value == "head") return {};
    return place.error(node.position, "is " + in_quotes(*value) + ": any place but 'head' is not supported yet");
  };
  return {std::move(count).about("How many there are. Others than 1 are not supported yet."),
          Field<ServiceDraft>{"host", read_host, ChoiceShape{{"head"}}, toml_text("head")}.about(
              "Where they run. Other places are not supported yet.")};
}

}  // namespace sluice::topology

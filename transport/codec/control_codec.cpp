#include "transport/codec/control_codec.h"

#include <algorithm>

#include "internal.capnp.h"
#include "transport/codec/stats_messages.h"
#include "transport/codec/wire_values.h"

namespace sluice::transport {

namespace codec {
namespace {

constexpr std::size_t kFixedBytes = 512;

static_assert(static_cast<int>(DType::kF32) == static_cast<int>(wire::DType::F32));
static_assert(static_cast<int>(DType::kBF16) == static_cast<int>(wire::DType::BF16));
static_assert(static_cast<int>(DType::kF16) == static_cast<int>(wire::DType::F16));

wire::DType to_wire(DType dtype) {
  return static_cast<wire::DType>(dtype);
}

DType read_dtype(wire::DType dtype, Reading& reading) {
  const auto number = static_cast<std::uint16_t>(dtype);
  if (number <= static_cast<std::uint16_t>(DType::kF16)) return static_cast<DType>(number);
  reading.fail(ErrorCode::kProtocolViolation, "dtype " + std::to_string(number) + " is unknown");
  return DType::kF32;
}

static_assert(static_cast<int>(WeightsKind::kFile) == static_cast<int>(wire::WeightsKind::FILE));
static_assert(static_cast<int>(WeightsKind::kRandom) == static_cast<int>(wire::WeightsKind::RANDOM));
static_assert(static_cast<int>(WeightsKind::kMock) == static_cast<int>(wire::WeightsKind::MOCK));

WeightsKind read_weights(wire::WeightsKind weights, Reading& reading) {
  const auto number = static_cast<std::uint16_t>(weights);
  if (number <= static_cast<std::uint16_t>(WeightsKind::kMock)) return static_cast<WeightsKind>(number);
  reading.fail(ErrorCode::kProtocolViolation, "weights of kind " + std::to_string(number) + " are unknown");
  return WeightsKind::kFile;
}

static_assert(static_cast<int>(ExpertSplit::kByWidth) == static_cast<int>(wire::ExpertSplit::BY_WIDTH));
static_assert(static_cast<int>(ExpertSplit::kByExpert) == static_cast<int>(wire::ExpertSplit::BY_EXPERT));

ExpertSplit read_experts(wire::ExpertSplit split, Reading& reading) {
  const auto number = static_cast<std::uint16_t>(split);
  if (number <= static_cast<std::uint16_t>(ExpertSplit::kByExpert)) return static_cast<ExpertSplit>(number);
  reading.fail(ErrorCode::kProtocolViolation, "experts shared out as " + std::to_string(number) + " are unknown");
  return ExpertSplit::kByWidth;
}

// ---- worker to head -------------------------------------------------------------------------------------------------

void write_message(const WorkerHello& hello, wire::WorkerMessage::Builder root) {
  auto builder = root.initHello();
  builder.setVersion(hello.version);
  builder.setName(as_text(hello.name));
  builder.setIncarnation(hello.incarnation);
  builder.setProcessId(hello.process_id);
  builder.setKernelPath(as_text(hello.kernel_path));
  builder.setCpus(hello.cpus);
  write_texts(hello.devices, [&](capnp::uint count) { return builder.initDevices(count); });
}

WorkerHello read_hello(const wire::WorkerHello::Reader& reader, Reading& reading) {
  return {.version = reader.getVersion(),
          .name = read_text(reader.getName()),
          .incarnation = reader.getIncarnation(),
          .process_id = reader.getProcessId(),
          .kernel_path = read_text(reader.getKernelPath()),
          .cpus = reader.getCpus(),
          .devices = read_texts(reader.getDevices(), reading)};
}

void write_message(const StageReady& ready, wire::WorkerMessage::Builder root) {
  auto builder = root.initStageReady();
  builder.setEpoch(ready.epoch.value);
  builder.setStage(ready.stage);
  builder.setInputAddress(as_text(ready.input_address));
  builder.setWeightsBytes(ready.weights_bytes);
  builder.setKvCacheBytes(ready.kv_cache_bytes);
  write_texts(ready.exchange_addresses, [&](capnp::uint count) { return builder.initExchangeAddresses(count); });
}

StageReady read_ready(const wire::StageReady::Reader& reader, Reading& reading) {
  return {.epoch = {reader.getEpoch()},
          .stage = reader.getStage(),
          .input_address = read_text(reader.getInputAddress()),
          .weights_bytes = reader.getWeightsBytes(),
          .kv_cache_bytes = reader.getKvCacheBytes(),
          .exchange_addresses = read_texts(reader.getExchangeAddresses(), reading)};
}

void write_message(const StageFailed& failed, wire::WorkerMessage::Builder root) {
  auto builder = root.initStageFailed();
  builder.setEpoch(failed.epoch.value);
  builder.setStage(failed.stage);
  codec::write(failed.error, builder.initError());
}

void write_message(const LoadProgress& progress, wire::WorkerMessage::Builder root) {
  auto builder = root.initLoadProgress();
  builder.setEpoch(progress.epoch.value);
  builder.setStage(progress.stage);
  builder.setBytesDone(progress.bytes_done);
  builder.setBytesTotal(progress.bytes_total);
}

void write_message(const StageStats& stats, wire::WorkerMessage::Builder root) {
  write_stats(stats, root.initStageStats());
}

void write_message(const WorkerLeave&, wire::WorkerMessage::Builder root) {
  root.setLeave();
}

WorkerMessage read_worker_message(const wire::WorkerMessage::Reader& reader, Reading& reading) {
  switch (reader.which()) {
    case wire::WorkerMessage::NONE: reading.fail(ErrorCode::kProtocolViolation, "message says nothing"); return {};
    case wire::WorkerMessage::HELLO: return read_hello(reader.getHello(), reading);
    case wire::WorkerMessage::STAGE_READY: return read_ready(reader.getStageReady(), reading);
    case wire::WorkerMessage::STAGE_FAILED: {
      const auto failed = reader.getStageFailed();
      return StageFailed{{failed.getEpoch()}, failed.getStage(), read(failed.getError(), reading)};
    }
    case wire::WorkerMessage::LOAD_PROGRESS: {
      const auto progress = reader.getLoadProgress();
      return LoadProgress{
          {progress.getEpoch()}, progress.getStage(), progress.getBytesDone(), progress.getBytesTotal()};
    }
    case wire::WorkerMessage::STAGE_STATS: return read_stats(reader.getStageStats(), reading);
    case wire::WorkerMessage::LEAVE: return WorkerLeave{};
  }
  reading.fail(ErrorCode::kUnsupportedVersion,
               "worker's message is of kind " + std::to_string(reader.which()) + ", which this version does not know");
  return {};
}

// ---- head to worker -------------------------------------------------------------------------------------------------

void write_message(const WorkerWelcome&, wire::HeadMessage::Builder root) {
  root.setWelcome();
}
void write_message(const WorkerRefused& refused, wire::HeadMessage::Builder root) {
  codec::write(refused.error, root.initRefused());
}
void write_message(const StageRelease& release, wire::HeadMessage::Builder root) {
  root.initStageRelease().setStage(release.stage);
}
void write_message(const StageAssign& assign, wire::HeadMessage::Builder root) {
  auto builder = root.initStageAssign();
  builder.setEpoch(assign.epoch.value);
  builder.setStage(assign.stage);
  builder.setNumStages(assign.num_stages);
  builder.setModelPath(as_text(assign.model_path));
  builder.setFirstLayer(assign.first_layer);
  builder.setNumLayers(assign.num_layers);
  builder.setDtype(to_wire(assign.dtype));
  builder.setCompute(to_wire(assign.compute));
  builder.setKernelPath(as_text(assign.kernel_path));
  builder.setDeterministic(assign.deterministic);
  builder.setThreads(assign.threads);
  builder.setBlockTokens(assign.block_tokens);
  builder.setNumBlocks(assign.num_blocks);
  builder.setMaxBatchTokens(assign.max_batch_tokens);
  builder.setInputAddress(as_text(assign.input_address));
  builder.setWindowMessages(assign.links.window.messages);
  builder.setWindowBytes(assign.links.window.bytes);
  builder.setHeartbeatMs(assign.links.heartbeat_ms);
  builder.setTimeoutMs(assign.links.timeout_ms);
  builder.setWeights(static_cast<wire::WeightsKind>(assign.weights));
  builder.setMockStepUs(assign.mock.step_us);
  builder.setMockTokenUs(assign.mock.token_us);
  builder.setReportIntervalMs(assign.report_interval_ms);
  builder.setPipelineStage(assign.pipeline_stage);
  builder.setRank(assign.rank);
  builder.setNumRanks(assign.num_ranks);
  builder.setExchangeAddress(as_text(assign.exchange_address));
  builder.setModelFingerprint(assign.model_fingerprint);
  builder.setExperts(static_cast<wire::ExpertSplit>(assign.experts));
}

StageAssign read_assign(const wire::StageAssign::Reader& reader, Reading& reading) {
  return {.epoch = {reader.getEpoch()},
          .stage = reader.getStage(),
          .num_stages = reader.getNumStages(),
          .pipeline_stage = reader.getPipelineStage(),
          .rank = reader.getRank(),
          .num_ranks = reader.getNumRanks(),
          .experts = read_experts(reader.getExperts(), reading),
          .model_path = read_text(reader.getModelPath()),
          .model_fingerprint = reader.getModelFingerprint(),
          .first_layer = reader.getFirstLayer(),
          .num_layers = reader.getNumLayers(),
          .dtype = read_dtype(reader.getDtype(), reading),
          .compute = read_dtype(reader.getCompute(), reading),
          .kernel_path = read_text(reader.getKernelPath()),
          .deterministic = reader.getDeterministic(),
          .threads = reader.getThreads(),
          .block_tokens = reader.getBlockTokens(),
          .num_blocks = reader.getNumBlocks(),
          .max_batch_tokens = reader.getMaxBatchTokens(),
          .weights = read_weights(reader.getWeights(), reading),
          .mock = {reader.getMockStepUs(), reader.getMockTokenUs()},
          .input_address = read_text(reader.getInputAddress()),
          .exchange_address = read_text(reader.getExchangeAddress()),
          .links = {.window = {.messages = reader.getWindowMessages(), .bytes = reader.getWindowBytes()},
                    .heartbeat_ms = reader.getHeartbeatMs(),
                    .timeout_ms = reader.getTimeoutMs()},
          .report_interval_ms = reader.getReportIntervalMs()};
}

void write_message(const StageConnect& connect, wire::HeadMessage::Builder root) {
  auto builder = root.initStageConnect();
  builder.setEpoch(connect.epoch.value);
  builder.setStage(connect.stage);
  write_texts(connect.output_addresses, [&](capnp::uint count) { return builder.initOutputAddresses(count); });
  write_texts(connect.exchange_addresses, [&](capnp::uint count) { return builder.initExchangeAddresses(count); });
}

void write_message(const PeerKeys& keys, wire::HeadMessage::Builder root) {
  auto list = root.initPeerKeys(static_cast<unsigned>(keys.peers.size()));
  for (unsigned i = 0; i < list.size(); ++i) {
    const PeerKey& peer = keys.peers[i];
    list[i].setName(as_text(peer.name));
    list[i].setPublicKey(capnp::Data::Reader(peer.public_key.data(), peer.public_key.size()));
  }
}

PeerKeys read_peer_keys(const capnp::List<wire::PeerKey>::Reader& reader, Reading& reading) {
  PeerKeys keys;
  keys.peers.reserve(reader.size());
  for (const auto one : reader) {
    PeerKey peer;
    peer.name = read_text(one.getName());
    const auto bytes = one.getPublicKey();
    if (bytes.size() != peer.public_key.size()) {
      reading.fail(ErrorCode::kProtocolViolation,
                   "a public key has " + std::to_string(bytes.size()) + " bytes, not 32");
      return {};
    }
    std::copy(bytes.begin(), bytes.end(), peer.public_key.begin());
    keys.peers.push_back(std::move(peer));
  }
  return keys;
}

HeadMessage read_head_message(const wire::HeadMessage::Reader& reader, Reading& reading) {
  switch (reader.which()) {
    case wire::HeadMessage::NONE: reading.fail(ErrorCode::kProtocolViolation, "message says nothing"); return {};
    case wire::HeadMessage::WELCOME: return WorkerWelcome{};
    case wire::HeadMessage::REFUSED: return WorkerRefused{read(reader.getRefused(), reading)};
    case wire::HeadMessage::STAGE_ASSIGN: return read_assign(reader.getStageAssign(), reading);
    case wire::HeadMessage::STAGE_CONNECT: {
      const auto connect = reader.getStageConnect();
      return StageConnect{{connect.getEpoch()},
                          connect.getStage(),
                          read_texts(connect.getOutputAddresses(), reading),
                          read_texts(connect.getExchangeAddresses(), reading)};
    }
    case wire::HeadMessage::STAGE_RELEASE: return StageRelease{reader.getStageRelease().getStage()};
    case wire::HeadMessage::PEER_KEYS: return read_peer_keys(reader.getPeerKeys(), reading);
  }
  reading.fail(ErrorCode::kUnsupportedVersion,
               "head's message is of kind " + std::to_string(reader.which()) + ", which this version does not know");
  return {};
}

}  // namespace
}  // namespace codec

Message encode(const WorkerMessage& message) {
  const auto write_root = [&](wire::WorkerMessage::Builder root) {
    std::visit([&](const auto& one) { codec::write_message(one, root); }, message);
  };
  return {codec::build_frame<wire::WorkerMessage>(codec::kFixedBytes, write_root)};
}

Message encode(const HeadMessage& message) {
  const auto write_root = [&](wire::HeadMessage::Builder root) {
    std::visit([&](const auto& one) { codec::write_message(one, root); }, message);
  };
  return {codec::build_frame<wire::HeadMessage>(codec::kFixedBytes, write_root)};
}

Result<WorkerMessage> decode_worker_message(const Message& message, const DecodeLimits& limits) {
  if (const auto frames = codec::expect_frames(message, 1); !frames) return frames.error();
  return codec::read_frame<WorkerMessage, wire::WorkerMessage>(message.front(), limits, codec::read_worker_message);
}

Result<HeadMessage> decode_head_message(const Message& message, const DecodeLimits& limits) {
  if (const auto frames = codec::expect_frames(message, 1); !frames) return frames.error();
  return codec::read_frame<HeadMessage, wire::HeadMessage>(message.front(), limits, codec::read_head_message);
}

}  // namespace sluice::transport

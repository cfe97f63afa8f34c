#include "pipeline/status/status_json.h"

#include <cstddef>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "base/json_nesting.h"
#include "pipeline/membership/standby_pool.h"
#include "pipeline/model/shard.h"
#include "pipeline/route/route_policy.h"
#include "pipeline/topology/stage_section.h"

namespace sluice {

namespace {

using Json = nlohmann::ordered_json;  // Written in order; read as what finds a key among many.

// Bytes that were no UTF-8 were replaced by longer ones.
constexpr std::size_t kTextBytesMax = 3 * kStatusTextBytesMax;
constexpr std::size_t kDepthMax = 8;
constexpr std::uint64_t kTimeMax_ms = 100ull * 365 * 24 * 3600 * 1000;

std::uint64_t ms_until(TimePoint now, TimePoint since) {
  const Duration passed = std::max(now - since, Duration::zero());
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(passed).count());
}

Json json_of(const RankStatus& rank, TimePoint now) {
  Json json = {{"rank", rank.rank},
               {"kind", to_string(rank.kind)},
               {"worker", rank.worker},
               {"device", rank.device},
               {"state", to_string(rank.state)},
               {"for_ms", ms_until(now, rank.since)},
               {"loaded_bytes", rank.memory.loaded_bytes},
               {"load_bytes", rank.memory.load_bytes},
               {"weights_bytes", rank.memory.weights_bytes},
               {"kv_cache_bytes", rank.memory.kv_cache_bytes},
               {"losses", rank.losses},
               {"failures", rank.failures},
               {"error", rank.error}};
  return json;
}

Json json_of(const StageStatus& stage, TimePoint now) {
  Json json = {{"stage", stage.stage},
               {"first_layer", stage.first_layer},
               {"num_layers", stage.num_layers},
               {"ranks", Json::array()}};
  for (const RankStatus& rank : stage.ranks) json["ranks"].push_back(json_of(rank, now));
  return json;
}

Json json_of(const ReplicaStatus& replica, TimePoint now) {
  Json json = {{"epoch", replica.epoch.value}, {"is_up", replica.is_up},   {"for_ms", ms_until(now, replica.since)},
               {"lacks", replica.lacks},       {"losses", replica.losses}, {"stages", Json::array()}};
  for (const StageStatus& stage : replica.stages) json["stages"].push_back(json_of(stage, now));
  return json;
}

// Reads one document. The first thing that is wrong is remembered; what is read after that does not matter.
class Reader {
 public:
  explicit Reader(TimePoint now) : now_(now) {}

  EngineStatus engine(const nlohmann::json& json) {
    EngineStatus engine;
    engine.model = text(json, "model");
    engine.as_of = time(json, "age_ms");
    engine.takes_requests = flag(json, "takes_requests");
    engine.requests = number(json, "requests");
    engine.requests_max = number(json, "requests_max");
    engine.replicas = list(json, "replicas", kReplicasMax, &Reader::replica);
    engine.standbys = list(json, "standbys", StandbyLimits{}.standbys_max, &Reader::standby);
    return engine;
  }

  const std::optional<Error>& error() const { return error_; }

 private:
  ReplicaStatus replica(const nlohmann::json& json) {
    ReplicaStatus replica;
    replica.epoch = Epoch{number(json, "epoch")};
    replica.is_up = flag(json, "is_up");
    replica.since = time(json, "for_ms");
    replica.lacks = text(json, "lacks");
    replica.losses = number(json, "losses");
    replica.stages = list(json, "stages", topology::kStagesMax, &Reader::stage);
    return replica;
  }

  StageStatus stage(const nlohmann::json& json) {
    StageStatus stage;
    stage.stage = small_number(json, "stage");
    stage.first_layer = small_number(json, "first_layer");
    stage.num_layers = small_number(json, "num_layers");
    if (stage.num_layers == 0) fail("num_layers", "is 0");
    stage.ranks = list(json, "ranks", kRanksMax, &Reader::rank);
    return stage;
  }

  RankStatus rank(const nlohmann::json& json) {
    RankStatus rank;
    rank.rank = small_number(json, "rank");
    rank.kind = static_cast<WorkerKind>(one_of(json, "kind", kWorkerKindNames));
    rank.worker = text(json, "worker");
    rank.device = text(json, "device");
    rank.state = static_cast<RankState>(one_of(json, "state", kRankStateNames));
    rank.since = time(json, "for_ms");
    rank.memory = {.loaded_bytes = number(json, "loaded_bytes"),
                   .load_bytes = number(json, "load_bytes"),
                   .weights_bytes = number(json, "weights_bytes"),
                   .kv_cache_bytes = number(json, "kv_cache_bytes")};
    rank.losses = number(json, "losses");
    rank.failures = number(json, "failures");
    rank.error = text(json, "error");
    return rank;
  }

  StandbyStatus standby(const nlohmann::json& json) {
    StandbyStatus standby;
    standby.name = text(json, "name");
    standby.devices = list(json, "devices", kStatusDevicesMax, &Reader::plain_text);
    return standby;
  }

  std::string plain_text(const nlohmann::json& json) {
    if (json.is_string() && json.get_ref<const std::string&>().size() <= kTextBytesMax) return json.get<std::string>();
    fail("", "is no text of at most " + std::to_string(kTextBytesMax) + " bytes");
    return {};
  }

  std::string text(const nlohmann::json& json, const char* key) {
    const nlohmann::json* const value = find(json, key);
    if (value == nullptr) return {};
    const auto within = enter(key);
    return plain_text(*value);
  }

  bool flag(const nlohmann::json& json, const char* key) {
    const nlohmann::json* const value = find(json, key);
    if (value == nullptr) return false;
    if (!value->is_boolean()) fail(key, "is neither true nor false");
    return value->is_boolean() && value->get<bool>();
  }

  std::uint64_t number(const nlohmann::json& json, const char* key, std::uint64_t max = UINT64_MAX) {
    const nlohmann::json* const value = find(json, key);
    if (value == nullptr) return 0;
    if (value->is_number_unsigned() && value->get<std::uint64_t>() <= max) return value->get<std::uint64_t>();
    fail(key, "is no whole number from 0 to " + std::to_string(max));
    return 0;
  }
  std::uint32_t small_number(const nlohmann::json& json, const char* key) {
    return static_cast<std::uint32_t>(number(json, key, 1u << 20));
  }
  TimePoint time(const nlohmann::json& json, const char* key) {
    return now_ - std::chrono::milliseconds(number(json, key, kTimeMax_ms));
  }

  template <std::size_t kSize>
  std::size_t one_of(const nlohmann::json& json, const char* key, const std::array<std::string_view, kSize>& names) {
    const std::string name = text(json, key);
    const auto found = std::ranges::find(names, name);
    if (found != names.end()) return static_cast<std::size_t>(found - names.begin());
    fail(key, "is none that is known");
    return 0;
  }

  template <class T>
  std::vector<T> list(const nlohmann::json& json, const char* key, std::size_t count_max,
                      T (Reader::*read)(const nlohmann::json&)) {
    std::vector<T> out;
    const nlohmann::json* const value = find(json, key);
    if (value == nullptr) return out;
    if (!value->is_array() || value->size() > count_max) {
      fail(key, "is no list of at most " + std::to_string(count_max));
      return out;
    }
    const auto within = enter(key);
    for (std::size_t i = 0; i < value->size() && !error_; ++i) {
      const auto at = enter(std::to_string(i));
      out.push_back((this->*read)((*value)[i]));
    }
    return out;
  }

  const nlohmann::json* find(const nlohmann::json& json, const char* key) {
    if (json.is_object()) {
      if (const auto found = json.find(key); found != json.end()) return &*found;
    }
    fail(key, "is missing");
    return nullptr;
  }

  // Where we are, until the end of what is returned.
  class Within {
   public:
    Within(std::string& place, const std::string& step) : place_(place), length_(place.size()) { place_ += step + "."; }
    Within(const Within&) = delete;
    Within& operator=(const Within&) = delete;
    ~Within() { place_.resize(length_); }

   private:
    std::string& place_;
    std::size_t length_;
  };
  Within enter(const std::string& step) { return {place_, step}; }

  void fail(const std::string& key, const std::string& what) {
    if (error_) return;
    std::string where = place_ + key;
    if (where.ends_with('.')) where.pop_back();
    error_ = Error{ErrorCode::kProtocolViolation, where + " " + what};
  }

  TimePoint now_;
  std::string place_;
  std::optional<Error> error_;
};

}  // namespace

std::string render_status_json(const EngineStatus& status, TimePoint now) {
  Json json = {{"model", status.model},       {"age_ms", ms_until(now, status.as_of)},
               {"is_up", status.is_up()},     {"takes_requests", status.takes_requests},
               {"requests", status.requests}, {"requests_max", status.requests_max},
               {"replicas", Json::array()},   {"standbys", Json::array()}};
  for (const ReplicaStatus& replica : status.replicas) json["replicas"].push_back(json_of(replica, now));
  for (const StandbyStatus& standby : status.standbys) {
    json["standbys"].push_back({{"name", standby.name}, {"devices", standby.devices}});
  }
  // Workers choose their words: what is no UTF-8 is replaced, and what could steer a terminal is escaped.
  return json.dump(-1, ' ', true, Json::error_handler_t::replace) + "\n";
}

Result<EngineStatus> parse_status_json(std::string_view text, TimePoint now) {
  if (json_nesting(text) > kDepthMax) return Error{ErrorCode::kProtocolViolation, "nested too deeply"};
  const auto json = nlohmann::json::parse(text.begin(), text.end(), nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded()) return Error{ErrorCode::kProtocolViolation, "no JSON"};
  Reader reader(now);
  EngineStatus status = reader.engine(json);
  if (reader.error()) return *reader.error();
  return status;
}

}  // namespace sluice

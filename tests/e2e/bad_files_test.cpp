// `sluice serve` on model directories that are incomplete or malformed: exit code 78, and a sentence that names the
// file, and the tensor or the key.
#include <doctest/doctest.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <nlohmann/json.hpp>

#include "tests/e2e/engine_under_test.h"
#include "tests/support/paths.h"

namespace sluice::test {
namespace {

using Json = nlohmann::json;

constexpr const char* kWeights = "model.safetensors";
constexpr const char* kTensor = "model.layers.4.mlp.experts.3.up_proj.weight";

std::string read_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// A copy of the demo model, to be spoilt.
class ModelCopy {
 public:
  ModelCopy() {
    std::filesystem::create_directory(path());
    for (const auto& entry : std::filesystem::directory_iterator(model_path())) {
      std::filesystem::copy(entry.path(), path() / entry.path().filename());
    }
  }

  std::filesystem::path path() const { return folder_.path() / "model"; }
  std::string file(const std::string& name) const { return (path() / name).string(); }
  void remove(const std::string& name) const { REQUIRE(std::filesystem::remove(path() / name)); }
  void write(const std::string& name, const std::string& bytes) const {
    std::ofstream(path() / name, std::ios::binary) << bytes;
  }
  void resize(const std::string& name, std::uintmax_t bytes) const { std::filesystem::resize_file(file(name), bytes); }
  void edit_config(const std::string& key, const Json& value) const {
    Json config = Json::parse(read_file(path() / "config.json"));
    config[key] = value;
    write("config.json", config.dump());
  }
  // Changes the header of the weights; the data stay as they are.
  void edit_header(const std::function<void(Json&)>& edit) const {
    const std::string whole = read_file(path() / kWeights);
    std::uint64_t length = 0;
    std::memcpy(&length, whole.data(), sizeof length);
    Json header = Json::parse(whole.substr(8, length));
    edit(header);
    const std::string text = header.dump();
    const std::uint64_t new_length = text.size();
    std::string out(sizeof new_length, '\0');
    std::memcpy(out.data(), &new_length, sizeof new_length);
    write(kWeights, out + text + whole.substr(8 + length));
  }

  // Serves it. `rank` says where the second stage runs.
  void check_refused(const std::vector<std::string>& parts, const std::string& rank = "head/cpu:0") const {
    TopologyText topology;
    topology.model = path().string();
    topology.stages = {{"0-2", "head/cpu:0"}, {"3-5", rank}};
    Program program({"serve", folder_.write("topology.toml", topology.toml())}, true);
    const std::string output = program.rest();
    CAPTURE(output);
    CHECK(program.wait() == 78);
    CHECK(output.find("sluice: model_load_failed: ") != std::string::npos);
    for (const std::string& part : parts) CHECK(output.find(part) != std::string::npos);
    CHECK(output.find("\nready") == std::string::npos);
  }

 private:
  TemporaryFolder folder_;
};

TEST_SUITE("e2e/bad_files") {
  TEST_CASE("a missing file is named") {
    for (const std::string name : {"config.json", "tokenizer.json", "tokenizer_config.json", kWeights}) {
      CAPTURE(name);
      ModelCopy model;
      model.remove(name);
      model.check_refused({model.path().string(), name});
    }
  }

  TEST_CASE("what a model may lack: sampling defaults are those of the protocol, chat is refused") {
    ModelCopy model;
    model.remove("generation_config.json");
    model.write("tokenizer_config.json", "{}");
    TopologyText topology;
    topology.model = model.path().string();
    EngineUnderTest engine(topology);
    auto client = engine.connect();
    CHECK(client.welcome().sampling_defaults == SamplingParams{});
    CHECK(generate(client, greedy("text", "Once", 4)).ids.size() == 4);
    const Answer chat = generate(client, greedy("chat", std::vector<ChatMessage>{{"user", "Hello"}}, 4));
    REQUIRE(chat.error.has_value());
    CHECK(chat.error->code == ErrorCode::kInvalidRequest);
    CHECK(chat.error->message == "this model has no chat template; send text or token ids");
  }

  TEST_CASE("weights cut short anywhere") {
    ModelCopy model;
    const auto whole = std::filesystem::file_size(model.file(kWeights));
    for (const std::uintmax_t bytes :
         {whole - 1, whole / 2, std::uintmax_t{6000}, std::uintmax_t{8}, std::uintmax_t{7}, std::uintmax_t{0}}) {
      CAPTURE(bytes);
      model.resize(kWeights, bytes);
      model.check_refused({model.file(kWeights)});
    }
  }

  TEST_CASE("headers that lie: overlaps, gaps, sizes, dtypes, and numbers beyond all bounds") {
    const std::function<void(Json&)> edits[] = {
        [](Json& h) { h[kTensor]["data_offsets"] = h["model.layers.3.mlp.experts.3.up_proj.weight"]["data_offsets"]; },
        [](Json& h) { h[kTensor]["data_offsets"][1] = h[kTensor]["data_offsets"][1].get<std::uint64_t>() - 2; },
        [](Json& h) {
          h[kTensor]["data_offsets"] = {0xFFFFFFFFFFFFFF00u, 0xFFFFFFFFFFFFFFFFu};
        },
        [](Json& h) {
          h[kTensor]["data_offsets"] = {-4, 4};
        },
        [](Json& h) {
          h[kTensor]["shape"] = {0x100000000u, 0x100000000u};
        },
        [](Json& h) { h[kTensor]["shape"] = "wide"; },
        [](Json& h) { h[kTensor]["dtype"] = "BF17"; },
        [](Json& h) { h[kTensor] = 7; },
    };
    for (std::size_t i = 0; i < std::size(edits); ++i) {
      CAPTURE(i);
      ModelCopy model;
      model.edit_header(edits[i]);
      model.check_refused({model.file(kWeights), "tensor '"});
    }
  }

  TEST_CASE("headers that are none") {
    for (const std::string& bytes :
         {std::string(64, '\xFF'), std::string("\x04\0\0\0\0\0\0\0{}}}", 12), std::string("\x02\0\0\0\0\0\0\0[]", 10),
          std::string("\x00\0\0\0\0\0\0\x80{}", 10)}) {
      ModelCopy model;
      model.write(kWeights, bytes);
      model.check_refused({model.file(kWeights)});
    }
  }

  TEST_CASE("a tensor that is missing, or of another shape or type, is named by the stage that needs it") {
    for (const std::string rank : {"head/cpu:0", "spawn/cpu:0"}) {
      CAPTURE(rank);
      ModelCopy turned;
      turned.edit_header([](Json& h) { std::swap(h[kTensor]["shape"][0], h[kTensor]["shape"][1]); });
      turned.check_refused({turned.file(kWeights), std::string("tensor '") + kTensor +
                                                       "' has shape [192, 64], config.json asks for [64, 192]"},
                           rank);
      ModelCopy renamed;
      renamed.edit_header([](Json& h) {
        h["model.layers.4.mlp.other.weight"] = h[kTensor];
        h.erase(kTensor);
      });
      renamed.check_refused({renamed.file(kWeights), std::string("has no tensor '") + kTensor + "'"}, rank);
      ModelCopy whole_numbers;
      whole_numbers.edit_header([](Json& h) { h[kTensor]["dtype"] = "I16"; });
      whole_numbers.check_refused({kTensor, "I16"}, rank);
    }
  }

  TEST_CASE("config.json: unknown architectures, missing keys, numbers out of range") {
    const std::tuple<std::string, Json, std::string> edits[] = {
        {"architectures", Json::array({"MambaForCausalLM"}), "architecture 'MambaForCausalLM' is not supported"},
        {"architectures", Json::array(), "architectures"},
        {"hidden_size", 0, "hidden_size"},
        {"hidden_size", -256, "hidden_size"},
        {"hidden_size", "wide", "hidden_size"},
        {"num_hidden_layers", 0xFFFFFFFFFFFFFFFFu, "num_hidden_layers"},
        {"n_group", 3, "n_group"},
        {"vocab_size", nullptr, "vocab_size"},
        {"rms_norm_eps", 1e9, "rms_norm_eps"},
        {"eos_token_id", 4096, "eos_token_id"},
        {"rope_scaling", Json{{"rope_type", "longrope"}}, "longrope"},
        {"hidden_act", "gelu", "gelu"},
    };
    for (const auto& [key, value, part] : edits) {
      CAPTURE(key);
      ModelCopy model;
      model.edit_config(key, value);
      model.check_refused({model.file("config.json"), part});
    }
  }

  TEST_CASE("JSON files that are no JSON") {
    for (const std::string name :
         {"config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json"}) {
      for (const std::string& text : {std::string("{\"a\": "), std::string(), std::string(100'000, '[')}) {
        CAPTURE(name);
        ModelCopy model;
        model.write(name, text);
        model.check_refused({model.path().string(), name});
      }
    }
  }

  TEST_CASE("a config.json that belongs to other weights") {
    ModelCopy wider;
    wider.edit_config("vocab_size", 5000);
    wider.check_refused({wider.file(kWeights), "model.embed_tokens.weight", "[5000, 192]"});
    ModelCopy narrower;  // The tokenizer has more tokens than the model.
    narrower.edit_config("vocab_size", 4000);
    narrower.check_refused({});
  }
}

}  // namespace
}  // namespace sluice::test

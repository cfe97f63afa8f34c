// Frequencies and magnitudes against those of transformers' modeling_rope_utils.
#include "pipeline/model/rope.h"

#include <doctest/doctest.h>

#include <cmath>

#include "pipeline/model/rope_section.h"

namespace sluice {
namespace {

RopeSection read(const std::string& text, std::uint32_t context) {
  auto json = JsonReader::parse(text, "config.json");
  REQUIRE(json.ok());
  RopeSection section = read_rope(*json, context);
  INFO((json->error().has_value() ? json->error()->message : ""));
  REQUIRE_FALSE(json->error().has_value());
  return section;
}

void check_frequencies(const RopeConfig& rope, const std::vector<float>& expected) {
  const auto found = scaled_inverse_frequencies(rope, static_cast<std::uint32_t>(2 * expected.size()));
  REQUIRE(found.size() == expected.size());
  for (std::size_t i = 0; i < found.size(); ++i) {
    CAPTURE(i);
    CHECK(std::abs(found[i] - expected[i]) <= 1e-6f * expected[i]);
  }
}

}  // namespace

TEST_SUITE("pipeline/model/rope") {
  TEST_CASE("yarn as DeepSeek-V3 has it") {
    const RopeSection section = read(
        R"({"rope_scaling": {"type": "yarn", "factor": 40, "original_max_position_embeddings": 4096, "beta_fast": 32,
            "beta_slow": 1, "mscale": 1.0, "mscale_all_dim": 1.0}})",
        163840);
    CHECK(section.rope.magnitude == 1.0f);
    CHECK(section.mscale_all_dim == 1.0f);
    check_frequencies(section.rope, {1.0f,
                                     0.749894202f,
                                     0.562341332f,
                                     0.421696514f,
                                     0.316227764f,
                                     0.237137362f,
                                     0.177827939f,
                                     0.133352146f,
                                     0.100000001f,
                                     0.0749894157f,
                                     0.0562341288f,
                                     0.0390069261f,
                                     0.0268793609f,
                                     0.0183781441f,
                                     0.012447956f,
                                     0.0083345091f,
                                     0.00550000044f,
                                     0.00356199732f,
                                     0.00224936521f,
                                     0.00137051346f,
                                     0.000790569407f,
                                     0.000414990413f,
                                     0.00017782794f,
                                     3.3338034e-05f,
                                     2.49999994e-05f,
                                     1.87473543e-05f,
                                     1.40585325e-05f,
                                     1.05424124e-05f,
                                     7.90569447e-06f,
                                     5.92843435e-06f,
                                     4.44569832e-06f,
                                     3.33380353e-06f});
  }

  TEST_CASE("yarn's magnitude: from both mscales, from the factor alone, or as given") {
    const std::string head =
        R"({"rope_scaling": {"type": "yarn", "factor": 4.0, "original_max_position_embeddings": 64)";
    const RopeSection both = read(head + R"(, "mscale": 0.707, "mscale_all_dim": 0.5}})", 256);
    CHECK(both.rope.magnitude == doctest::Approx(1.0268361529030026).epsilon(1e-7));
    check_frequencies(both.rope, {1.0f, 0.237170815f, 0.049999997f, 0.00790569466f, 0.00249999994f, 0.000790569466f,
                                  0.000250000012f, 7.90569466e-05f});
    CHECK(read(head + "}}", 256).rope.magnitude == doctest::Approx(0.1 * std::log(4.0) + 1.0).epsilon(1e-7));
    CHECK(read(head + R"(, "mscale": 0.707}})", 256).rope.magnitude == read(head + "}}", 256).rope.magnitude);
    CHECK(read(head + R"(, "attention_factor": 1.25}})", 256).rope.magnitude == 1.25f);
  }

  TEST_CASE("yarn without whole dimensions, and with another base") {
    const RopeSection fractional = read(
        R"({"rope_scaling": {"type": "yarn", "factor": 3.0, "original_max_position_embeddings": 100, "truncate": false}})",
        300);
    check_frequencies(fractional.rope,
                      {1.0f, 0.378333718f, 0.135770425f, 0.0445285887f, 0.0154719604f, 0.00718144979f, 0.00333333341f,
                       0.00154719653f, 0.000718144758f, 0.00033333333f, 0.000154719659f, 7.18144729e-05f});
    const RopeSection qwen = read(
        R"({"rope_parameters": {"rope_type": "yarn", "rope_theta": 1000000.0, "factor": 4.0,
            "original_max_position_embeddings": 32768}})",
        131072);
    check_frequencies(qwen.rope, {1.0f, 0.421696514f, 0.177827939f, 0.0749894157f, 0.0316227786f, 0.0133352149f,
                                  0.00477990136f, 0.00165996165f, 0.000549999997f, 0.000168678584f, 4.44569851e-05f,
                                  1.87473561e-05f, 7.90569356e-06f, 3.33380353e-06f, 1.40585337e-06f, 5.92843435e-07f});
  }

  TEST_CASE("without a factor yarn stretches to the context") {
    const RopeSection section =
        read(R"({"rope_scaling": {"type": "yarn", "original_max_position_embeddings": 64}})", 256);
    CHECK(section.rope.factor == 4.0f);
  }

  TEST_CASE("dynamic scaling begins beyond the context, so that it is none within it") {
    const RopeSection section = read(R"({"rope_scaling": {"type": "dynamic", "factor": 8}})", 256);
    CHECK(section.rope == RopeConfig{});
  }

  TEST_CASE("linear scaling divides all frequencies") {
    const RopeSection section = read(R"({"rope_scaling": {"type": "linear", "factor": 4}})", 256);
    const auto plain = scaled_inverse_frequencies(RopeConfig{}, 16);
    const auto scaled = scaled_inverse_frequencies(section.rope, 16);
    for (std::size_t i = 0; i < 8; ++i) CHECK(scaled[i] == plain[i] / 4.0f);
  }

  TEST_CASE("an unknown type names itself and what is supported") {
    auto json = JsonReader::parse(R"({"rope_parameters": {"rope_type": "longrope"}})", "config.json");
    (void)read_rope(*json, 256);
    REQUIRE(json->error().has_value());
    CHECK(json->error()->message.find(
              "'longrope' is not supported; supported: default, linear, dynamic, llama3, yarn") != std::string::npos);
  }
}

}  // namespace sluice

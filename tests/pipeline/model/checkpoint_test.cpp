#include "pipeline/model/checkpoint.h"

#include <doctest/doctest.h>

#include "tests/pipeline/model/safetensors_writer.h"
#include "tests/support/temp_directory.h"

namespace sluice {
namespace {

using test::safetensors_file;

const std::vector<std::uint64_t> kShape = {2, 2};

std::string file_with(const std::string& tensor) {
  return safetensors_file({{tensor, "U8", kShape, "abcd"}});
}

std::string error_of(const Result<TensorView>& found) {
  return found.ok() ? "found" : found.error().message;
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_SUITE("pipeline/model/checkpoint") {
  TEST_CASE("a single file serves all tensors") {
    test::TempDirectory directory;
    directory.write("model.safetensors", file_with("a"));

    auto checkpoint = Checkpoint::open(directory.path());

    REQUIRE(checkpoint.ok());
    CHECK(checkpoint->find("a", kShape).ok());
    CHECK(contains(error_of(checkpoint->find("b", kShape)), "has no tensor 'b'"));
    CHECK(contains(error_of(checkpoint->find("a", std::vector<std::uint64_t>{2, 3})), "shape [2, 2]"));
    CHECK(contains(error_of(checkpoint->find("a", std::vector<std::uint64_t>{2})), "asks for [2]"));
  }

  TEST_CASE("an index leads to the shards and opens only those that are asked for") {
    test::TempDirectory directory;
    directory.write("model.safetensors.index.json",
                    R"({"metadata": {"total_size": 8}, "weight_map": {"a": "one.safetensors", "b": "two.safetensors",
                        "gone": "one.safetensors"}})");
    directory.write("one.safetensors", file_with("a"));

    auto checkpoint = Checkpoint::open(directory.path());

    REQUIRE(checkpoint.ok());
    CHECK(checkpoint->find("a", kShape).ok());
    CHECK(contains(error_of(checkpoint->find("b", kShape)), "two.safetensors"));
    CHECK(contains(error_of(checkpoint->find("gone", kShape)), "one.safetensors: has no tensor 'gone'"));
    CHECK(contains(error_of(checkpoint->find("c", kShape)), "index.json: names no tensor 'c'"));
  }

  TEST_CASE("an index that leads out of the directory is refused") {
    for (const std::string name : {"../one.safetensors", "/absolute/one.safetensors", "sub/one.safetensors", "..", ".",
                                   "", "a\\\\b", "a\\u0000b"}) {
      CAPTURE(name);
      test::TempDirectory directory;
      directory.write("model.safetensors.index.json", "{\"weight_map\": {\"a\": \"" + name + "\"}}");
      const auto checkpoint = Checkpoint::open(directory.path());
      REQUIRE_FALSE(checkpoint.ok());
      CHECK(checkpoint.error().code == ErrorCode::kModelLoadFailed);
      CHECK(contains(checkpoint.error().message, "leads out"));
    }
  }

  TEST_CASE("an index that is none is refused") {
    for (const std::string text : {"", "{}", "[]", "{\"weight_map\": {}}", "{\"weight_map\": 3}",
                                   "{\"weight_map\": {\"a\": 3}}", "{\"weight_map\": [\"a\"]}"}) {
      CAPTURE(text);
      test::TempDirectory directory;
      directory.write("model.safetensors.index.json", text);
      CHECK_FALSE(Checkpoint::open(directory.path()).ok());
    }
  }

  TEST_CASE("a directory without weights is named") {
    test::TempDirectory directory;
    const auto checkpoint = Checkpoint::open(directory.path());
    REQUIRE_FALSE(checkpoint.ok());
    CHECK(contains(checkpoint.error().message, directory.path().string()));
  }
}

}  // namespace sluice

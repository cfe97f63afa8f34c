#include "pipeline/model/fingerprint.h"

#include <doctest/doctest.h>

#include <fstream>

#include "tests/support/paths.h"
#include "tests/support/temp_directory.h"

namespace sluice {
namespace {

void copy_model(const std::filesystem::path& to) {
  const auto from = test::source_path("examples/models/storyteller-llama");
  for (const char* name : {"config.json", "model.safetensors"}) std::filesystem::copy_file(from / name, to / name);
}

void change_byte(const std::filesystem::path& file, std::streamoff at) {
  std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
  stream.seekg(at);
  const char byte = static_cast<char>(stream.get() ^ 1);
  stream.seekp(at);
  stream.put(byte);
  REQUIRE(stream.good());
}

std::uint64_t print_of(const std::filesystem::path& directory, WeightsKind weights = WeightsKind::kFile) {
  const auto print = model_fingerprint(directory, weights);
  INFO((print.ok() ? "" : print.error().message));
  REQUIRE(print.ok());
  return *print;
}

}  // namespace

TEST_SUITE("pipeline/model/fingerprint") {
  TEST_CASE("a copy has the same one, a changed config or weight index another, changed weights none of their own") {
    test::TempDirectory directory;
    copy_model(directory.path());
    const std::uint64_t original = print_of(test::source_path("examples/models/storyteller-llama"));
    CHECK(print_of(directory.path()) == original);
    change_byte(directory.path() / "model.safetensors",
                static_cast<std::streamoff>(std::filesystem::file_size(directory.path() / "model.safetensors")) - 1);
    CHECK(print_of(directory.path()) == original);
    change_byte(directory.path() / "model.safetensors", 20);
    CHECK(print_of(directory.path()) != original);
    CHECK(print_of(directory.path(), WeightsKind::kMock) ==
          print_of(test::source_path("examples/models/storyteller-llama"), WeightsKind::kMock));
    change_byte(directory.path() / "config.json", 5);
    CHECK(print_of(directory.path(), WeightsKind::kMock) !=
          print_of(test::source_path("examples/models/storyteller-llama"), WeightsKind::kMock));
  }

  TEST_CASE("what is no model says so") {
    test::TempDirectory directory;
    CHECK_FALSE(model_fingerprint(directory.path(), WeightsKind::kMock).ok());
    std::ofstream(directory.path() / "config.json") << "{}";
    CHECK(model_fingerprint(directory.path(), WeightsKind::kMock).ok());
    CHECK_FALSE(model_fingerprint(directory.path(), WeightsKind::kFile).ok());
    std::ofstream(directory.path() / "model.safetensors") << "short";
    CHECK_FALSE(model_fingerprint(directory.path(), WeightsKind::kFile).ok());
    std::ofstream(directory.path() / "model.safetensors") << "\xff\xff\xff\xff\xff\xff\xff\xff{}";
    CHECK_FALSE(model_fingerprint(directory.path(), WeightsKind::kFile).ok());
  }
}

}  // namespace sluice

#include "pipeline/model/safetensors.h"

#include <doctest/doctest.h>

#include "base/random.h"
#include "tests/pipeline/model/safetensors_writer.h"
#include "tests/support/paths.h"
#include "tests/support/temp_directory.h"

namespace sluice {
namespace {

using test::bytes_of;
using test::safetensors_file;

struct Refusal {
  test::TempDirectory directory;

  // The error of opening these bytes; "accepted" where there is none.
  std::string of(const std::string& bytes) {
    const auto path = directory.write("model.safetensors", bytes);
    const auto file = SafetensorsFile::open(path);
    if (file.ok()) return "accepted";
    CHECK(file.error().code == ErrorCode::kModelLoadFailed);
    CHECK(file.error().message.find(path.string()) == 0);
    return file.error().message;
  }

  // A header of one tensor `x` described by `fields`, before `data_bytes` bytes.
  std::string of_tensor(const std::string& fields, std::size_t data_bytes) {
    return of(safetensors_file("{\"x\": {" + fields + "}}", std::string(data_bytes, 'a')));
  }
};

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_SUITE("pipeline/model/safetensors") {
  TEST_CASE("tensors are found with dtype and shape and bytes") {
    test::TempDirectory directory;
    const auto path = directory.write(
        "model.safetensors", safetensors_file({{"a", "F32", {2, 3}, bytes_of(std::vector<float>{1, 2, 3, 4, 5, 6})},
                                               {"b", "BF16", {2}, bytes_of(std::vector<std::uint16_t>{0x3f80, 0x4000})},
                                               {"empty", "F16", {0, 5}, ""},
                                               {"scalar", "I64", {}, std::string(8, '\1')}}));

    const auto file = SafetensorsFile::open(path);

    REQUIRE(file.ok());
    CHECK((*file)->num_tensors() == 4);
    const auto* a = (*file)->find("a");
    REQUIRE(a != nullptr);
    CHECK(a->dtype == DType::kF32);
    CHECK(a->shape == std::vector<std::uint64_t>{2, 3});
    float last = 0;
    std::memcpy(&last, a->bytes.data() + 20, 4);
    CHECK(last == 6.0f);
    const auto* b = (*file)->find("b");
    REQUIRE(b != nullptr);
    CHECK(b->bytes.data() == a->bytes.data() + 24);
    CHECK((*file)->find("empty")->bytes.empty());
    CHECK_FALSE((*file)->find("scalar")->dtype.has_value());
    CHECK((*file)->find("scalar")->dtype_name == "I64");
    CHECK((*file)->find("c") == nullptr);
  }

  TEST_CASE("the demo model opens") {
    const auto file = SafetensorsFile::open(test::source_path("examples/models/storyteller-llama/model.safetensors"));
    REQUIRE(file.ok());
    CHECK((*file)->num_tensors() == 6 * 9 + 2);
  }

  TEST_CASE("a file that is no file is refused") {
    test::TempDirectory directory;
    CHECK_FALSE(SafetensorsFile::open(directory.path()).ok());
    CHECK_FALSE(SafetensorsFile::open(directory.path() / "absent").ok());
  }

  TEST_CASE("every truncation is refused") {
    Refusal refusal;
    const auto whole = safetensors_file({{"a", "F32", {2}, std::string(8, 'x')}, {"b", "U8", {3}, "abc"}});
    CHECK(refusal.of(whole) == "accepted");
    for (std::size_t size = 0; size < whole.size(); ++size) CHECK(refusal.of(whole.substr(0, size)) != "accepted");
  }

  TEST_CASE("header lengths beyond limit and file are refused") {
    Refusal refusal;
    std::string file(8, '\xff');
    CHECK(contains(refusal.of(file + "{}"), "limit"));
    file = std::string(8, '\0');
    file[0] = 3;
    CHECK(contains(refusal.of(file + "{}"), "truncated"));
    CHECK(contains(refusal.of(""), "too few"));
  }

  TEST_CASE("a header that is no object is refused") {
    Refusal refusal;
    for (const std::string header : {"", "[]", "3", "{", "{]", "\xff\xff", "{\"x\": 3}", "{\"x\": []}"}) {
      CAPTURE(header);
      CHECK(refusal.of(safetensors_file(header, "")) != "accepted");
    }
    std::string nested(1000000, '[');
    CHECK(contains(refusal.of(safetensors_file("{\"x\":" + nested, "")), "nested"));
  }

  TEST_CASE("a tensor that does not describe itself is refused by name") {
    Refusal refusal;
    CHECK(contains(refusal.of_tensor(R"("shape": [1], "data_offsets": [0, 4])", 4), "tensor 'x': dtype"));
    CHECK(contains(refusal.of_tensor(R"("dtype": "F99", "shape": [1], "data_offsets": [0, 4])", 4), "F99"));
    CHECK(contains(refusal.of_tensor(R"("dtype": "F32", "data_offsets": [0, 4])", 4), "shape"));
    CHECK(contains(refusal.of_tensor(R"("dtype": "F32", "shape": [-1], "data_offsets": [0, 4])", 4), "shape"));
    CHECK(contains(refusal.of_tensor(R"("dtype": "F32", "shape": [1.0], "data_offsets": [0, 4])", 4), "shape"));
    CHECK(contains(refusal.of_tensor(R"("dtype": "F32", "shape": [1])", 4), "data_offsets"));
    CHECK(contains(refusal.of_tensor(R"("dtype": "F32", "shape": [1], "data_offsets": [4])", 4), "data_offsets"));
    CHECK(contains(refusal.of_tensor(R"("dtype": "F32", "shape": [1], "data_offsets": [0, -4])", 4), "data_offsets"));
    CHECK(contains(refusal.of_tensor(R"("dtype": "F32", "shape": [1,1,1,1,1,1,1,1,1], "data_offsets": [0, 4])", 4),
                   "dimensions"));
  }

  TEST_CASE("shapes whose product overflows are refused") {
    Refusal refusal;
    CHECK(contains(refusal.of_tensor(R"("dtype": "F32", "shape": [4294967296, 4294967296], "data_offsets": [0, 0])", 0),
                   "too large"));
    CHECK(contains(refusal.of_tensor(R"("dtype": "F64", "shape": [2305843009213693952], "data_offsets": [0, 0])", 0),
                   "too large"));
  }

  TEST_CASE("ranges that do not fit file or shape are refused") {
    Refusal refusal;
    CHECK(
        contains(refusal.of_tensor(R"("dtype": "F32", "shape": [2], "data_offsets": [0, 8])", 4), "that the file has"));
    CHECK(
        contains(refusal.of_tensor(R"("dtype": "F32", "shape": [1], "data_offsets": [4, 0])", 4), "that the file has"));
    CHECK(contains(refusal.of_tensor(R"("dtype": "F32", "shape": [2], "data_offsets": [0, 4])", 4), "its shape needs"));
    CHECK(contains(
        refusal.of_tensor(
            R"("dtype": "F32", "shape": [1], "data_offsets": [18446744073709551612, 18446744073709551615])", 4),
        "that the file has"));
    CHECK(contains(refusal.of_tensor(R"("dtype": "U8", "shape": [3], "data_offsets": [0, 3])", 4), "cover"));
    CHECK(contains(refusal.of_tensor(R"("dtype": "U8", "shape": [3], "data_offsets": [1, 4])", 4), "gap"));
  }

  TEST_CASE("overlapping and doubly named tensors are refused") {
    Refusal refusal;
    CHECK(contains(refusal.of(safetensors_file(R"({"a": {"dtype": "U8", "shape": [3], "data_offsets": [0, 3]},
                                                   "b": {"dtype": "U8", "shape": [2], "data_offsets": [2, 4]}})",
                                               "abcd")),
                   "overlaps"));
    CHECK(contains(refusal.of(safetensors_file(R"({"a": {"dtype": "U8", "shape": [4], "data_offsets": [0, 4]},
                                                   "b": {"dtype": "U8", "shape": [4], "data_offsets": [0, 4]}})",
                                               "abcd")),
                   "overlaps"));
    CHECK(contains(refusal.of(safetensors_file(R"({"a": {"dtype": "U8", "shape": [2], "data_offsets": [0, 2]},
                                                   "a": {"dtype": "U8", "shape": [4], "data_offsets": [0, 4]}})",
                                               "abcd")),
                   "twice"));
  }

  TEST_CASE("random changes of a file never do more than fail") {
    Refusal refusal;
    const auto whole = safetensors_file({{"a", "F32", {2}, std::string(8, 'x')}, {"b", "U8", {3}, "abc"}});
    for (std::uint64_t seed = 0; seed < 500; ++seed) {
      SplitMix64 random(seed);
      auto changed = whole;
      for (std::uint64_t i = 0; i <= random.below(4); ++i) {
        changed[random.below(changed.size())] = static_cast<char>(random.next());
      }
      const auto path = refusal.directory.write("model.safetensors", changed);
      const auto file = SafetensorsFile::open(path);
      if (!file.ok()) continue;
      for (const char* name : {"a", "b"}) {
        const auto* tensor = (*file)->find(name);
        if (tensor != nullptr) CHECK(tensor->bytes.size() <= 11);
      }
    }
  }
}

}  // namespace sluice

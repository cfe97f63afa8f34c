#include "pipeline/model/safetensors.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <optional>
#include <unordered_set>

#include "base/json_nesting.h"

namespace sluice {
namespace {

using Json = nlohmann::json;

struct ElementType {
  std::string_view name;
  std::uint64_t size_bytes;
  std::optional<DType> dtype;
};

constexpr std::array kElementTypes = {
    ElementType{"F64", 8, {}},          ElementType{"F32", 4, DType::kF32},
    ElementType{"F16", 2, DType::kF16}, ElementType{"BF16", 2, DType::kBF16},
    ElementType{"F8_E4M3", 1, {}},      ElementType{"F8_E5M2", 1, {}},
    ElementType{"F8_E8M0", 1, {}},      ElementType{"I64", 8, {}},
    ElementType{"U64", 8, {}},          ElementType{"I32", 4, {}},
    ElementType{"U32", 4, {}},          ElementType{"I16", 2, {}},
    ElementType{"U16", 2, {}},          ElementType{"I8", 1, {}},
    ElementType{"U8", 1, {}},           ElementType{"BOOL", 1, {}},
};

// A name from a file, fit for an error message: short and without control characters.
std::string shown_name(std::string_view name) {
  std::string text = "'";
  for (const char c : name.substr(0, 100)) text += static_cast<unsigned char>(c) < 0x20 ? '?' : c;
  return text + (name.size() > 100 ? "...'" : "'");
}

struct Range {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  std::string_view name;
};

// Looks for a name that the object of a text has twice: of such names a tree keeps one, and does not tell.
class TopLevelNames final : public nlohmann::json_sax<Json> {
 public:
  const std::optional<std::string>& duplicate() const { return duplicate_; }

  bool key(string_t& name) override {
    if (depth_ == 1 && !names_.insert(name).second && !duplicate_) duplicate_ = name;
    return true;
  }
  bool start_object(std::size_t) override { return enter(); }
  bool end_object() override { return leave(); }
  bool start_array(std::size_t) override { return enter(); }
  bool end_array() override { return leave(); }
  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t) override { return true; }
  bool number_unsigned(number_unsigned_t) override { return true; }
  bool number_float(number_float_t, const string_t&) override { return true; }
  bool string(string_t&) override { return true; }
  bool binary(binary_t&) override { return true; }
  bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception&) override { return false; }

 private:
  bool enter() {
    ++depth_;
    return true;
  }
  bool leave() {
    --depth_;
    return true;
  }

  std::size_t depth_ = 0;
  std::unordered_set<std::string> names_;
  std::optional<std::string> duplicate_;
};

class HeaderReader {
 public:
  HeaderReader(const std::filesystem::path& path, std::span<const std::byte> bytes) : path_(path), bytes_(bytes) {}

  Result<std::unordered_map<std::string, TensorView>> read() {
    auto header = parse();
    if (!header.ok()) return header.error();
    std::unordered_map<std::string, TensorView> tensors;
    std::vector<Range> ranges;
    for (const auto& [name, description] : header->items()) {
      if (name == "__metadata__") continue;
      auto range = read_tensor(name, description, tensors[name]);
      if (!range.ok()) return range.error();
      ranges.push_back(*range);
    }
    if (auto cover = check_cover(ranges); !cover.ok()) return cover.error();
    return tensors;
  }

 private:
  Error fail(const std::string& what) const { return Error{ErrorCode::kModelLoadFailed, path_.string() + ": " + what}; }
  Error fail(std::string_view tensor, const std::string& what) const {
    return fail("tensor " + shown_name(tensor) + ": " + what);
  }

  Result<Json> parse() {
    constexpr std::size_t kLengthBytes = 8;
    if (bytes_.size() < kLengthBytes)
      return fail("has " + std::to_string(bytes_.size()) + " bytes, too few for a header");
    std::uint64_t length = 0;
    for (std::size_t i = 0; i < kLengthBytes; ++i) length |= std::to_integer<std::uint64_t>(bytes_[i]) << (8 * i);
    if (length > SafetensorsFile::kHeaderBytesMax) {
      return fail("header of " + std::to_string(length) + " bytes, limit " +
                  std::to_string(SafetensorsFile::kHeaderBytesMax));
    }
    if (length > bytes_.size() - kLengthBytes) {
      return fail("truncated: header of " + std::to_string(length) + " bytes in a file of " +
                  std::to_string(bytes_.size()));
    }
    const auto* const text = reinterpret_cast<const char*>(bytes_.data()) + kLengthBytes;
    data_ = bytes_.subspan(kLengthBytes + static_cast<std::size_t>(length));
    return parse_json({text, static_cast<std::size_t>(length)});
  }

  Result<Json> parse_json(std::string_view text) const {
    constexpr std::size_t kDepth = 3;  // Of the format.
    if (json_nesting(text) > kDepth) return fail("header is nested too deep");
    TopLevelNames names;
    Json header;
    if (Json::sax_parse(text.begin(), text.end(), &names)) {
      header = Json::parse(text.begin(), text.end(), nullptr, /*allow_exceptions=*/false);
    }
    if (header.is_discarded() || !header.is_object()) return fail("header is not a JSON object");
    if (names.duplicate()) return fail(*names.duplicate(), "named twice");
    return header;
  }

  Result<Range> read_tensor(const std::string& name, const Json& description, TensorView& view) const {
    const auto field = [&](const char* key) {
      const auto it = description.find(key);
      return it == description.end() ? nullptr : &*it;
    };
    const Json* const dtype = field("dtype");
    const Json* const shape = field("shape");
    const Json* const offsets = field("data_offsets");
    if (dtype == nullptr || !dtype->is_string()) return fail(name, "dtype missing");
    if (shape == nullptr || !shape->is_array()) return fail(name, "shape missing");
    if (offsets == nullptr || !offsets->is_array() || offsets->size() != 2 || !(*offsets)[0].is_number_unsigned() ||
        !(*offsets)[1].is_number_unsigned()) {
      return fail(name, "data_offsets are not two whole numbers");
    }

    const auto& dtype_name = dtype->get_ref<const std::string&>();
    const auto type = std::find_if(kElementTypes.begin(), kElementTypes.end(),
                                   [&](const ElementType& known) { return known.name == dtype_name; });
    if (type == kElementTypes.end()) return fail(name, "unknown dtype " + shown_name(dtype_name));
    view.dtype = type->dtype;
    view.dtype_name = type->name;

    auto size = type->size_bytes;
    if (shape->size() > SafetensorsFile::kDimensionsMax) {
      return fail(name, "has " + std::to_string(shape->size()) + " dimensions, limit " +
                            std::to_string(SafetensorsFile::kDimensionsMax));
    }
    for (const auto& dimension : *shape) {
      if (!dimension.is_number_unsigned()) return fail(name, "shape has something else than whole numbers");
      const auto extent = dimension.get<std::uint64_t>();
      if (__builtin_mul_overflow(size, extent, &size)) return fail(name, "shape is too large");
      view.shape.push_back(extent);
    }

    const Range range{(*offsets)[0].get<std::uint64_t>(), (*offsets)[1].get<std::uint64_t>(), name};
    if (range.begin > range.end || range.end > data_.size()) {
      return fail(name, "bytes " + std::to_string(range.begin) + " to " + std::to_string(range.end) + " of " +
                            std::to_string(data_.size()) + " that the file has");
    }
    if (range.end - range.begin != size) {
      return fail(name,
                  "has " + std::to_string(range.end - range.begin) + " bytes, its shape needs " + std::to_string(size));
    }
    view.bytes = data_.subspan(static_cast<std::size_t>(range.begin), static_cast<std::size_t>(size));
    return range;
  }

  Result<void> check_cover(std::vector<Range>& ranges) const {
    std::sort(ranges.begin(), ranges.end(),
              [](const Range& a, const Range& b) { return a.begin != b.begin ? a.begin < b.begin : a.end < b.end; });
    std::uint64_t covered = 0;
    for (const auto& range : ranges) {
      if (range.begin < covered) return fail(range.name, "overlaps another tensor");
      if (range.begin > covered) return fail(range.name, "begins after a gap in the data");
      covered = range.end;
    }
    if (covered != data_.size()) {
      return fail("has " + std::to_string(data_.size()) + " bytes of data, its tensors cover " +
                  std::to_string(covered));
    }
    return {};
  }

  const std::filesystem::path& path_;
  std::span<const std::byte> bytes_;
  std::span<const std::byte> data_;
};

}  // namespace

Result<std::shared_ptr<const SafetensorsFile>> SafetensorsFile::open(const std::filesystem::path& path) {
  auto mapped = MappedFile::open(path);
  if (!mapped.ok()) return mapped.error();
  auto tensors = HeaderReader(path, (*mapped)->bytes()).read();
  if (!tensors.ok()) return tensors.error();
  auto file = std::shared_ptr<SafetensorsFile>(new SafetensorsFile);
  file->path_ = path;
  file->file_ = *std::move(mapped);
  file->tensors_ = *std::move(tensors);
  return std::shared_ptr<const SafetensorsFile>(std::move(file));
}

const TensorView* SafetensorsFile::find(const std::string& name) const {
  const auto it = tensors_.find(name);
  return it == tensors_.end() ? nullptr : &it->second;
}

}  // namespace sluice

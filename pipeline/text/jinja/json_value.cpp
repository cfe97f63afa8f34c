#include "pipeline/text/jinja/json_value.h"

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace sluice::jinja {
namespace {

// Takes nlohmann's events, so that no tree is made twice and no nesting is followed by recursion.
class ValueBuilder {
 public:
  explicit ValueBuilder(bool is_trusted) : is_trusted_(is_trusted) {}

  bool null() { return add(Value::none()); }
  bool boolean(bool value) { return add(Value::of_bool(value)); }
  bool number_integer(std::int64_t value) { return add(Value::of_int(value)); }
  bool number_unsigned(std::uint64_t value) {
    if (value > std::uint64_t{INT64_MAX}) return fail("has an integer of more than 64 bits");
    return add(Value::of_int(static_cast<std::int64_t>(value)));
  }
  bool number_float(double value, const std::string& digits) {
    if (digits.find_first_of(".eE") == std::string::npos) return fail("has an integer of more than 64 bits");
    return add(Value::of_float(value));
  }
  bool string(std::string& value) { return add(text(value)); }
  bool binary(nlohmann::json::binary_t&) { return false; }
  bool start_object(std::size_t) { return open(/*is_object=*/true); }
  bool start_array(std::size_t) { return open(/*is_object=*/false); }
  bool key(std::string& name) {
    open_.back().key = text(name);
    return true;
  }
  bool end_object() { return close(Value::of_dict(std::move(open_.back().dict))); }
  bool end_array() { return close(Value::of_sequence(Kind::kList, std::move(open_.back().items))); }
  bool parse_error(std::size_t, const std::string&, const nlohmann::json::exception&) {
    return fail("is no valid JSON");
  }

  const std::string& error() const { return error_; }
  Value take() { return std::move(whole_); }

 private:
  struct Level {
    bool is_object = false;
    Value key;
    Dict dict;
    std::vector<Value> items;
  };

  Value text(std::string& bytes) const { return Value::of_text(Text(std::move(bytes), is_trusted_)); }

  bool fail(const char* why) {
    if (error_.empty()) error_ = why;
    return false;
  }

  bool open(bool is_object) {
    if (open_.size() == kJsonDepthMax) return fail("is nested too deep");
    open_.push_back({is_object, {}, {}, {}});
    return true;
  }

  bool close(Value value) {
    open_.pop_back();
    return add(std::move(value));
  }

  bool add(Value value) {
    if (++num_values_ > kJsonValuesMax) return fail("has too many values");
    if (open_.empty()) {
      whole_ = std::move(value);
    } else if (open_.back().is_object) {
      return open_.back().dict.set(std::move(open_.back().key), std::move(value));
    } else {
      open_.back().items.push_back(std::move(value));
    }
    return true;
  }

  bool is_trusted_;
  std::size_t num_values_ = 0;
  std::string error_;
  std::vector<Level> open_;
  Value whole_;
};

}  // namespace

Result<Value> value_of_json(std::string_view json, std::string_view name, bool is_trusted) {
  ValueBuilder builder(is_trusted);
  if (nlohmann::json::sax_parse(json.begin(), json.end(), &builder)) return builder.take();
  return Error{ErrorCode::kInvalidRequest, std::string(name) + " " + builder.error()};
}

}  // namespace sluice::jinja

#include "pipeline/text/jinja/str_format.h"

#include <algorithm>
#include <charconv>

#include "pipeline/text/jinja/access.h"
#include "pipeline/text/jinja/python_format.h"

namespace sluice::jinja {
namespace {

class FieldFormat {
 public:
  FieldFormat(Run& run, const Text& format, const Arguments& arguments)
      : run_(run), format_(format), bytes_(format.bytes()), arguments_(arguments) {}

  Value result() {
    while (at_ < bytes_.size() && run_.step()) {
      const std::size_t brace = std::min(bytes_.find_first_of("{}", at_), bytes_.size());
      if (!run_.allocate(brace - at_)) return {};
      out_.append(format_, at_, brace);
      at_ = brace;
      if (at_ < bytes_.size()) at_brace();
    }
    return run_.make_text(std::move(out_));
  }

 private:
  void at_brace() {
    const char brace = bytes_[at_];
    if (bytes_.substr(at_ + 1).starts_with(brace)) {
      out_.append(format_, at_, at_ + 1);
      at_ += 2;
      return;
    }
    const std::size_t end = bytes_.find('}', at_);
    if (brace == '}' || end == std::string_view::npos) {
      run_.fail("a single brace in a format string");
      return;
    }
    std::string_view field = bytes_.substr(at_ + 1, end - at_ - 1);
    at_ = end + 1;
    if (field.find_first_of("{:") != std::string_view::npos) {
      run_.fail("format specifications are not supported");
      return;
    }
    const std::size_t bang = field.find('!');
    const std::string_view conversion = bang == std::string_view::npos ? "!s" : field.substr(bang);
    const Value value = value_of(field.substr(0, bang));
    if (conversion == "!s") {
      append_str(run_, value, out_);
    } else if (conversion == "!r") {
      append_repr(run_, value, out_);
    } else {
      run_.fail("unknown conversion in a format string");
    }
  }

  Value value_of(std::string_view field) {
    const std::size_t name_end = std::min(field.find_first_of(".["), field.size());
    Value value = first_of(field.substr(0, name_end));
    field.remove_prefix(name_end);
    while (!field.empty() && !run_.has_failed()) {
      const bool is_item = field[0] == '[';
      const std::size_t end = is_item ? field.find(']') : std::min(field.find_first_of(".[", 1), field.size());
      if (end == std::string_view::npos) return run_.fail("a bracket is left open in a format string");
      const std::string_view name = field.substr(1, end - 1);
      std::int64_t index = 0;
      const bool is_index = is_item && parse(name, index);
      value = is_index  ? item_of(run_, value, Value::of_int(index))
              : is_item ? item_of(run_, value, Value::of_text(Text(std::string(name), false)))
                        : attribute_of(run_, value, Text(std::string(name), false));
      field.remove_prefix(is_item ? end + 1 : end);
    }
    return value;
  }

  Value first_of(std::string_view name) {
    std::int64_t index = 0;
    if (name.empty() || parse(name, index)) {
      if (name.empty()) index = next_++;
      if (index < static_cast<std::int64_t>(arguments_.positional.size())) {
        return arguments_.positional[static_cast<std::size_t>(index)];
      }
      return run_.fail("a format string has more fields than arguments");
    }
    if (const Value* named = arguments_.find(name)) return *named;
    return run_.fail("a format string names '" + std::string(name) + "', which was not passed");
  }

  static bool parse(std::string_view digits, std::int64_t& number) {
    const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    return parsed.ec == std::errc() && parsed.ptr == digits.data() + digits.size() && number >= 0;
  }

  Run& run_;
  const Text& format_;
  std::string_view bytes_;
  const Arguments& arguments_;
  std::size_t at_ = 0;
  std::int64_t next_ = 0;
  Text out_;
};

}  // namespace

Value format_with_fields(Run& run, const Text& format, const Arguments& arguments) {
  return FieldFormat(run, format, arguments).result();
}

}  // namespace sluice::jinja

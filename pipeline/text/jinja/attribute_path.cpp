#include "pipeline/text/jinja/attribute_path.h"

#include <algorithm>
#include <charconv>

#include "pipeline/text/jinja/access.h"

namespace sluice::jinja {

Value value_at(Run& run, const Value& value, const Value* path) {
  if (path == nullptr || path->is(Kind::kNone)) return value;
  if (!path->is_text()) return item_of(run, value, *path);
  Value found = value;
  const Text& names = path->as_text();
  for (std::size_t begin = 0; begin <= names.size() && run.step();) {
    const std::size_t end = std::min(names.bytes().find('.', begin), names.size());
    const std::string_view name = names.bytes().substr(begin, end - begin);
    std::int64_t index = 0;
    const auto parsed = std::from_chars(name.data(), name.data() + name.size(), index);
    const bool is_index = parsed.ec == std::errc() && parsed.ptr == name.data() + name.size() && index >= 0;
    found = item_of(run, found, is_index ? Value::of_int(index) : run.make_text(names.slice(begin, end)));
    begin = end + 1;
  }
  return found;
}

}  // namespace sluice::jinja

#include "pipeline/text/jinja/functions.h"

#include <algorithm>
#include <array>
#include <ctime>

#include "pipeline/text/jinja/access.h"
#include "pipeline/text/jinja/operation.h"
#include "pipeline/text/jinja/python_format.h"

namespace sluice::jinja {
namespace {

// joiner(', '): nothing the first time, the separator from then on.
class Joiner final : public Object {
 public:
  explicit Joiner(Value separator) : separator_(std::move(separator)) {}
  std::string description(Run&) const override { return "<joiner>"; }
  bool is_callable() const override { return true; }
  int depth() const override { return separator_.depth() + 1; }
  Value call(Run& run, const Arguments&) override {
    return std::exchange(was_used_, true) ? separator_ : run.make_text({});
  }

 private:
  Value separator_;
  bool was_used_ = false;
};

// cycler('a', 'b'): next() gives them by turns.
class Cycler final : public Object, public std::enable_shared_from_this<Cycler> {
 public:
  explicit Cycler(std::vector<Value> items) : items_(std::move(items)) {}
  std::string description(Run&) const override { return "<cycler>"; }
  std::optional<Value> attribute(Run& run, std::string_view name) override;
  int depth() const override {
    int depth = 1;
    for (const Value& item : items_) depth = std::max(depth, item.depth() + 1);
    return depth;
  }

  Value next() {
    const Value current = items_[at_];
    at_ = (at_ + 1) % items_.size();
    return current;
  }
  Value reset() {
    at_ = 0;
    return Value::none();
  }

 private:
  std::vector<Value> items_;
  std::size_t at_ = 0;
};

class CyclerMethod final : public Object {
 public:
  CyclerMethod(std::shared_ptr<Cycler> cycler, Value (Cycler::*method)())
      : cycler_(std::move(cycler)), method_(method) {}
  std::string description(Run&) const override { return "<method of cycler>"; }
  bool is_callable() const override { return true; }
  int depth() const override { return cycler_->depth() + 1; }
  Value call(Run&, const Arguments&) override { return ((*cycler_).*method_)(); }

 private:
  std::shared_ptr<Cycler> cycler_;
  Value (Cycler::*method_)();
};

std::optional<Value> Cycler::attribute(Run& run, std::string_view name) {
  if (name == "current") return items_[at_];
  if (name == "next") return run.make_object(std::make_shared<CyclerMethod>(shared_from_this(), &Cycler::next));
  if (name == "reset") return run.make_object(std::make_shared<CyclerMethod>(shared_from_this(), &Cycler::reset));
  return std::nullopt;
}

// Fills `dict` with what dict() and namespace() are passed.
bool fill(Run& run, const Arguments& arguments, Dict& dict) {
  if (arguments.positional.size() > 1) run.fail("takes one mapping at most");
  if (!arguments.positional.empty() && !run.has_failed()) {
    const Value& first = arguments.positional[0];
    if (!run.allocate(first.is_dict() ? first.as_dict().size() * Dict::kEntryBytes : 0)) return false;
    if (first.is_dict()) {
      dict = first.as_dict();
    } else if (const auto pairs = iterate(run, first)) {
      for (const Value& pair : *pairs) {
        const auto parts = iterate(run, pair);
        if (!parts) return false;
        if (parts->size() != 2) {
          run.fail("takes a mapping or pairs");
          return false;
        }
        if (!run.allocate_key((*parts)[0]) || !run.allocate(Dict::kEntryBytes)) return false;
        if (!dict.set((*parts)[0], (*parts)[1])) run.fail("takes a mapping or pairs");
      }
    }
  }
  for (const auto& [name, value] : arguments.named) {
    if (!run.allocate(name.size() + Dict::kEntryBytes)) return false;
    dict.set(name, value);
  }
  return !run.has_failed();
}

Value make_dict(Run& run, const Value&, const Bound& bound) {
  Dict dict;
  return fill(run, bound.all(), dict) ? run.make_dict(std::move(dict)) : Value();
}

Value make_namespace(Run& run, const Value&, const Bound& bound) {
  Dict dict;
  if (!fill(run, bound.all(), dict)) return {};
  if (!run.allocate((dict.size() + 1) * Dict::kEntryBytes)) return {};
  auto made = std::make_shared<Namespace>(std::move(dict));
  run.register_object(made);
  return Value::of_object(std::move(made));
}

Value make_joiner(Run& run, const Value&, const Bound& arguments) {
  return run.make_object(std::make_shared<Joiner>(arguments.has(0) ? arguments[0] : run.make_text(Text(", ", true))));
}

Value make_cycler(Run& run, const Value&, const Bound& bound) {
  if (bound.all().positional.empty()) return run.fail("cycler: needs at least one item");
  return run.make_object(std::make_shared<Cycler>(bound.all().positional));
}

Value range(Run& run, const Value&, const Bound& arguments) {
  const bool has_start = arguments.has(1);
  for (std::size_t i = 0; i < 3; ++i) {
    if (arguments.has(i) && !arguments[i].is_integral()) {
      const Value& one = arguments[i];
      return run.fail(one.is_undefined() ? one.why_undefined()
                                         : "range: '" + std::string(type_name(one)) + "' is no integer");
    }
  }
  const std::int64_t start = has_start ? arguments[0].as_int() : 0;
  const std::int64_t stop = arguments[has_start ? 1 : 0].as_int();
  const std::int64_t step = arguments.integer(run, 2, 1);
  if (step == 0) return run.fail("range: the step must not be zero");
  // Unsigned: the distance may not fit otherwise.
  const auto from = static_cast<std::uint64_t>(start);
  const auto to = static_cast<std::uint64_t>(stop);
  const auto stride = static_cast<std::uint64_t>(step);
  const std::uint64_t distance = step > 0 ? (stop > start ? to - from : 0) : (start > stop ? from - to : 0);
  const std::uint64_t count = distance == 0 ? 0 : (distance - 1) / (step > 0 ? stride : 0 - stride) + 1;
  if (count > std::uint64_t{kRangeMax}) return run.fail("range: more than " + std::to_string(kRangeMax) + " numbers");
  if (!run.allocate(count * sizeof(Value))) return {};
  std::vector<Value> items;
  items.reserve(count);
  for (std::uint64_t i = 0; i < count; ++i)
    items.push_back(Value::of_int(static_cast<std::int64_t>(from + i * stride)));
  return Value::of_range(std::move(items), start, stop, step);
}

Value raise_exception(Run& run, const Value&, const Bound& arguments) {
  return run.fail(std::string(str_of(run, arguments[0]).bytes().substr(0, 1000)));
}

// As Python's strftime, in local time.
Value strftime_now(Run& run, const Value&, const Bound& arguments) {
  const Text* format = arguments.text(run, 0);
  if (format == nullptr || format->size() > 256) return run.fail("strftime_now: needs a format of at most 256 bytes");
  if (format->empty()) return run.make_text({});
  const std::time_t now = std::chrono::system_clock::to_time_t(run.now());
  std::tm local{};
  localtime_r(&now, &local);
  std::array<char, 4096> buffer{};
  // A letter behind, for strftime gives 0 for an empty text and for too long a one.
  const std::string closed = std::string(format->bytes()) + "|";
  const std::size_t size = std::strftime(buffer.data(), buffer.size(), closed.c_str(), &local);
  if (size == 0) return run.fail("strftime_now: the format gives too long a text");
  return run.make_text(Text(std::string(buffer.data(), size - 1), format->is_trusted()));
}

class Function final : public Object {
 public:
  explicit Function(const Operation& operation) : operation_(operation) {}
  std::string description(Run&) const override { return "<function '" + std::string(operation_.name) + "'>"; }
  bool is_callable() const override { return true; }
  Value call(Run& run, const Arguments& arguments) override { return perform(run, operation_, Value(), arguments); }

 private:
  const Operation& operation_;
};

constexpr Parameters kAny{{}, 0, true};

constexpr auto kFunctions = std::to_array<Operation>({
    {"cycler", kAny, make_cycler},
    {"dict", kAny, make_dict},
    {"joiner", {{"sep"}}, make_joiner},
    {"namespace", kAny, make_namespace},
    {"raise_exception", {{"message"}, 1}, raise_exception},
    {"range", {{"start", "stop", "step"}, 1}, range},
    {"strftime_now", {{"format"}, 1}, strftime_now},
});

}  // namespace

const Value* find_function(std::string_view name) {
  static const auto values = [] {
    std::array<Value, kFunctions.size()> made;
    for (std::size_t i = 0; i < made.size(); ++i) made[i] = Value::of_object(std::make_shared<Function>(kFunctions[i]));
    return made;
  }();
  const Operation* found = find_operation(kFunctions, name);
  return found == nullptr ? nullptr : &values[static_cast<std::size_t>(found - kFunctions.data())];
}

std::string Namespace::description(Run& run) const {
  const Run::Level level(run);
  if (!level.is_ok()) return {};
  const Text text = str_of(run, Value::of_dict(attributes_));
  return "<Namespace " + std::string(text.bytes()) + ">";
}

std::optional<Value> Namespace::attribute(Run&, std::string_view name) {
  const Value* found = attributes_.find(name);
  return found == nullptr ? std::nullopt : std::optional(*found);
}

void Namespace::set(Run& run, std::string_view name, Value value) {
  if (run.allocate(Dict::kEntryBytes)) attributes_.set(name, std::move(value));
}

}  // namespace sluice::jinja

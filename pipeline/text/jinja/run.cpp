#include "pipeline/text/jinja/run.h"

#include <utility>

namespace sluice::jinja {
namespace {

constexpr std::size_t kBytesPerStep = 128;
constexpr std::size_t kObjectBytes = 256;     // What one takes, roughly.
constexpr std::size_t kHashedItemBytes = 48;  // Of an item in a tuple that is a key: its number and its length.

}  // namespace

bool Run::step(std::size_t touched_bytes) {
  if (error_) return false;
  steps_ += 1 + touched_bytes / kBytesPerStep;
  if (steps_ > limits_.steps_max) exceed("takes more than " + std::to_string(limits_.steps_max) + " steps");
  return !error_;
}

bool Run::allocate(std::size_t bytes) {
  if (!step(bytes)) return false;
  if (bytes > limits_.allocated_bytes_max - allocated_bytes_) {
    exceed("makes values of more than " + std::to_string(limits_.allocated_bytes_max) + " bytes");
    return false;
  }
  allocated_bytes_ += bytes;
  return true;
}

bool Run::allocate_key(const Value& key) {
  if (key.is_text()) return allocate(key.as_text().size());
  if (!key.is(Kind::kTuple)) return step();
  std::size_t bytes = 0;
  // What each item gives exists twice while it is added.
  for (const Value& item : key.items()) bytes += kHashedItemBytes + (item.is_text() ? 2 * item.as_text().size() : 0);
  return allocate(bytes);
}

Value Run::fail(std::string what) {
  if (!error_) error_ = "line " + std::to_string(line_) + ": " + std::move(what);
  return {};
}

Value Run::exceed(std::string what) {
  is_final_ = true;
  return fail(std::move(what));
}

std::optional<std::string> Run::take_error() {
  if (is_final_) return std::nullopt;
  return std::exchange(error_, std::nullopt);
}

Value Run::fail_again(const std::string& error) {
  if (!error_) error_ = error;
  return {};
}

Run::Level::Level(Run& run) : run_(run) {
  if (++run.depth_ <= run.limits_.depth_max) return;
  run.exceed("is nested more than " + std::to_string(run.limits_.depth_max) + " levels deep");
  is_ok_ = false;
}

Value Run::make_text(Text text) {
  if (!allocate(text.memory_bytes() + sizeof(Text))) return {};
  return Value::of_text(std::move(text));
}

Value Run::make_sequence(Kind kind, std::vector<Value> items) {
  if (!allocate((items.size() + 2) * sizeof(Value))) return {};
  Value value = Value::of_sequence(kind, std::move(items));
  if (value.depth() > kValueDepthMax) return fail("makes lists nested too deep");
  return value;
}

Value Run::make_dict(Dict dict) {
  if (!allocate((dict.size() + 1) * Dict::kEntryBytes)) return {};
  Value value = Value::of_dict(std::move(dict));
  if (value.depth() > kValueDepthMax) return fail("makes mappings nested too deep");
  return value;
}

Value Run::make_object(std::shared_ptr<Object> object) {
  if (!allocate(kObjectBytes)) return {};
  if (object->depth() > kValueDepthMax) return fail("makes objects nested too deep");
  return Value::of_object(std::move(object));
}

Run::~Run() {
  for (const auto& object : objects_) object->release();
}

}  // namespace sluice::jinja

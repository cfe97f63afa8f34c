// The state of one rendering that every operation shares: what it has used up, where it is, and the first error.
//
// The error sticks, as in an iostream: whoever meets one calls fail() and returns a value that nobody will look at, and
// everything after it ends at its next step(). So operations return plain values, and only loops look at has_failed().
//
// Thread: one.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "pipeline/text/jinja/limits.h"
#include "pipeline/text/jinja/value.h"

namespace sluice::jinja {

class Run {
 public:
  Run(const Limits& limits, std::chrono::system_clock::time_point now) : limits_(limits), now_(now) {}

  // False once the rendering has failed, this call included.
  [[nodiscard]] bool step(std::size_t touched_bytes = 0);
  // The same before a value of so many bytes is made.
  [[nodiscard]] bool allocate(std::size_t bytes);
  // allocate() of what hash_key() makes of `key`.
  [[nodiscard]] bool allocate_key(const Value& key);
  // fail() of a limit.
  Value exceed(std::string what);

  // Records `what` with the current line, unless there is an error already. Gives an undefined value.
  Value fail(std::string what);
  bool has_failed() const { return error_.has_value(); }
  // Takes the error back and goes on, for what Jinja would compute later or never. Absent where it is final: a limit.
  std::optional<std::string> take_error();
  // Fails with an error that was taken.
  Value fail_again(const std::string& error);
  const std::string& error() const { return *error_; }

  void set_line(int line) { line_ = line; }
  int line() const { return line_; }
  std::chrono::system_clock::time_point now() const { return now_; }

  // Enters one level of nesting while it lives; is_ok is false beyond the limit, and then the rendering has failed.
  class Level {
   public:
    explicit Level(Run& run);
    ~Level() { --run_.depth_; }
    Level(const Level&) = delete;
    Level& operator=(const Level&) = delete;
    bool is_ok() const { return is_ok_; }

   private:
    Run& run_;
    bool is_ok_ = true;
  };

  // Makes a string, list, tuple, ... of parts made before; undefined where that is beyond a limit.
  Value make_text(Text text);
  Value make_sequence(Kind kind, std::vector<Value> items);
  Value make_dict(Dict dict);
  Value make_object(std::shared_ptr<Object> object);

  // Namespaces and scopes may refer to themselves: what is registered here is emptied when the rendering ends.
  void register_object(std::shared_ptr<Object> object) { objects_.push_back(std::move(object)); }
  ~Run();
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;

  const Limits& limits() const { return limits_; }

 private:
  Limits limits_;
  std::chrono::system_clock::time_point now_;
  std::uint64_t steps_ = 0;
  std::size_t allocated_bytes_ = 0;
  int depth_ = 0;
  int line_ = 1;
  std::optional<std::string> error_;
  bool is_final_ = false;
  std::vector<std::shared_ptr<Object>> objects_;
};

}  // namespace sluice::jinja

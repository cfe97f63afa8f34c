// Error codes and Result<T>: how an expected failure travels through Sluice.
//
// A bug aborts (base/check.h). Everything else that can go wrong is an Error value: a code that programs act on, a
// sentence that people read ("what, value, limit"), and for refusals the time after which a retry makes sense.
// Values here are immutable after construction and hold no resources; any thread may use its own copy.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "base/check.h"

namespace sluice {

// The numbers are part of the client protocol (docs/PROTOCOL.md): append, never renumber.
enum class ErrorCode : std::uint8_t {
  kInvalidRequest = 1,       // A field of a client's message is malformed or beyond its limit. A retry cannot help.
  kPromptTooLong = 2,        // The prompt leaves no room in the model's context. A retry cannot help.
  kOverloaded = 3,           // No admission credit is free. Retry after retry_after_ms.
  kUnavailable = 4,          // The topology lacks a stage at the moment. Retry after retry_after_ms.
  kDeadlineExceeded = 5,     // The request's time was up before its first token. Retry with more time.
  kCancelled = 6,            // The client asked for it, or vanished for longer than its resume grace.
  kOutOfBlocks = 7,          // The KV cache cannot hold the sequence even alone. A retry cannot help.
  kModelLoadFailed = 8,      // A model directory is incomplete, malformed or of an unknown architecture.
  kProtocolViolation = 9,    // Bytes of a peer that are no message, or a message out of turn.
  kTransportLost = 10,       // A link's peer is gone. What was not acknowledged is given back to the sender.
  kStageLost = 11,           // A stage died while the request was in flight. Retry after retry_after_ms.
  kIdConflict = 12,          // One request id was used with two different bodies.
  kNotFound = 13,            // No such request is running or kept (Attach, Cancel), or no such file.
  kInvalidConfig = 14,       // The topology file or a flag is wrong. Names line, column and nearest key.
  kAddressInUse = 15,        // A socket cannot be bound.
  kUnsupportedVersion = 16,  // The peer speaks no version of the protocol that we speak.
  kInternal = 17,            // A defect that was contained. Worth a report.
};

// Stable lower-case name, e.g. "stage_lost"; "unknown" for a value outside the enumeration.
std::string_view to_string(ErrorCode code);

// Whether sending the same request again can succeed.
bool is_retryable(ErrorCode code);

struct Error {
  ErrorCode code = ErrorCode::kInternal;
  std::string message;               // One sentence without a full stop.
  std::uint32_t retry_after_ms = 0;  // Only meaningful where is_retryable(code).

  friend bool operator==(const Error&, const Error&) = default;
};

// "stage_lost: stage 1 (layers 3-5) died".
std::string to_string(const Error& error);

// A T or an Error. Reading the absent one is a bug and aborts.
template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}      // NOLINT(google-explicit-constructor)
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT(google-explicit-constructor)

  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }

  T& value() & {
    check_ok();
    return std::get<0>(state_);
  }
  const T& value() const& {
    check_ok();
    return std::get<0>(state_);
  }
  T&& value() && {
    check_ok();
    return std::get<0>(std::move(state_));
  }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  const Error& error() const& {
    SLUICE_CHECK(!ok());
    return std::get<1>(state_);
  }
  Error&& error() && {
    SLUICE_CHECK(!ok());
    return std::get<1>(std::move(state_));
  }

 private:
  void check_ok() const {
    if (!ok()) check_failed(__FILE__, __LINE__, "Result::value() of an error", to_string(std::get<1>(state_)));
  }

  std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::move(error)) {}  // NOLINT(google-explicit-constructor)

  bool ok() const { return !error_.has_value(); }
  explicit operator bool() const { return ok(); }
  const Error& error() const& {
    SLUICE_CHECK(!ok());
    return *error_;
  }
  Error&& error() && {
    SLUICE_CHECK(!ok());
    return std::move(*error_);
  }

 private:
  std::optional<Error> error_;
};

}  // namespace sluice

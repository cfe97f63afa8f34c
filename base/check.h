// Checks for bugs: a violated precondition or invariant of our own aborts, printing the operands.
// Never apply one to bytes from a peer, a file or a user: those are input, and fail with an Error (base/error.h).
#pragma once

#include <sstream>
#include <string>
#include <string_view>

namespace sluice {

// Prints "file:line: check failed: expression (operands)" to standard error and aborts.
[[noreturn]] void check_failed(const char* file, int line, std::string_view expression, std::string_view operands);

namespace detail {

template <class T>
concept Printable = requires(std::ostream& out, const T& value) {
  out << value;
};

template <class T>
std::string printed(const T& value) {
  if constexpr (Printable<T>) {
    std::ostringstream out;
    out << value;
    return out.str();
  } else if constexpr (std::is_enum_v<T>) {
    return std::to_string(static_cast<long long>(value));
  } else {
    return "?";
  }
}

template <class A, class B>
[[noreturn]] void check_compare_failed(const char* file, int line, const char* expression, const A& a, const B& b) {
  check_failed(file, line, expression, printed(a) + " vs " + printed(b));
}

}  // namespace detail
}  // namespace sluice

#define SLUICE_CHECK(condition)                                   \
  do {                                                            \
    if (!(condition)) [[unlikely]]                                \
      ::sluice::check_failed(__FILE__, __LINE__, #condition, ""); \
  } while (false)

#define SLUICE_CHECK_COMPARE_(a, op, b)                                                                    \
  do {                                                                                                     \
    const auto& sluice_a_ = (a);                                                                           \
    const auto& sluice_b_ = (b);                                                                           \
    if (!(sluice_a_ op sluice_b_)) [[unlikely]]                                                            \
      ::sluice::detail::check_compare_failed(__FILE__, __LINE__, #a " " #op " " #b, sluice_a_, sluice_b_); \
  } while (false)

#define SLUICE_CHECK_EQ(a, b) SLUICE_CHECK_COMPARE_(a, ==, b)
#define SLUICE_CHECK_NE(a, b) SLUICE_CHECK_COMPARE_(a, !=, b)
#define SLUICE_CHECK_LT(a, b) SLUICE_CHECK_COMPARE_(a, <, b)
#define SLUICE_CHECK_LE(a, b) SLUICE_CHECK_COMPARE_(a, <=, b)
#define SLUICE_CHECK_GT(a, b) SLUICE_CHECK_COMPARE_(a, >, b)
#define SLUICE_CHECK_GE(a, b) SLUICE_CHECK_COMPARE_(a, >=, b)

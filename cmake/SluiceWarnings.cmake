# Warnings of our own targets: target_link_libraries(x PRIVATE sluice_warnings).
add_library(sluice_warnings INTERFACE)
target_compile_options(sluice_warnings INTERFACE
  -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror
  # Aggregates with defaults are initialised by name; what is not named keeps its default.
  -Wno-missing-field-initializers)
# GCC 12's -Wrestrict misfires on "literal" + std::string (GCC bug 105651).
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  target_compile_options(sluice_warnings INTERFACE -Wno-restrict)
endif()
if(SLUICE_SANITIZE AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # GCC 12 reports false positives when the sanitizers' checks are inlined around std::variant and std::string.
  target_compile_options(sluice_warnings INTERFACE -Wno-maybe-uninitialized -Wno-stringop-overflow -Wno-array-bounds)
endif()

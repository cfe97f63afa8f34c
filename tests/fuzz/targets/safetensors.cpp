// A weights file, read through a mapping as in the engine. Every byte of every accepted tensor is touched.
#include <sys/mman.h>
#include <unistd.h>

#include <string>

#include "pipeline/model/safetensors.h"
#include "tests/fuzz/fuzz_target.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const int file = memfd_create("safetensors", MFD_CLOEXEC);
  static const std::string path = "/proc/self/fd/" + std::to_string(file);
  SLUICE_CHECK_EQ(ftruncate(file, static_cast<off_t>(size)), 0);
  SLUICE_CHECK_EQ(pwrite(file, data, size, 0), static_cast<ssize_t>(size));
  const auto opened = sluice::SafetensorsFile::open(path);
  if (!opened.ok()) return 0;
  for (const std::string name : {"a", "b", "model.embed_tokens.weight"}) {
    const sluice::TensorView* tensor = (*opened)->find(name);
    if (tensor == nullptr) continue;
    unsigned sum = 0;
    for (const std::byte byte : tensor->bytes) sum += static_cast<unsigned>(byte);
    SLUICE_CHECK_LE(sum, 255u * size);
  }
  return 0;
}

#include "kernels/collective/nccl.h"

#include <cublas_v2.h>
#include <cuda_runtime.h>
#include <nccl.h>

#include <cstring>
#include <string>
#include <utility>

#include "base/check.h"

namespace sluice::kernels {
namespace {

static_assert(sizeof(ncclUniqueId) == sizeof(NcclGroupId));

Result<void> check(ncclResult_t result, const char* what) {
  if (result == ncclSuccess) return {};
  return Error{ErrorCode::kTransportLost, std::string(what) + ": " + ncclGetErrorString(result), 100};
}

Result<void> check(cudaError_t result, const char* what) {
  if (result == cudaSuccess) return {};
  return Error{ErrorCode::kInternal, std::string(what) + ": " + cudaGetErrorString(result)};
}

Error group_is_over() {
  return {ErrorCode::kTransportLost, "the group of tensor-parallel ranks is over", 100};
}

class NcclCommunicator final : public Communicator {
 public:
  NcclCommunicator(std::uint32_t rank, std::uint32_t num_ranks, std::function<bool()> goes_on)
      : rank_(rank), num_ranks_(num_ranks), goes_on_(std::move(goes_on)) {}
  ~NcclCommunicator() override {
    if (comm_ != nullptr) ncclCommAbort(comm_);
    if (blas_ != nullptr) cublasDestroy(blas_);
    if (stream_ != nullptr) cudaStreamDestroy(stream_);
    cudaFree(gathered_);
  }

  Result<void> open(const NcclGroupId& id, int device) {
    if (auto set = check(cudaSetDevice(device), "cudaSetDevice"); !set.ok()) return set;
    if (auto made = check(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "cudaStreamCreate"); !made.ok()) {
      return made;
    }
    if (cublasCreate(&blas_) != CUBLAS_STATUS_SUCCESS || cublasSetStream(blas_, stream_) != CUBLAS_STATUS_SUCCESS) {
      return Error{ErrorCode::kInternal, "cuBLAS cannot be set up on device " + std::to_string(device)};
    }
    ncclUniqueId unique;
    std::memcpy(&unique, id.data(), sizeof(unique));
    ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
    config.blocking = 0;  // settle() waits, and asks whether to.
    const auto begun =
        ncclCommInitRankConfig(&comm_, static_cast<int>(num_ranks_), unique, static_cast<int>(rank_), &config);
    return settle(begun, "joining the group of ranks");
  }

  std::uint32_t rank() const override { return rank_; }
  std::uint32_t num_ranks() const override { return num_ranks_; }

  Result<void> all_reduce_sum(std::span<float> values) override {
    if (is_over_) return group_is_over();
    Result<void> summed = sum(values);
    is_over_ = !summed.ok();
    return summed;
  }

  Result<void> all_gather(std::span<const float> part, std::span<float> all) override {
    SLUICE_CHECK_EQ(all.size(), part.size() * num_ranks_);
    if (is_over_) return group_is_over();
    Result<void> gathered = gather(part, all.data());
    if (gathered.ok()) gathered = wait();
    is_over_ = !gathered.ok();
    return gathered;
  }

 private:
  Result<void> sum(std::span<float> values) {
    if (auto room = reserve(values.size()); !room.ok()) return room;
    if (auto gathered = gather(values, gathered_); !gathered.ok()) return gathered;
    // C = 1 * A + 1 * B, element by element: one rounding each, in rank order.
    const int count = static_cast<int>(values.size());
    const float one = 1.0f;
    const float* sum = gathered_;
    for (std::uint32_t rank = 1; rank < num_ranks_; ++rank) {
      const float* next = gathered_ + rank * values.size();
      const auto added = cublasSgeam(blas_, CUBLAS_OP_N, CUBLAS_OP_N, count, 1, &one, sum, count, &one, next, count,
                                     values.data(), count);
      if (added != CUBLAS_STATUS_SUCCESS) return Error{ErrorCode::kInternal, "cublasSgeam failed"};
      sum = values.data();
    }
    return wait();
  }

  Result<void> reserve(std::size_t count) {
    if (count * num_ranks_ <= capacity_) return {};
    cudaFree(gathered_);
    gathered_ = nullptr;
    capacity_ = 0;
    auto allocated = check(cudaMalloc(&gathered_, count * num_ranks_ * sizeof(float)), "cudaMalloc");
    if (allocated.ok()) capacity_ = count * num_ranks_;
    return allocated;
  }

  // Puts it onto the stream; wait() is for its end.
  Result<void> gather(std::span<const float> part, float* all) {
    return settle(ncclAllGather(part.data(), all, part.size(), ncclFloat32, comm_, stream_), "ncclAllGather");
  }

  // Until NCCL has taken what it was asked, or it is to give up.
  Result<void> settle(ncclResult_t result, const char* what) {
    while (result == ncclInProgress) {
      if (!goes_on_()) return group_is_over();
      if (auto asked = check(ncclCommGetAsyncError(comm_, &result), what); !asked.ok()) return asked;
    }
    return check(result, what);
  }

  // Until the stream is done, or a peer is gone, or it is to give up.
  Result<void> wait() {
    for (;;) {
      const cudaError_t state = cudaStreamQuery(stream_);
      if (state == cudaSuccess) return {};
      if (state != cudaErrorNotReady) return check(state, "the device");
      if (!goes_on_()) return group_is_over();
      ncclResult_t result = ncclSuccess;
      if (auto asked = check(ncclCommGetAsyncError(comm_, &result), "ncclCommGetAsyncError"); !asked.ok()) return asked;
      if (result != ncclSuccess && result != ncclInProgress) return check(result, "an exchange");
    }
  }

  std::uint32_t rank_;
  std::uint32_t num_ranks_;
  std::function<bool()> goes_on_;
  bool is_over_ = false;
  ncclComm_t comm_ = nullptr;
  cudaStream_t stream_ = nullptr;
  cublasHandle_t blas_ = nullptr;
  float* gathered_ = nullptr;
  std::size_t capacity_ = 0;
};

}  // namespace

Result<NcclGroupId> draw_nccl_group_id() {
  ncclUniqueId unique;
  if (auto drawn = check(ncclGetUniqueId(&unique), "ncclGetUniqueId"); !drawn.ok()) return drawn.error();
  NcclGroupId id;
  std::memcpy(id.data(), &unique, sizeof(unique));
  return id;
}

Result<std::unique_ptr<Communicator>> join_nccl_group(const NcclGroupId& id, std::uint32_t rank,
                                                      std::uint32_t num_ranks, int device,
                                                      std::function<bool()> goes_on) {
  auto communicator = std::make_unique<NcclCommunicator>(rank, num_ranks, std::move(goes_on));
  if (auto opened = communicator->open(id, device); !opened.ok()) return opened.error();
  return std::unique_ptr<Communicator>(std::move(communicator));
}

}  // namespace sluice::kernels

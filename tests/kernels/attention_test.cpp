#include "kernels/attention/attention.h"

#include <algorithm>

#include "tests/kernels/paged_blocks.h"
#include "tests/kernels/random_tensors.h"

namespace sluice::kernels {
namespace {

using test::blocks_for;
using test::Matrix;
using test::random_blocks;

struct Heads {
  std::size_t num_kv_heads, group, head_dim;
};

// A cache with memory of its own, filled with NaN: a slot that nothing was stored to shows in any result it reaches.
struct Cache {
  std::vector<float> keys, values;
  KvCacheView view;

  Cache(DType dtype, std::size_t num_blocks, std::size_t block_tokens, const Heads& heads) {
    view.layout = {.dtype = dtype,
                   .num_blocks = num_blocks,
                   .num_kv_heads = heads.num_kv_heads,
                   .block_tokens = block_tokens,
                   .head_dim = heads.head_dim};
    keys.assign((view.layout.array_bytes() + 3) / 4, NAN);
    values = keys;
    view.keys = keys.data();
    view.values = values.data();
  }
};

// The tokens of one sequence before attention.
struct Sequence {
  Matrix<float> queries, keys, values;

  Sequence(SplitMix64& random, std::size_t tokens, const Heads& heads)
      : queries(test::random_matrix(random, tokens, heads.num_kv_heads * heads.group * heads.head_dim)),
        keys(test::random_matrix(random, tokens, heads.num_kv_heads * heads.head_dim)),
        values(test::random_matrix(random, tokens, heads.num_kv_heads * heads.head_dim)) {}
  std::size_t tokens() const { return queries.view.rows; }
};

float scale_of(const Heads& heads) {
  return 1.0f / std::sqrt(static_cast<float>(heads.head_dim));
}

// Stores and attends tokens [first, first + count) of a sequence, into the same rows of `out`.
void run_chunk(const CpuContext& context, const Sequence& sequence, std::size_t first, std::size_t count,
               std::span<const BlockId> blocks, const KvCacheView& cache, float scale, const Matrix<float>& out) {
  const AttentionEntry entry{static_cast<std::uint32_t>(first), static_cast<std::uint32_t>(count), blocks};
  store_kv(context, {&entry, 1}, sequence.keys.rows(first, count), sequence.values.rows(first, count), cache);
  paged_attention(context, {&entry, 1}, sequence.queries.rows(first, count), cache, scale, out.rows(first, count));
}

// The whole sequence in one chunk, in a cache of its own.
Matrix<float> run_alone(const CpuContext& context, const Sequence& sequence, DType dtype, const Heads& heads) {
  const std::size_t num_blocks = blocks_for(sequence.tokens(), 16);
  std::vector<BlockId> blocks;
  for (std::size_t i = 0; i < num_blocks; ++i) blocks.push_back({static_cast<std::uint32_t>(i)});
  const Cache cache(dtype, num_blocks, 16, heads);
  Matrix<float> out(sequence.tokens(), sequence.queries.view.columns);
  run_chunk({.path = context.path, .pool = nullptr}, sequence, 0, sequence.tokens(), blocks, cache.view,
            scale_of(heads), out);
  return out;
}

const Heads kHeads[] = {{1, 1, 8}, {2, 1, 20}, {2, 2, 64}, {1, 7, 48}, {3, 4, 16}, {1, 5, 128}, {2, 3, 33}};

TEST_SUITE("kernels/attention/attention") {
  TEST_CASE("store_kv: writes what the reference writes and nothing else") {
    SplitMix64 random(1);
    for (const Heads& heads : kHeads) {
      for (DType dtype : {DType::kF32, DType::kF16}) {
        const Sequence sequence(random, 21, heads);
        const std::vector<BlockId> blocks = random_blocks(random, 7, 9);
        const AttentionEntry entry{5, 21, blocks};
        const Cache reference(dtype, 9, 4, heads);
        store_kv_reference({&entry, 1}, sequence.keys, sequence.values, reference.view);
        for (const CpuContext& context : test::contexts()) {
          const Cache cache(dtype, 9, 4, heads);
          store_kv(context, {&entry, 1}, sequence.keys, sequence.values, cache.view);
          CHECK(std::memcmp(cache.keys.data(), reference.keys.data(), cache.keys.size() * 4) == 0);
          CHECK(std::memcmp(cache.values.data(), reference.values.data(), cache.values.size() * 4) == 0);
        }
      }
    }
  }

  TEST_CASE("store_kv: f16 of ties, denormals, numbers out of range, infinities, NaN and random bits, on every path") {
    SplitMix64 random(9);
    const Heads heads{1, 1, 67};
    Sequence sequence(random, 64, heads);
    for (float& value : sequence.keys.storage) value = std::bit_cast<float>(static_cast<std::uint32_t>(random.next()));
    // As many again of exponents that f16 has.
    for (float& value : sequence.values.storage) {
      const auto bits = static_cast<std::uint32_t>(random.next());
      value = std::bit_cast<float>((bits & 0x80ffffffu) | (48u + (bits >> 24) % 16u) << 24);
    }
    const std::uint32_t special[] = {0x3f801000u, 0x3f803000u, 0x3f801001u, 0x477fe000u, 0x477fefffu, 0x477ff000u,
                                     0x7f7fffffu, 0x7f800000u, 0xff800000u, 0x7f800001u, 0xffc00000u, 0x38800000u,
                                     0x387fffffu, 0x33800000u, 0x33000000u, 0x33000001u, 0x80000001u, 0x80000000u};
    for (std::size_t i = 0; i < std::size(special); ++i) {
      sequence.keys.storage[i] = sequence.values.storage[i] = std::bit_cast<float>(special[i]);
    }
    const std::vector<BlockId> blocks = random_blocks(random, 4, 4);
    const AttentionEntry entry{0, 64, blocks};
    const Cache reference(DType::kF16, 4, 16, heads);
    store_kv_reference({&entry, 1}, sequence.keys, sequence.values, reference.view);
    for (const CpuContext& context : test::serial_contexts()) {
      INFO(test::name_of(context));
      const Cache cache(DType::kF16, 4, 16, heads);
      store_kv(context, {&entry, 1}, sequence.keys, sequence.values, cache.view);
      CHECK(std::memcmp(cache.keys.data(), reference.keys.data(), cache.keys.size() * 4) == 0);
      CHECK(std::memcmp(cache.values.data(), reference.values.data(), cache.values.size() * 4) == 0);
    }
  }

  TEST_CASE("paged_attention: agrees with the reference for lengths around the edges of blocks and tiles") {
    SplitMix64 random(2);
    for (const Heads& heads : kHeads) {
      for (DType dtype : {DType::kF32, DType::kF16}) {
        for (std::size_t tokens : {1, 2, 15, 16, 17, 63, 64, 65, 131}) {
          const Sequence sequence(random, tokens, heads);
          const std::size_t count = std::min<std::size_t>(tokens, 3);
          const std::size_t first = tokens - count;
          const std::vector<BlockId> blocks = random_blocks(random, blocks_for(tokens, 16), 11);
          const Cache cache(dtype, 11, 16, heads);
          const AttentionEntry all{0, static_cast<std::uint32_t>(tokens), blocks};
          store_kv_reference({&all, 1}, sequence.keys, sequence.values, cache.view);
          const AttentionEntry entry{static_cast<std::uint32_t>(first), static_cast<std::uint32_t>(count), blocks};
          Matrix<float> reference(count, sequence.queries.view.columns);
          paged_attention_reference({&entry, 1}, sequence.queries.rows(first, count), cache.view, scale_of(heads),
                                    reference.view);
          for (const CpuContext& context : test::serial_contexts()) {
            INFO(test::name_of(context) << ", " << tokens << " tokens, head " << heads.head_dim);
            Matrix<float> out(count, sequence.queries.view.columns);
            paged_attention(context, {&entry, 1}, sequence.queries.rows(first, count), cache.view, scale_of(heads),
                            out.view);
            CHECK(test::worst_ratio(out, reference, 2e-5, 0) <= 1.0);
          }
        }
      }
    }
  }

  TEST_CASE("paged_attention: large scores neither overflow nor lose the largest") {
    SplitMix64 random(3);
    const Heads heads{1, 2, 64};
    const Sequence sequence(random, 100, heads);
    const std::vector<BlockId> blocks = random_blocks(random, 7, 7);
    const Cache cache(DType::kF32, 7, 16, heads);
    const AttentionEntry entry{0, 100, blocks};
    store_kv_reference({&entry, 1}, sequence.keys, sequence.values, cache.view);
    Matrix<float> reference(100, 128);
    paged_attention_reference({&entry, 1}, sequence.queries, cache.view, 40.0f, reference.view);
    for (const CpuContext& context : test::contexts()) {
      Matrix<float> out(100, 128);
      paged_attention(context, {&entry, 1}, sequence.queries, cache.view, 40.0f, out.view);
      // Scores near 1,000 carry an error near 1e-4 of their own.
      CHECK(test::worst_ratio(out, reference, 5e-3, 0) <= 1.0);
    }
  }

  TEST_CASE("paged_attention: any chunking, one token at a time included, gives the bits of one chunk") {
    SplitMix64 random(4);
    for (const Heads& heads : {Heads{2, 2, 20}, Heads{1, 3, 64}}) {
      for (DType dtype : {DType::kF32, DType::kF16}) {
        const Sequence sequence(random, 139, heads);
        for (const CpuContext& context : test::contexts()) {
          const Matrix<float> whole = run_alone(context, sequence, dtype, heads);
          for (std::size_t longest : {1, 7, 16, 50}) {
            INFO(test::name_of(context) << ", chunks up to " << longest << ", head " << heads.head_dim);
            const std::vector<BlockId> blocks = random_blocks(random, 9, 12);
            const Cache cache(dtype, 12, 16, heads);
            Matrix<float> out(139, whole.view.columns);
            for (std::size_t first = 0; first < 139;) {
              const std::size_t count = std::min<std::size_t>(1 + random.below(longest), 139 - first);
              run_chunk(context, sequence, first, count, blocks, cache.view, scale_of(heads), out);
              first += count;
            }
            CHECK(out == whole);
          }
        }
      }
    }
  }

  TEST_CASE("paged_attention: the number of tokens in a block changes no bit") {
    SplitMix64 random(5);
    const Heads heads{2, 2, 24};
    const Sequence sequence(random, 150, heads);
    for (const CpuContext& context : test::serial_contexts()) {
      const Matrix<float> whole = run_alone(context, sequence, DType::kF16, heads);
      for (std::size_t block_tokens : {1, 3, 8, 17, 32, 48, 64, 200}) {
        INFO(test::name_of(context) << ", blocks of " << block_tokens);
        const std::size_t needed = blocks_for(150, block_tokens);
        const std::vector<BlockId> blocks = random_blocks(random, needed, needed + 2);
        const Cache cache(DType::kF16, needed + 2, block_tokens, heads);
        Matrix<float> out(150, whole.view.columns);
        run_chunk(context, sequence, 0, 150, blocks, cache.view, scale_of(heads), out);
        CHECK(out == whole);
      }
    }
  }

  TEST_CASE("paged_attention: in a batch each sequence gets the bits that it gets alone") {
    SplitMix64 random(6);
    const Heads heads{2, 2, 40};
    const std::size_t lengths[] = {1, 90, 16, 33, 5};
    std::vector<Sequence> sequences;
    std::size_t tokens = 0;
    for (std::size_t length : lengths) {
      sequences.emplace_back(random, length, heads);
      tokens += length;
    }
    const std::vector<BlockId> pool = random_blocks(random, 40, 40);
    std::vector<AttentionEntry> entries;
    Matrix<float> queries(tokens, 160), keys(tokens, 80), values(tokens, 80);
    std::size_t row = 0, block = 0;
    for (const Sequence& sequence : sequences) {
      const std::size_t needed = blocks_for(sequence.tokens(), 16);
      entries.push_back({0, static_cast<std::uint32_t>(sequence.tokens()), {pool.data() + block, needed}});
      block += needed;
      std::ranges::copy(sequence.queries.storage, queries.view.row(row));
      std::ranges::copy(sequence.keys.storage, keys.view.row(row));
      std::ranges::copy(sequence.values.storage, values.view.row(row));
      row += sequence.tokens();
    }
    for (const CpuContext& context : test::contexts()) {
      INFO(test::name_of(context));
      const Cache cache(DType::kF32, 40, 16, heads);
      Matrix<float> out(tokens, 160);

      store_kv(context, entries, keys, values, cache.view);
      paged_attention(context, entries, queries, cache.view, scale_of(heads), out.view);

      row = 0;
      for (const Sequence& sequence : sequences) {
        const Matrix<float> alone = run_alone(context, sequence, DType::kF32, heads);
        CHECK(std::memcmp(out.view.row(row), alone.storage.data(), alone.storage.size() * 4) == 0);
        row += sequence.tokens();
      }
    }
  }

  TEST_CASE("paged_attention: infinite values of later positions do not reach earlier ones") {
    SplitMix64 random(7);
    const Heads heads{1, 1, 16};
    Sequence sequence(random, 20, heads);
    for (std::size_t i = 0; i < 16; ++i) sequence.values.view.row(19)[i] = INFINITY;
    for (const CpuContext& context : test::serial_contexts()) {
      const Matrix<float> out = run_alone(context, sequence, DType::kF32, heads);
      for (std::size_t t = 0; t < 19; ++t) CHECK(std::isfinite(out.view.row(t)[0]));
      CHECK(std::isinf(out.view.row(19)[0]));
    }
  }

  TEST_CASE("paged_attention: no entries and entries without tokens are no work") {
    const Heads heads{1, 1, 8};
    const Cache cache(DType::kF32, 1, 16, heads);
    const AttentionEntry empty{0, 0, {}};
    Matrix<float> none(0, 8);
    for (const CpuContext& context : test::contexts()) {
      store_kv(context, {}, none, none, cache.view);
      paged_attention(context, {}, none, cache.view, 1.0f, none.view);
      store_kv(context, {&empty, 1}, none, none, cache.view);
      paged_attention(context, {&empty, 1}, none, cache.view, 1.0f, none.view);
    }
    CHECK(std::isnan(cache.keys[0]));
  }
}

}  // namespace
}  // namespace sluice::kernels

#include "kernels/latent_attention/latent_attention.h"

#include <algorithm>

#include "tests/kernels/paged_blocks.h"
#include "tests/kernels/random_tensors.h"

namespace sluice::kernels {
namespace {

using test::blocks_for;
using test::Matrix;
using test::random_blocks;

struct Shape {
  std::size_t num_heads, latent_dim, rope_dim;
};

// A cache with memory of its own, filled with NaN: a slot that nothing was stored to shows in any result it reaches.
struct Cache {
  std::vector<float> rows;
  LatentCacheView view;

  Cache(std::size_t num_blocks, std::size_t block_tokens, const Shape& shape) {
    view.layout = {.num_blocks = num_blocks,
                   .block_tokens = block_tokens,
                   .latent_dim = shape.latent_dim,
                   .rope_dim = shape.rope_dim};
    rows.assign(view.layout.array_bytes() / sizeof(float), NAN);
    view.rows = rows.data();
  }
};

// The tokens of some sequences before attention. The rotated part of a query lies behind another part of its head.
constexpr std::size_t kOtherPart = 5;

struct Tokens {
  Shape shape;
  Matrix<float> latent, heads, rows;

  Tokens(SplitMix64& random, std::size_t tokens, const Shape& of)
      : shape(of),
        latent(test::random_matrix(random, tokens, of.num_heads * of.latent_dim, 3)),
        heads(test::random_matrix(random, tokens, of.num_heads * (kOtherPart + of.rope_dim), 1)),
        rows(test::random_matrix(random, tokens, of.latent_dim + of.rope_dim, 2)) {}

  std::size_t count() const { return rows.view.rows; }
  LatentQueries queries(std::size_t first, std::size_t num_tokens) const {
    return {.latent = heads_of(latent.rows(first, num_tokens), shape.num_heads),
            .rope = heads_of(heads.rows(first, num_tokens), shape.num_heads).part(kOtherPart, shape.rope_dim)};
  }
  Matrix<float> output() const { return {count(), shape.num_heads * shape.latent_dim}; }
};

float scale_of(const Shape& shape) {
  return 1.0f / std::sqrt(static_cast<float>(shape.latent_dim + shape.rope_dim));
}

// Stores and attends tokens [first, first + count) of a sequence, into the same rows of `out`.
void run_chunk(const CpuContext& context, const Tokens& tokens, std::size_t first, std::size_t count,
               std::span<const BlockId> blocks, const LatentCacheView& cache, const Matrix<float>& out) {
  const AttentionEntry entry{static_cast<std::uint32_t>(first), static_cast<std::uint32_t>(count), blocks};
  store_latent(context, {&entry, 1}, tokens.rows.rows(first, count), cache);
  latent_attention(context, {&entry, 1}, tokens.queries(first, count), cache, scale_of(tokens.shape),
                   out.rows(first, count));
}

// Tokens [first, first + count) as one sequence in one chunk, on one thread, in a cache of its own.
Matrix<float> run_alone(const CpuContext& context, const Tokens& tokens, std::size_t first, std::size_t count) {
  const std::size_t num_blocks = blocks_for(count, 16);
  std::vector<BlockId> blocks;
  for (std::size_t i = 0; i < num_blocks; ++i) blocks.push_back({static_cast<std::uint32_t>(i)});
  const Cache cache(num_blocks, 16, tokens.shape);
  const CpuContext serial{.path = context.path, .pool = nullptr};
  const AttentionEntry entry{0, static_cast<std::uint32_t>(count), blocks};
  Matrix<float> out(count, tokens.shape.num_heads * tokens.shape.latent_dim);
  store_latent(serial, {&entry, 1}, tokens.rows.rows(first, count), cache.view);
  latent_attention(serial, {&entry, 1}, tokens.queries(first, count), cache.view, scale_of(tokens.shape), out.view);
  return out;
}

// One head, numbers of heads around the edges of tiles, vectors and items; published sizes; nothing that rotates.
const Shape kShapes[] = {{1, 16, 4},  {2, 33, 7},  {4, 64, 32}, {6, 48, 16},  {7, 20, 12},
                         {13, 17, 3}, {40, 16, 8}, {3, 40, 0},  {16, 512, 64}};

TEST_SUITE("kernels/latent_attention/latent_attention") {
  TEST_CASE("store_latent: writes what the reference writes and nothing else, load_latent: reads it back") {
    SplitMix64 random(1);
    for (const Shape& shape : kShapes) {
      const Tokens tokens(random, 21, shape);
      const std::vector<BlockId> blocks = random_blocks(random, 7, 9);
      const AttentionEntry entry{5, 21, blocks};
      const Cache reference(9, 4, shape);
      store_latent_reference({&entry, 1}, tokens.rows, reference.view);
      for (const CpuContext& context : test::contexts()) {
        const Cache cache(9, 4, shape);
        store_latent(context, {&entry, 1}, tokens.rows, cache.view);
        CHECK(std::memcmp(cache.rows.data(), reference.rows.data(), cache.rows.size() * 4) == 0);
      }
      for (const CpuContext& context : test::contexts()) {
        Matrix<float> loaded(17, tokens.rows.view.columns);
        load_latent(context, {9, 17, blocks}, reference.view, loaded);
        for (std::size_t t = 0; t < 17; ++t) {
          for (std::size_t i = 0; i < loaded.view.columns; ++i) {
            const float stored = tokens.rows.view.row(4 + t)[i];
            CHECK(loaded.view.row(t)[i] == stored);
          }
        }
      }
    }
  }

  TEST_CASE("latent_attention: agrees with the reference for lengths around the edges of blocks and tiles") {
    SplitMix64 random(2);
    for (const Shape& shape : kShapes) {
      for (std::size_t length : {1, 2, 15, 16, 17, 63, 64, 65, 131}) {
        const Tokens tokens(random, length, shape);
        const std::size_t count = std::min<std::size_t>(length, 3);
        const std::size_t first = length - count;
        const std::vector<BlockId> blocks = random_blocks(random, blocks_for(length, 16), 11);
        const Cache cache(11, 16, shape);
        const AttentionEntry all{0, static_cast<std::uint32_t>(length), blocks};
        store_latent_reference({&all, 1}, tokens.rows, cache.view);
        const AttentionEntry entry{static_cast<std::uint32_t>(first), static_cast<std::uint32_t>(count), blocks};
        Matrix<float> reference(count, shape.num_heads * shape.latent_dim);
        latent_attention_reference({&entry, 1}, tokens.queries(first, count), cache.view, scale_of(shape),
                                   reference.view);
        for (const CpuContext& context : test::serial_contexts()) {
          INFO(test::name_of(context) << ", " << length << " tokens, latent " << shape.latent_dim);
          Matrix<float> out(count, shape.num_heads * shape.latent_dim);
          latent_attention(context, {&entry, 1}, tokens.queries(first, count), cache.view, scale_of(shape), out.view);
          CHECK(test::worst_ratio(out, reference, 2e-5, 0) <= 1.0);
        }
      }
    }
  }

  TEST_CASE("latent_attention: large scores neither overflow nor lose the largest") {
    SplitMix64 random(3);
    const Shape shape{5, 48, 16};
    const Tokens tokens(random, 100, shape);
    const std::vector<BlockId> blocks = random_blocks(random, 7, 7);
    const Cache cache(7, 16, shape);
    const AttentionEntry entry{0, 100, blocks};
    store_latent_reference({&entry, 1}, tokens.rows, cache.view);
    Matrix<float> reference = tokens.output();
    latent_attention_reference({&entry, 1}, tokens.queries(0, 100), cache.view, 40.0f, reference.view);
    for (const CpuContext& context : test::contexts()) {
      Matrix<float> out = tokens.output();
      latent_attention(context, {&entry, 1}, tokens.queries(0, 100), cache.view, 40.0f, out.view);
      // Scores near 1,000 carry an error near 1e-4 of their own.
      CHECK(test::worst_ratio(out, reference, 5e-3, 0) <= 1.0);
    }
  }

  TEST_CASE("latent_attention: any chunking, one token at a time included, gives the bits of one chunk") {
    SplitMix64 random(4);
    for (const Shape& shape : {Shape{4, 64, 32}, Shape{9, 20, 12}}) {
      const Tokens tokens(random, 139, shape);
      for (const CpuContext& context : test::contexts()) {
        const Matrix<float> whole = run_alone(context, tokens, 0, 139);
        for (std::size_t longest : {1, 7, 16, 50}) {
          INFO(test::name_of(context) << ", chunks up to " << longest << ", latent " << shape.latent_dim);
          const std::vector<BlockId> blocks = random_blocks(random, 9, 12);
          const Cache cache(12, 16, shape);
          const Matrix<float> out = tokens.output();
          for (std::size_t first = 0; first < 139;) {
            const std::size_t count = std::min<std::size_t>(1 + random.below(longest), 139 - first);
            run_chunk(context, tokens, first, count, blocks, cache.view, out);
            first += count;
          }
          CHECK(out == whole);
        }
      }
    }
  }

  TEST_CASE("latent_attention: the number of tokens in a block changes no bit") {
    SplitMix64 random(5);
    const Tokens tokens(random, 150, {4, 24, 8});
    for (const CpuContext& context : test::serial_contexts()) {
      const Matrix<float> whole = run_alone(context, tokens, 0, 150);
      for (std::size_t block_tokens : {1, 3, 8, 17, 32, 64, 200}) {
        INFO(test::name_of(context) << ", blocks of " << block_tokens);
        const std::size_t needed = blocks_for(150, block_tokens);
        const std::vector<BlockId> blocks = random_blocks(random, needed, needed + 2);
        const Cache cache(needed + 2, block_tokens, tokens.shape);
        const Matrix<float> out = tokens.output();
        run_chunk(context, tokens, 0, 150, blocks, cache.view, out);
        CHECK(out == whole);
      }
    }
  }

  TEST_CASE("latent_attention: in a batch each sequence gets the bits that it gets alone") {
    SplitMix64 random(6);
    const std::size_t lengths[] = {1, 90, 16, 0, 33, 5};
    const Tokens tokens(random, 145, {10, 40, 8});
    const std::vector<BlockId> pool = random_blocks(random, 40, 40);
    std::vector<AttentionEntry> entries;
    std::size_t block = 0;
    for (std::size_t length : lengths) {
      const std::size_t needed = blocks_for(length, 16);
      entries.push_back({0, static_cast<std::uint32_t>(length), {pool.data() + block, needed}});
      block += needed;
    }
    for (const CpuContext& context : test::contexts()) {
      INFO(test::name_of(context));
      const Cache cache(40, 16, tokens.shape);
      const Matrix<float> out = tokens.output();

      store_latent(context, entries, tokens.rows, cache.view);
      latent_attention(context, entries, tokens.queries(0, 145), cache.view, scale_of(tokens.shape), out.view);

      std::size_t row = 0;
      for (std::size_t length : lengths) {
        const Matrix<float> alone = run_alone(context, tokens, row, length);
        CHECK(std::equal(alone.storage.begin(), alone.storage.end(), out.view.row(row)));
        row += length;
      }
    }
  }

  TEST_CASE("latent_attention: a head has the same bits whichever heads are computed with it") {
    SplitMix64 random(7);
    const Tokens tokens(random, 70, {17, 40, 8});
    for (const CpuContext& context : test::serial_contexts()) {
      const std::vector<BlockId> blocks = random_blocks(random, 5, 5);
      const Cache cache(5, 16, tokens.shape);
      const Matrix<float> all = tokens.output();
      run_chunk(context, tokens, 0, 70, blocks, cache.view, all);
      const AttentionEntry entry{0, 70, blocks};
      for (std::size_t count : {1, 2, 5, 8, 11}) {
        const std::size_t first = random.below(18 - count);
        LatentQueries queries = tokens.queries(0, 70);
        for (HeadsView<const float>* heads : {&queries.latent, &queries.rope}) {
          *heads = {heads->head(0, first), heads->rows, count, heads->columns, heads->row_stride, heads->head_stride};
        }
        Matrix<float> out(70, count * 40);
        latent_attention(context, {&entry, 1}, queries, cache.view, scale_of(tokens.shape), out.view);
        for (std::size_t t = 0; t < 70; ++t) {
          CHECK(std::equal(out.view.row(t), out.view.row(t) + count * 40, all.view.row(t) + first * 40));
        }
      }
    }
  }

  TEST_CASE("latent_attention: infinite rows of later positions do not reach earlier ones") {
    SplitMix64 random(8);
    Tokens tokens(random, 20, {3, 16, 4});
    for (std::size_t i = 0; i < 16; ++i) tokens.rows.view.row(19)[i] = INFINITY;
    for (const CpuContext& context : test::serial_contexts()) {
      const Matrix<float> out = run_alone(context, tokens, 0, 20);
      for (std::size_t t = 0; t < 19; ++t) CHECK(std::isfinite(out.view.row(t)[0]));
      CHECK_FALSE(std::isfinite(out.view.row(19)[0]));
    }
  }

  TEST_CASE("latent_attention: no entries and entries without tokens are no work") {
    SplitMix64 random(9);
    const Tokens none(random, 0, {2, 8, 4});
    const Cache cache(1, 16, none.shape);
    const AttentionEntry empty{0, 0, {}};
    for (const CpuContext& context : test::contexts()) {
      store_latent(context, {}, none.rows, cache.view);
      latent_attention(context, {}, none.queries(0, 0), cache.view, 1.0f, none.output().view);
      store_latent(context, {&empty, 1}, none.rows, cache.view);
      latent_attention(context, {&empty, 1}, none.queries(0, 0), cache.view, 1.0f, none.output().view);
    }
    CHECK(std::isnan(cache.rows[0]));
  }
}

}  // namespace
}  // namespace sluice::kernels

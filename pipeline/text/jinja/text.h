// A string that remembers where each of its bytes came from.
//
// Trusted is what the template itself wrote, untrusted what came from outside (messages, tools, variables). Every
// operation here keeps that for each byte, so whatever a template does to a string, the rendered output still tells
// the two apart. Equality does not look at it.
//
// Units:   offsets and sizes in bytes; the bytes are valid UTF-8, and offsets lie between characters.
// Thread:  a value; any thread may read one.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::jinja {

struct Piece {
  std::size_t end = 0;  // Begins where the one before ends.
  bool is_trusted = false;

  friend bool operator==(const Piece&, const Piece&) = default;
};

class Text {
 public:
  Text() = default;
  Text(std::string bytes, bool is_trusted);

  std::string_view bytes() const { return bytes_; }
  std::size_t size() const { return bytes_.size(); }
  bool empty() const { return bytes_.empty(); }

  // Neighbours differ in is_trusted; the last ends at size(). None for an empty text.
  const std::vector<Piece>& pieces() const { return pieces_; }
  // What a text grows by when this one is appended, at most.
  std::size_t memory_bytes() const { return bytes_.size() + pieces_.size() * sizeof(Piece); }
  bool is_trusted_at(std::size_t offset) const;
  // Whether nothing in it came from outside.
  bool is_trusted() const { return pieces_.empty() || (pieces_.size() == 1 && pieces_[0].is_trusted); }

  void append(std::string_view bytes, bool is_trusted);
  void append(const Text& other) { append(other, 0, other.size()); }
  void append(const Text& other, std::size_t begin, std::size_t end);

  Text slice(std::size_t begin, std::size_t end) const;

  // Counted when asked: O(size()).
  std::size_t count_code_points() const;

  friend bool operator==(const Text& a, const Text& b) { return a.bytes_ == b.bytes_; }

 private:
  std::string bytes_;
  std::vector<Piece> pieces_;
};

}  // namespace sluice::jinja

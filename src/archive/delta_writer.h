// The operations of a page delta, written into a buffer of their own; neighbours of one kind are joined.
//
// Bytes: operations from the page's beginning on; what they do not reach is as it was. Each begins with a
// varint, length × 4 + kind:
//   0 same     length bytes as they were at this place
//   1 literal  length bytes follow
//   2 moved    length bytes as they were at another place: signed varint (there - here) follows
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>

#include "base/types.h"

namespace litewright {

// Invariant: `used_` never passes `limit_`; when an operation does not fit, full() turns true for good and
// nothing more is written.
class DeltaWriter {
 public:
  enum Kind : unsigned { kSame = 0, kLiteral = 1, kMoved = 2 };

  // At most 65536: no delta is worth more than a page.
  explicit DeltaWriter(std::size_t limit) : limit_(limit < buffer_.size() ? limit : buffer_.size()) {}

  bool full() const { return full_; }

  void same(std::size_t length) { add(kSame, nullptr, length, 0); }
  // `data` is borrowed until finish().
  void literal(const std::byte* data, std::size_t length) { add(kLiteral, data, length, 0); }
  void moved(std::size_t length, std::ptrdiff_t there_minus_here) {
    add(there_minus_here == 0 ? kSame : kMoved, nullptr, length, there_minus_here);
  }

  // The delta, valid while the writer lives; nullopt if it did not fit.
  std::optional<Bytes> finish() {
    if (kind_ != kSame) flush();  // what is the same to the end goes without saying
    if (full_) return std::nullopt;
    return Bytes(buffer_.data(), used_);
  }

 private:
  static constexpr std::size_t kMaxHead = 20;  // two varints

  void add(Kind kind, const std::byte* data, std::size_t length, std::ptrdiff_t distance) {
    if (length == 0) return;
    if (kind == kind_ && distance == distance_) {
      length_ += length;  // a literal's bytes follow on: operations come in the page's order
      return;
    }
    flush();
    kind_ = kind;
    data_ = data;
    length_ = length;
    distance_ = distance;
  }

  void flush() {
    if (length_ == 0 || full_) return;
    std::byte head[kMaxHead];
    std::size_t head_size = varint(length_ * 4 + kind_, head);
    if (kind_ == kMoved) {
      const auto distance = static_cast<std::uint64_t>(distance_);
      head_size += varint((distance << 1) ^ (0 - (distance >> 63)), head + head_size);
    }
    const std::size_t body = kind_ == kLiteral ? length_ : 0;
    if (head_size + body > limit_ - used_) {
      full_ = true;
      return;
    }
    std::memcpy(buffer_.data() + used_, head, head_size);
    if (body > 0) std::memcpy(buffer_.data() + used_ + head_size, data_, body);
    used_ += head_size + body;
    length_ = 0;
  }

  static std::size_t varint(std::uint64_t value, std::byte* out) {
    std::size_t size = 0;
    for (; value >= 0x80; value >>= 7) out[size++] = static_cast<std::byte>(value | 0x80);
    out[size++] = static_cast<std::byte>(value);
    return size;
  }

  std::array<std::byte, 65536> buffer_;  // left as it is: only what was written is read
  std::size_t limit_;
  std::size_t used_ = 0;
  bool full_ = false;
  Kind kind_ = kSame;
  const std::byte* data_ = nullptr;
  std::size_t length_ = 0;
  std::ptrdiff_t distance_ = 0;
};

}  // namespace litewright

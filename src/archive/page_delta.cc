#include "archive/page_delta.h"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>

#include "archive/delta_writer.h"
#include "archive/segment_bytes.h"

namespace litewright {

namespace {

// A run as short as this between two differences is cheaper as part of a literal than as an operation.
constexpr std::size_t kMinSame = 4;
// The pointer array is followed across inserts and removals of up to this many bytes at one place …
constexpr std::size_t kMaxShift = 8;
// … that go on for at least this many bytes; longer agreement than kEnoughShifted is not told apart.
constexpr std::size_t kMinShifted = 4;
constexpr std::size_t kEnoughShifted = 16;
// So many places in a row that fit nowhere: the array was written anew.
constexpr int kMaxMisses = 6;

std::uint64_t load64(const std::byte* at) {
  std::uint64_t value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

// The number of equal bytes from a and b on, at most `size`.
std::size_t equal_bytes(const std::byte* a, const std::byte* b, std::size_t size) {
  std::size_t at = 0;
  for (; at + 64 <= size; at += 64) {
    std::uint64_t difference = 0;
    for (std::size_t i = 0; i < 64; i += 8) difference |= load64(a + at + i) ^ load64(b + at + i);
    if (difference != 0) break;
  }
  for (; at + 8 <= size; at += 8) {
    const std::uint64_t difference = load64(a + at) ^ load64(b + at);
    if (difference == 0) continue;
    const bool little = std::endian::native == std::endian::little;
    return at +
           static_cast<std::size_t>(little ? std::countr_zero(difference) : std::countl_zero(difference)) / 8;
  }
  while (at < size && a[at] == b[at]) ++at;
  return at;
}

// Whether one of the number's eight bytes is zero.
bool has_zero_byte(std::uint64_t x) { return ((x - 0x0101010101010101u) & ~x & 0x8080808080808080u) != 0; }

// The number of bytes from a and b on that differ, up to where kMinSame bytes agree; at most `size`.
std::size_t different_bytes(const std::byte* a, const std::byte* b, std::size_t size) {
  std::size_t same = 0;
  for (std::size_t at = 0; at < size;) {
    if (at + 8 <= size && !has_zero_byte(load64(a + at) ^ load64(b + at))) {
      same = 0;
      at += 8;
      continue;
    }
    for (const std::size_t end = std::min(at + 8, size); at < end; ++at) {
      same = a[at] == b[at] ? same + 1 : 0;
      if (same == kMinSame) return at + 1 - kMinSame;
    }
  }
  return size - same;
}

struct PointerArray {
  std::size_t begin = 0, end = 0;  // in the page; equal: this is no b-tree page
};

PointerArray pointer_array(Bytes page) {
  const std::size_t header = std::memcmp(page.data(), "SQLite format 3", 16) == 0 ? 100 : 0;
  const auto type = std::to_integer<unsigned>(page[header]);
  if (type != 2 && type != 5 && type != 10 && type != 13) return {};
  const std::size_t cells =
      std::to_integer<std::size_t>(page[header + 3]) << 8 | std::to_integer<std::size_t>(page[header + 4]);
  const std::size_t begin = header + (type < 8 ? 12 : 8);
  return {begin, std::min(begin + 2 * cells, page.size())};
}

class Encoder {
 public:
  Encoder(Bytes before, Bytes after, DeltaWriter& to)
      : before_(before.data()), after_(after.data()), size_(after.size()), to_(to) {}

  void run() {
    const PointerArray was = pointer_array(Bytes(before_, size_));
    const PointerArray now = pointer_array(Bytes(after_, size_));
    std::size_t at = 0;
    // An array of the same length was not shifted as a whole: the plain way is as good and faster.
    if (now.begin == was.begin && now.end != was.end && now.begin != 0) {
      plain(0, now.begin);
      at = follow_array(now, was);
    }
    plain(at, size_);
  }

 private:
  // [begin, end) against the same place.
  void plain(std::size_t begin, std::size_t end) {
    for (std::size_t at = begin; at < end && !to_.full();) {
      const std::size_t same = equal_bytes(before_ + at, after_ + at, end - at);
      to_.same(same);
      at += same;
      const std::size_t different = different_bytes(before_ + at, after_ + at, end - at);
      to_.literal(after_ + at, different);
      at += different;
    }
  }

  // Follows the array through what was inserted and removed; returns where it stopped.
  std::size_t follow_array(const PointerArray& now, const PointerArray& was) {
    std::size_t at = now.begin;
    std::ptrdiff_t shift = 0;  // the array's bytes at `at` stood at `at + shift`
    int misses = 0;
    const auto agreement = [&](std::size_t here, std::ptrdiff_t by, std::size_t most) {
      const std::ptrdiff_t there = static_cast<std::ptrdiff_t>(here) + by;
      if (here >= now.end || there < static_cast<std::ptrdiff_t>(was.begin) ||
          there >= static_cast<std::ptrdiff_t>(was.end))
        return std::size_t{0};
      const std::size_t left = std::min({now.end - here, was.end - static_cast<std::size_t>(there), most});
      return equal_bytes(before_ + there, after_ + here, left) & ~std::size_t{1};
    };
    while (at < now.end && misses < kMaxMisses && !to_.full()) {
      const std::size_t run = agreement(at, shift, size_);
      to_.moved(run, shift);
      at += run;
      misses = run > 0 ? 0 : misses + 1;
      if (at >= now.end) break;
      // One pointer replaced, unless an insert or a removal agrees for longer.
      std::size_t best = std::max(agreement(at + 2, shift, kEnoughShifted), kMinShifted - 1);
      std::size_t literal = 2;
      std::ptrdiff_t next_shift = shift;
      for (std::size_t by = 2; by <= kMaxShift && best < kEnoughShifted; by += 2) {
        const auto signed_by = static_cast<std::ptrdiff_t>(by);
        const std::size_t inserted = agreement(at + by, shift - signed_by, kEnoughShifted);
        if (inserted > best) best = inserted, literal = by, next_shift = shift - signed_by;
        const std::size_t removed = agreement(at, shift + signed_by, kEnoughShifted);
        if (removed > best) best = removed, literal = 0, next_shift = shift + signed_by;
      }
      literal = std::min(literal, now.end - at);
      to_.literal(after_ + at, literal);
      at += literal;
      shift = next_shift;
    }
    return at;
  }

  const std::byte* before_;
  const std::byte* after_;
  std::size_t size_;
  DeltaWriter& to_;
};

}  // namespace

std::optional<std::size_t> append_page_delta(Bytes before, Bytes after, std::size_t limit,
                                             std::vector<std::byte>& out) {
  DeltaWriter writer(std::min(limit, after.size()));
  Encoder(before, after, writer).run();
  const auto delta = writer.finish();
  if (!delta) return std::nullopt;
  out.insert(out.end(), delta->begin(), delta->end());
  return delta->size();
}

bool apply_page_delta(Bytes before, Bytes delta, MutableBytes after) {
  if (before.size() != after.size()) return false;
  std::memcpy(after.data(), before.data(), before.size());
  ByteReader from(delta);
  std::size_t at = 0;
  while (!from.at_end()) {
    const std::uint64_t head = from.varint();
    const std::uint64_t length = head >> 2;
    if (!from.ok() || length > after.size() - at) return false;
    const auto count = static_cast<std::size_t>(length);
    switch (head & 3) {
      case DeltaWriter::kSame:
        break;
      case DeltaWriter::kLiteral: {
        const Bytes literal = from.bytes(length);
        if (!from.ok()) return false;
        std::copy(literal.begin(), literal.end(), after.begin() + static_cast<std::ptrdiff_t>(at));
        break;
      }
      case DeltaWriter::kMoved: {
        const std::uint64_t there = at + from.signed_varint();
        if (!from.ok() || there > before.size() || length > before.size() - there) return false;
        const Bytes source = before.subspan(static_cast<std::size_t>(there), count);
        std::copy(source.begin(), source.end(), after.begin() + static_cast<std::ptrdiff_t>(at));
        break;
      }
      default:
        return false;
    }
    at += count;
  }
  return true;
}

}  // namespace litewright

#include "check/key_order.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <optional>

#include "base/bytes.h"
#include "sqlite/sql_names.h"

namespace litewright {
namespace {

enum class Tag : std::uint8_t { kNull, kInteger, kReal, kText, kBlob };
constexpr std::uint32_t kReplacement = 0xfffd;

std::optional<std::int64_t> whole(double number) {
  constexpr double kLimit = 9223372036854775808.0;  // 2^63
  if (!(number >= -kLimit && number < kLimit)) return std::nullopt;
  const auto integer = static_cast<std::int64_t>(number);
  if (static_cast<double>(integer) != number) return std::nullopt;
  return integer;
}

void add_utf8(std::vector<std::byte>& out, std::uint32_t c) {
  const auto put = [&](std::uint32_t byte) { out.push_back(static_cast<std::byte>(byte)); };
  if (c < 0x80) return put(c);
  if (c < 0x800) {
    put(0xc0 | c >> 6);
  } else {
    if (c < 0x10000) {
      put(0xe0 | c >> 12);
    } else {
      put(0xf0 | (c >> 18 & 7));
      put(0x80 | (c >> 12 & 0x3f));
    }
    put(0x80 | (c >> 6 & 0x3f));
  }
  put(0x80 | (c & 0x3f));
}

// SQLite compares NOCASE and RTRIM in UTF-8; a surrogate takes the unit behind it, whatever that is.
void to_utf8(Bytes text, bool big, std::vector<std::byte>& out) {
  const auto unit = [&](std::size_t at) -> std::uint32_t {
    return big ? load_big_endian<std::uint16_t>(text, at) : load_little_endian<std::uint16_t>(text, at);
  };
  out.clear();
  for (std::size_t at = 0; at + 2 <= text.size(); at += 2) {
    std::uint32_t c = unit(at);
    if (c >= 0xd800 && c < 0xe000) {
      if (at + 4 <= text.size()) {
        at += 2;
        c = (unit(at) & 0x3ff) + ((c & 0x3f) << 10) + (((c & 0x3c0) + 0x40) << 10);
      } else {
        c = kReplacement;
      }
    }
    add_utf8(out, c);
  }
}

// NOCASE folds ASCII, compares up to the first NUL and then by length; RTRIM leaves out blanks at the end.
Bytes folded(Bytes text, KeyCollation collation, KeyEncoding encoding, std::vector<std::byte>& memory) {
  if (collation == KeyCollation::kBinary || collation == KeyCollation::kUnknown) return text;
  if (encoding != KeyEncoding::kUtf8) {
    to_utf8(text, encoding == KeyEncoding::kUtf16Big, memory);
    text = memory;
  }
  if (collation == KeyCollation::kTrimRight) {
    while (!text.empty() && text.back() == std::byte{' '}) text = text.first(text.size() - 1);
    return text;
  }
  if (text.data() != memory.data()) memory.assign(text.begin(), text.end());
  auto at = memory.begin();
  for (; at != memory.end() && *at != std::byte{0}; ++at) {
    if (*at >= std::byte{'A'} && *at <= std::byte{'Z'}) *at |= std::byte{0x20};
  }
  std::fill(at, memory.end(), std::byte{0});
  return memory;
}

std::strong_ordering compare_bytes(Bytes left, Bytes right) {
  const std::size_t common = std::min(left.size(), right.size());
  const int order = common == 0 ? 0 : std::memcmp(left.data(), right.data(), common);
  if (order != 0) return order <=> 0;
  return left.size() <=> right.size();
}

Tag tag_of(const StoredValue& value) {
  if (value.is_null()) return Tag::kNull;
  if (value.is_integer()) return Tag::kInteger;
  if (value.is_real()) return std::isnan(value.real()) ? Tag::kNull : Tag::kReal;
  return value.is_text() ? Tag::kText : Tag::kBlob;
}

int rank(Tag tag) { return tag == Tag::kReal ? static_cast<int>(Tag::kInteger) : static_cast<int>(tag); }

std::strong_ordering compare_numbers(const StoredValue& left, const StoredValue& right) {
  if (left.is_integer() && right.is_integer()) return left.integer() <=> right.integer();
  // Wide enough for both kinds exactly: 64 bits of mantissa at least.
  const auto wide = [](const StoredValue& value) {
    return value.is_integer() ? static_cast<long double>(value.integer())
                              : static_cast<long double>(value.real());
  };
  const long double a = wide(left), b = wide(right);
  return a < b ? std::strong_ordering::less
               : (a > b ? std::strong_ordering::greater : std::strong_ordering::equal);
}

}  // namespace

KeyCollation key_collation(std::string_view name) {
  if (same_name(name, "BINARY")) return KeyCollation::kBinary;
  if (same_name(name, "NOCASE")) return KeyCollation::kNoCase;
  if (same_name(name, "RTRIM")) return KeyCollation::kTrimRight;
  return KeyCollation::kUnknown;
}

KeyEncoding key_encoding(std::string_view pragma_encoding) {
  if (same_name(pragma_encoding, "UTF-16le")) return KeyEncoding::kUtf16Little;
  if (same_name(pragma_encoding, "UTF-16be")) return KeyEncoding::kUtf16Big;
  return KeyEncoding::kUtf8;
}

std::byte* KeyBuffer::grow(std::size_t bytes) {
  if (size_ + bytes > memory_.size()) memory_.resize((size_ + bytes) * 2);
  std::byte* const at = memory_.data() + size_;
  size_ += bytes;
  return at;
}

void KeyBuffer::add_integer(std::int64_t value) {
  std::byte* const at = grow(1 + sizeof value);
  *at = static_cast<std::byte>(Tag::kInteger);
  std::memcpy(at + 1, &value, sizeof value);
}

void KeyBuffer::add_real(double value) {
  if (const auto integer = whole(value)) return add_integer(*integer);
  std::byte* const at = grow(1 + sizeof value);
  *at = static_cast<std::byte>(std::isnan(value) ? Tag::kNull : Tag::kReal);
  std::memcpy(at + 1, &value, sizeof value);
  if (std::isnan(value)) size_ -= sizeof value;
}

void KeyBuffer::add_text(Bytes text, KeyCollation collation) {
  text = folded(text, collation, encoding_, folded_);
  const auto length = static_cast<std::uint32_t>(text.size());
  std::byte* const at = grow(1 + sizeof length + text.size());
  *at = static_cast<std::byte>(Tag::kText);
  std::memcpy(at + 1, &length, sizeof length);
  if (length != 0) std::memcpy(at + 1 + sizeof length, text.data(), text.size());
}

void KeyBuffer::add(const StoredValue& value, KeyCollation collation, bool real) {
  if (value.is_null()) {
    *grow(1) = static_cast<std::byte>(Tag::kNull);
  } else if (value.is_integer()) {
    if (real) {
      add_real(static_cast<double>(value.integer()));
    } else {
      add_integer(value.integer());
    }
  } else if (value.is_real()) {
    add_real(value.real());
  } else if (value.is_text()) {
    add_text(value.bytes, collation);
  } else {
    add_text(value.bytes, KeyCollation::kBinary);
    memory_[size_ - value.bytes.size() - 1 - sizeof(std::uint32_t)] = static_cast<std::byte>(Tag::kBlob);
  }
}

std::strong_ordering compare_values(const StoredValue& left, const StoredValue& right, KeyCollation collation,
                                    KeyEncoding encoding) {
  const Tag a = tag_of(left), b = tag_of(right);
  if (rank(a) != rank(b)) return rank(a) <=> rank(b);
  if (a == Tag::kNull) return std::strong_ordering::equal;
  if (rank(a) == static_cast<int>(Tag::kInteger)) return compare_numbers(left, right);
  if (a == Tag::kBlob || collation == KeyCollation::kBinary || collation == KeyCollation::kUnknown) {
    return compare_bytes(left.bytes, right.bytes);
  }
  thread_local std::vector<std::byte> left_memory, right_memory;
  return compare_bytes(folded(left.bytes, collation, encoding, left_memory),
                       folded(right.bytes, collation, encoding, right_memory));
}

}  // namespace litewright

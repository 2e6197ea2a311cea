#include "check/key_order.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "base/bytes.h"
#include "base/checksum.h"
#include "check/whole_number.h"
#include "sqlite/sql_names.h"

namespace litewright {
namespace {

enum class Tag : std::uint8_t { kNull, kInteger, kReal, kText, kBlob };
constexpr std::uint32_t kReplacement = 0xfffd;

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

bool is_by_bytes(KeyCollation collation) {
  return collation == KeyCollation::kBinary || collation == KeyCollation::kUnknown;
}

// Both halves of a product of 128 bits: each bit of either factor reaches half of the result's.
std::uint64_t folded_product(std::uint64_t a, std::uint64_t b) {
  __extension__ using Wide = unsigned __int128;
  const Wide product = static_cast<Wide>(a) * b;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

constexpr std::uint64_t kFirst = 0xa0761d6478bd642f, kSecond = 0xe7037ed1a0b428db;

std::uint64_t mixed(std::uint64_t state, Tag tag, std::uint64_t word) {
  constexpr std::uint64_t kOdd[] = {0x8ebc6af09c88c6e3, 0x589965cc75374cc3, 0x1d8e4e27c47d124f,
                                    0xeb44accab455d165, 0x2d358dccaa6c78a5};
  return folded_product(state ^ kFirst, kSecond) ^ folded_product(word ^ kOdd[static_cast<int>(tag)], kFirst);
}

// For NOCASE and RTRIM. NOCASE folds ASCII, compares up to the first NUL and then by length; RTRIM leaves out
// blanks at the end.
Bytes folded(Bytes text, KeyCollation collation, KeyEncoding encoding, std::vector<std::byte>& memory) {
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

std::uint64_t KeyHash::value() const { return folded_product(state_ ^ kFirst, kSecond); }

void KeyHash::add_integer(std::int64_t value) {
  state_ = mixed(state_, Tag::kInteger, static_cast<std::uint64_t>(value));
}

void KeyHash::add_real(double value) {
  if (const auto integer = whole_number(value)) return add_integer(*integer);
  const bool nan = std::isnan(value);
  state_ = mixed(state_, nan ? Tag::kNull : Tag::kReal, nan ? 0 : std::bit_cast<std::uint64_t>(value));
}

void KeyHash::add(const StoredValue& value, KeyCollation collation, bool real) {
  if (value.is_null()) {
    state_ = mixed(state_, Tag::kNull, 0);
  } else if (value.is_integer()) {
    if (real) return add_real(static_cast<double>(value.integer()));
    add_integer(value.integer());
  } else if (value.is_real()) {
    add_real(value.real());
  } else if (value.is_text()) {
    const Bytes text =
        is_by_bytes(collation) ? value.bytes : folded(value.bytes, collation, encoding_, folded_);
    state_ = mixed(state_, Tag::kText, checksum64(text));
  } else {
    state_ = mixed(state_, Tag::kBlob, checksum64(value.bytes));
  }
}

std::strong_ordering compare_values(const StoredValue& left, const StoredValue& right, KeyCollation collation,
                                    KeyEncoding encoding) {
  const Tag a = tag_of(left), b = tag_of(right);
  if (rank(a) != rank(b)) return rank(a) <=> rank(b);
  if (a == Tag::kNull) return std::strong_ordering::equal;
  if (rank(a) == static_cast<int>(Tag::kInteger)) return compare_numbers(left, right);
  if (a == Tag::kBlob || is_by_bytes(collation)) {
    return compare_bytes(left.bytes, right.bytes);
  }
  thread_local std::vector<std::byte> left_memory, right_memory;
  return compare_bytes(folded(left.bytes, collation, encoding, left_memory),
                       folded(right.bytes, collation, encoding, right_memory));
}

}  // namespace litewright

#include "format/record.h"

#include <fmt/format.h>

#include <bit>
#include <cmath>

#include "base/bytes.h"
#include "format/varint.h"

namespace litewright {
namespace {

constexpr std::uint64_t kFirstBlobType = 12;

// Big-endian, sign-extended, 1 to 8 bytes.
std::int64_t load_signed(Bytes data) {
  std::uint64_t value = (load_u8(data, 0) & 0x80) != 0 ? ~std::uint64_t{0} : 0;
  for (const std::byte b : data) value = value << 8 | std::to_integer<std::uint64_t>(b);
  return static_cast<std::int64_t>(value);
}

Value decode(std::uint64_t serial_type, Bytes body) {
  if (serial_type >= kFirstBlobType) {
    if (serial_type % 2 == 0) return BlobValue{body};
    return TextValue{body};
  }
  if (serial_type == 0) return std::monostate{};
  if (serial_type == 8) return std::int64_t{0};
  if (serial_type == 9) return std::int64_t{1};
  if (serial_type != 7) return load_signed(body);
  const double number = std::bit_cast<double>(load_be64(body, 0));
  if (std::isnan(number)) return std::monostate{};
  return number;
}

}  // namespace

RecordCursor::RecordCursor(Bytes available, std::uint64_t payload_bytes, std::uint64_t header_begin,
                           std::uint64_t header_end)
    : available_(available),
      payload_bytes_(payload_bytes),
      header_at_(header_begin),
      header_end_(header_end),
      body_at_(header_end) {}

std::expected<RecordCursor, Malformed> RecordCursor::open(Bytes available, std::uint64_t payload_bytes) {
  if (payload_bytes < available.size()) available = available.first(static_cast<std::size_t>(payload_bytes));
  const Varint header_bytes = read_varint(available);
  if (!header_bytes)
    return malformed(0, "record ends within its header's length", Malformed::Kind::kTruncated);
  if (header_bytes.value < header_bytes.length || header_bytes.value > payload_bytes) {
    return malformed(0,
                     fmt::format("record header claims {} bytes of {}", header_bytes.value, payload_bytes));
  }
  return RecordCursor(available, payload_bytes, header_bytes.length, header_bytes.value);
}

std::expected<std::optional<Value>, Malformed> RecordCursor::next() {
  if (header_at_ == header_end_) {
    if (body_at_ == payload_bytes_) return std::nullopt;
    return malformed(body_at_,
                     fmt::format("record has {} bytes, its columns take {}", payload_bytes_, body_at_));
  }
  const Varint type = read_varint(available_, header_at_);
  if (!type) {
    return malformed(
        header_at_,
        fmt::format("column {}'s type is beyond the {} bytes at hand", column_, available_.size()),
        Malformed::Kind::kTruncated);
  }
  if (type.length > header_end_ - header_at_) {
    return malformed(header_at_, fmt::format("column {}'s type runs past the record's header", column_));
  }
  if (type.value == 10 || type.value == 11) {
    return malformed(header_at_, fmt::format("column {} has the reserved type {}", column_, type.value));
  }
  const std::uint64_t length = serial_type_bytes(type.value);
  if (length > payload_bytes_ - body_at_) {
    return malformed(body_at_, fmt::format("column {} takes {} bytes, the record has {} left", column_,
                                           length, payload_bytes_ - body_at_));
  }
  if (body_at_ + length > available_.size() && length > 0) {
    return malformed(body_at_,
                     fmt::format("column {} ends beyond the {} bytes at hand", column_, available_.size()),
                     Malformed::Kind::kTruncated);
  }
  // An empty value may stand beyond what is at hand: it has no bytes to borrow.
  const Bytes body = length == 0 ? Bytes{} : available_.subspan(body_at_, length);
  header_at_ += type.length;
  body_at_ += length;
  ++column_;
  return decode(type.value, body);
}

}  // namespace litewright

#include "check/record_fields.h"

#include <algorithm>
#include <bit>
#include <limits>

#include "base/bytes.h"
#include "format/record.h"
#include "format/varint.h"

namespace litewright {
namespace {

// Three bytes for each of 32,768 columns, and the header's own length: SQLite's bound.
constexpr std::uint64_t kMostHeaderBytes = 98307;

}  // namespace

double StoredValue::real() const { return std::bit_cast<double>(load_be64(bytes, 0)); }

RecordFields::Parsed RecordFields::parse(Bytes payload, std::uint64_t payload_bytes, std::size_t most,
                                         Fit fit) {
  payload_ = payload;
  count_ = 0;
  if (fields_.size() < most) fields_.resize(most);
  const Varint header = read_varint(payload);
  if (!header) return Parsed::kMalformed;
  if (header.value == 0) return Parsed::kWell;  // taken as a record without columns, for historical reasons
  if (header.value > payload.size() || header.value > kMostHeaderBytes) return Parsed::kMalformed;
  if (header.value <= header.length && most > 0) return Parsed::kMalformed;
  const std::byte* at = payload.data() + header.length;
  const std::byte* const end = payload.data() + header.value;
  std::uint64_t body = header.value;
  while (at < end && count_ < most) {
    Field& field = fields_[count_];
    std::uint64_t type = std::to_integer<std::uint64_t>(*at);
    if (type < 0x80) {
      at++;
    } else {
      // A number that runs past the header is seen below; past the payload it can't be read.
      const Varint longer = read_varint(payload, static_cast<std::size_t>(at - payload.data()));
      if (!longer) return Parsed::kMalformed;
      at += longer.length;
      type = std::min<std::uint64_t>(longer.value, std::numeric_limits<std::uint32_t>::max());
    }
    field.type = static_cast<std::uint32_t>(type);
    field.bytes = serial_type_bytes(type);
    field.at = body;
    body += field.bytes;
    count_++;
  }
  if (at > end || body > payload_bytes) return Parsed::kMalformed;
  if (fit == Fit::kExact && at == end && body != payload_bytes) return Parsed::kMalformed;
  return Parsed::kWell;
}

}  // namespace litewright

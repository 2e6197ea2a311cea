// A record: the payload of a table's row or of an index entry. Specification: sqlite.org/fileformat2.html
// section 2.1.
//
//   varint  bytes of the header, this number included
//   varint  serial type of each column, up to the header's end
//   bytes   values in the order of the columns
//
//   serial type  0     1 2 3 4 5 6        7            8 9     10 11     N >= 12, even   N >= 13, odd
//   value        NULL  integer, signed    float        0 1     never     BLOB            text
//   bytes        0     1 2 3 4 6 8        8            0       in files  (N - 12) / 2    (N - 13) / 2
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <variant>

#include "base/types.h"
#include "format/malformed.h"

namespace litewright {

// Bytes of text in the database's encoding; borrowed from the record.
struct TextValue {
  Bytes bytes;
};
struct BlobValue {
  Bytes bytes;
};
// monostate is NULL; a NaN is NULL, too, as SQLite has it. A REAL column holds whole numbers as integers, and
// the INTEGER PRIMARY KEY is NULL in the record: its value is the cell's rowid.
using Value = std::variant<std::monostate, std::int64_t, double, TextValue, BlobValue>;

// Bytes a value of this serial type takes in the body; 0 for the reserved types 10 and 11.
inline std::uint64_t serial_type_bytes(std::uint64_t serial_type) {
  constexpr std::uint8_t kBytes[12] = {0, 1, 2, 3, 4, 6, 8, 8, 0, 0, 0, 0};
  return serial_type < 12 ? kBytes[serial_type] : (serial_type - 12) / 2;
}

// Goes through a record's columns without copying. Values borrow from the bytes given to open().
// Invariant: header_at_ <= header_end_ <= payload_bytes_, and body_at_ <= payload_bytes_.
class RecordCursor {
 public:
  // `available` is the record's beginning: all of it, or the part on the b-tree page where the rest is on
  // overflow pages. `payload_bytes` is the whole record's length, at least available.size().
  static std::expected<RecordCursor, Malformed> open(Bytes available, std::uint64_t payload_bytes);
  static std::expected<RecordCursor, Malformed> open(Bytes record) { return open(record, record.size()); }

  // The next column; empty after the last. kTruncated: the column (or its type) is beyond `available`, gather
  // the overflow pages first. Any error repeats on every further call.
  std::expected<std::optional<Value>, Malformed> next();

  std::uint64_t column() const { return column_; }  // columns given so far

 private:
  RecordCursor(Bytes available, std::uint64_t payload_bytes, std::uint64_t header_begin,
               std::uint64_t header_end);

  Bytes available_;
  std::uint64_t payload_bytes_;
  std::uint64_t header_at_;
  std::uint64_t header_end_;
  std::uint64_t body_at_;
  std::uint64_t column_ = 0;
};

}  // namespace litewright

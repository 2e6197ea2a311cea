// A record's columns by type and place, for rows by the million: one pass over the header, no values made.
// Judged as SQLite's OP_Column judges a row. The layout: format/record.h.
#pragma once

#include <cstdint>
#include <vector>

#include "base/types.h"

namespace litewright {

// A value as it stands in a record. Serial types above 32 bits are cut to the largest.
struct StoredValue {
  std::uint32_t type = 0;  // serial type
  Bytes bytes = {};

  bool is_null() const { return type == 0 || type == 10 || type == 11; }
  bool is_integer() const { return (type >= 1 && type <= 6) || type == 8 || type == 9; }
  bool is_real() const { return type == 7; }
  bool is_text() const { return type >= 12 && type % 2 == 1; }
  bool is_blob() const { return type >= 12 && type % 2 == 0; }
  std::int64_t integer() const {  // is_integer()
    if (type >= 8) return type - 8;
    // Big-endian, sign-extended; read from the right end of eight bytes.
    std::uint64_t value = 0;
    for (const std::byte b : bytes) value = value << 8 | std::to_integer<std::uint64_t>(b);
    const auto unused = static_cast<unsigned>(64 - 8 * bytes.size());
    return static_cast<std::int64_t>(value << unused) >> unused;
  }
  double real() const;  // is_real(); may be a NaN, which SQLite reads as NULL
};

// Keeps its memory between records. Not thread-safe.
class RecordFields {
 public:
  enum class Parsed { kWell, kMalformed };

  // Whether the columns, where all are read, must take all of the payload: SQLite asks it of rows, and of
  // index entries it does not.
  enum class Fit { kExact, kWithin };
  // The first `most` columns. `payload` is the record, or its beginning where `payload_bytes` is more.
  Parsed parse(Bytes payload, std::uint64_t payload_bytes, std::size_t most, Fit fit = Fit::kExact);
  // The same record's bytes stand elsewhere now.
  void moved_to(Bytes payload) { payload_ = payload; }

  std::size_t count() const { return count_; }
  std::uint32_t type(std::size_t column) const { return fields_[column].type; }
  // Whether the column's bytes are at hand: not where the payload was cut.
  bool has(std::size_t column) const { return fields_[column].at + fields_[column].bytes <= payload_.size(); }
  StoredValue value(std::size_t column) const {
    const Field& field = fields_[column];
    return {.type = field.type, .bytes = Bytes(payload_.data() + field.at, field.bytes)};
  }
  Bytes payload() const { return payload_; }

 private:
  struct Field {
    std::uint32_t type = 0;
    std::uint64_t at = 0, bytes = 0;
  };
  Bytes payload_;
  std::vector<Field> fields_;
  std::size_t count_ = 0;
};

}  // namespace litewright

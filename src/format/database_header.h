// The first 100 bytes of a database file. All numbers are big-endian. Specification:
// sqlite.org/fileformat2.html section 1.3, and FACTS 15, 18, 19.
//
//    0  "SQLite format 3\0"                     48  default cache size (i32)
//   16  page size (u16; 1 = 65536)              52  largest root page; not 0: auto-vacuum
//   18  write version; 1 rollback, 2 WAL        56  text encoding; 1 UTF-8, 2 UTF-16LE, 3 UTF-16BE
//   19  read version; the same                  60  user version (i32)
//   20  reserved bytes at each page's end       64  not 0: incremental vacuum
//   21  64, 32, 32: payload fractions           68  application id
//   24  change counter                          72  zeros, 20 bytes
//   28  database size in pages                  92  change counter for which 28 and 96 are valid
//   32  first freelist trunk page               96  version of the library that wrote it
//   36  freelist pages
//   40  schema cookie
//   44  schema format, 1 to 4
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>

#include "base/types.h"
#include "format/malformed.h"

namespace litewright {

inline constexpr std::size_t kDatabaseHeaderBytes = 100;

enum class TextEncoding : std::uint8_t { kUtf8 = 1, kUtf16LittleEndian = 2, kUtf16BigEndian = 3 };
enum class AutoVacuum : std::uint8_t { kNone, kFull, kIncremental };

struct DatabaseHeader {
  std::uint32_t page_size = 0;      // bytes
  std::uint8_t write_version = 0;   // above 2: to be opened for reading only
  std::uint8_t read_version = 0;    // 1 or 2
  std::uint8_t reserved_bytes = 0;  // 8 may be page checksums of the cksumvfs extension
  std::uint32_t change_counter = 0;
  std::uint32_t stored_page_count = 0;  // use page_count()
  PageNumber first_freelist_trunk;
  std::uint32_t freelist_pages = 0;
  std::uint32_t schema_cookie = 0;
  std::uint32_t schema_format = 0;
  std::int32_t default_cache_size = 0;
  PageNumber largest_root_page;
  bool incremental_vacuum = false;
  TextEncoding text_encoding = TextEncoding::kUtf8;
  std::int32_t user_version = 0;
  std::uint32_t application_id = 0;
  std::uint32_t version_valid_for = 0;  // a change counter
  std::uint32_t sqlite_version = 0;     // of the last writer: 3040001 is 3.40.1

  bool is_wal() const { return read_version == 2; }
  std::uint32_t usable_bytes() const { return page_size - reserved_bytes; }
  // Empty where a library older than 3.7.0 wrote last: then the file's size counts (FACTS 19).
  std::optional<std::uint32_t> page_count() const;
  AutoVacuum auto_vacuum() const;
  std::string sqlite_version_text() const;  // "3.40.1"
};

// The first 100 bytes (more may follow). Refuses what SQLite refuses, and no more: another magic, a page size
// that is none, fewer than 480 usable bytes, other payload fractions, a read version above 2 (kUnsupported).
std::expected<DatabaseHeader, Malformed> parse_database_header(Bytes data);

// For a file whose header was refused: what it seems to be instead, as the end of a sentence about it ("looks
// encrypted: …", "is a gzip file"). Give as much of its beginning as there is up to 4096 bytes. Empty where
// the magic is a database's, or the file is empty: SQLite takes that as a database without tables.
std::optional<std::string> looks_encrypted_or_not_a_database(Bytes beginning);

}  // namespace litewright

// The rollback journal, `app.db-journal`. All numbers are big-endian. Specification:
// sqlite.org/fileformat2.html section 3, and FACTS 18.
//
//   header, padded with anything to a whole sector      page record
//    0  d9 d5 05 f9 20 a1 63 d7                          0      page number, never 0 or the lock page
//    8  page records that follow; 0xffffffff: as         4      the page as it was before the transaction
//       many as the file holds                           4 + N  checksum: nonce + every 200th byte
//   12  nonce of the checksums
//   16  database size in pages before the transaction   at the end, when several databases commit as one
//   20  sector size, 32 to 65536                         0      lock page's number
//   24  page size                                        4      name of the super-journal, L bytes
//                                                        4 + L  L, sum of the name's bytes, the 8 of 0 above
//
// A further header follows at a later sector where the journal was synced amid the transaction. Magic and
// count of a header stay zero until its records are synced: a rollback ends at the first that has no magic.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>

#include "base/types.h"
#include "format/malformed.h"

namespace litewright {

inline constexpr std::size_t kJournalHeaderBytes = 28;
inline constexpr std::uint32_t kJournalCountByFileSize = 0xffffffff;

struct JournalHeader {
  std::uint32_t record_count = 0;  // use journal_record_count()
  std::uint32_t nonce = 0;
  std::uint32_t database_pages = 0;
  std::uint32_t sector_size = 0;  // bytes
  std::uint32_t page_size = 0;    // bytes; 0: the database's (written by SQLite before 3.5.8)
};

struct JournalRecord {
  PageNumber page;
  Bytes content;  // borrowed
};

// The first 28 bytes of a header (more may follow).
std::expected<JournalHeader, Malformed> parse_journal_header(Bytes data);

constexpr std::uint64_t journal_record_bytes(std::uint32_t page_size) { return std::uint64_t{page_size} + 8; }

// How many records follow the header at `header_offset` in a journal of `file_bytes`: what the header says,
// or what fits. Bounded by the file, whatever the header claims.
std::uint64_t journal_record_count(const JournalHeader& header, std::uint32_t page_size,
                                   std::uint64_t header_offset, std::uint64_t file_bytes);

// A whole record: 8 + page_size bytes. A wrong checksum is malformed: there SQLite's rollback ends.
std::expected<JournalRecord, Malformed> parse_journal_record(Bytes data, std::uint32_t page_size,
                                                             std::uint32_t nonce);

// What the journal's first bytes (28, or as many as there are) say about a rollback still to be made.
enum class JournalHeat : std::uint8_t {
  kCold,         // absent, empty or zeroed (journal_mode=PERSIST, or a transaction that has not touched the
                 // database yet): nothing to roll back
  kMaybeHot,     // a transaction's: hot unless a process holds RESERVED or stronger on the database, or it
                 // names a super-journal that does not exist
  kNotAJournal,  // other bytes: SQLite takes it for hot, finds nothing to roll back, and deletes it
};
JournalHeat journal_heat(Bytes beginning);

// The super-journal that the journal's last bytes name (give at least its last 16 + 4096, or the whole);
// empty where there is none.
std::optional<std::string> super_journal_name(Bytes tail);

}  // namespace litewright

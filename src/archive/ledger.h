// The page ledger: for each page of a database its checksum as of the last commit captured, and their sum,
// the database's checksum. It finds what changed, carries the rolling checksum, and guards every delta's
// base.
//
// Kept in memory, 16 bytes a page, up to a bound, and beyond it in an anonymous file of the state folder that
// is made then; it is a cache: after a restart it is rebuilt from the archive's own page checksums
// (Segment::page_checksums).
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/checksum.h"
#include "base/types.h"

namespace litewright {

struct LedgerOptions {
  std::string folder;  // where the anonymous file lives
  std::uint32_t page_size = 4096;
  std::size_t cache_bytes = 8 << 20;
};

// Not thread-safe; throws Error{kIo} where the file fails. Invariants: (1) sum() is the wrapping sum of all
// entries; (2) no entry beyond page_count() is set; (3) the lock page is never set.
class Ledger {
 public:
  explicit Ledger(const LedgerOptions& options);
  ~Ledger();
  Ledger(Ledger&&) noexcept;
  Ledger& operator=(Ledger&&) noexcept;

  std::uint32_t page_count() const;
  const Checksum128& sum() const;

  // Zero for a page that has none yet (or is beyond the end).
  Checksum128 get(PageNumber page);
  // Grows page_count() where `page` is beyond it; the pages between stay unset until resize(). The lock page
  // is left out: it changes nothing.
  void set(PageNumber page, const Checksum128& checksum);
  // The database's size after a commit: entries beyond it are forgotten; pages up to it that were never
  // written count as pages of zeros (SQLite leaves new freelist leaves unwritten: the file has zeros there).
  void resize(std::uint32_t page_count);
  // The checksum of a page of zeros, as resize() counts it.
  static Checksum128 zero_page(PageNumber page, std::uint32_t page_size);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace litewright

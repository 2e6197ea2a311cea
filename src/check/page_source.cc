#include "check/page_source.h"

#include <array>
#include <vector>

#include "base/error.h"
#include "format/database_header.h"

namespace litewright {

SnapshotPages::SnapshotPages(PageSnapshot& snapshot) : snapshot_(snapshot) {
  page_size_ = snapshot.page_size();
  page_count_ = snapshot.page_count();
  usable_bytes_ = page_size_;
  if (page_count_ == 0) return;  // an empty file: a database without tables
  std::vector<std::byte> first(page_size_);
  snapshot.read(PageNumber(1), first);  // and maps the WAL, so that threads only read from here on
  const auto header = parse_database_header(first);
  if (!header) {
    throw Error(ErrorCode::kDamaged, snapshot.connection().path() + ": " + header.error().what);
  }
  // Without the schema, which PRAGMA page_count would read.
  page_count_ = header->page_count().value_or(page_count_);
  usable_bytes_ = header->usable_bytes();
  parallel_ = PageSnapshot::threads_may_read();
}

void SnapshotPages::read(PageNumber first, MutableBytes out) {
  if (parallel_) return snapshot_.read(first, out);
  const std::lock_guard lock(one_at_a_time_);
  snapshot_.read(first, out);
}

SnapshotHold SnapshotPages::hold() { return snapshot_.hold(); }

}  // namespace litewright

// Reads the database file in order and archives the pages whose checksum is not the ledger's. With an empty
// ledger that is the first snapshot; with the ledger of what was archived before it is the reconciled
// difference of a gap.
//
// In WAL mode the file and the frames up to our mark are one state while that stands still
// (docs/decisions/0015); where it moves it is the fuzzy copy (FACTS 16): capture runs meanwhile and
// checkpoints go on. Captured pages win: they are skipped here. A page torn by somebody's backfill is a page
// that was captured.
#pragma once

#include <cstdint>
#include <vector>

#include "archive/frame_capture.h"
#include "sqlite/main_file.h"

namespace litewright {

class DatabaseScan {
 public:
  // `capture`: whose pages are skipped; null where nothing is captured.
  DatabaseScan(const MainFile& file, Ledger& ledger, const FrameCapture* capture, std::uint32_t page_size);

  // Reads the next chunk (about 1 MiB) and adds what differs to the batch. False: the end of the file was
  // reached.
  bool step(Txid txid, CaptureBatch& batch);

  std::uint32_t pages_done() const { return next_.value - 1; }
  std::uint64_t pages_changed() const { return pages_changed_; }

 private:
  const MainFile& file_;
  Ledger& ledger_;
  const FrameCapture* capture_;
  std::uint32_t page_size_;
  PageNumber next_{1};
  std::uint64_t pages_changed_ = 0;
  std::vector<std::byte> chunk_;
};

}  // namespace litewright

// The write-ahead log, `app.db-wal`. All numbers are big-endian. Specification: sqlite.org/fileformat2.html
// section 4, and FACTS 9, 10, 14, 28.
//
//   header, 32 bytes                              frame header, 24 bytes, before each page
//    0  magic 0x377f0682, or 0x377f0683 where      0  page number, never 0
//       checksums read big-endian words            4  database size in pages after the commit;
//    4  version, 3007000                              0: no commit
//    8  page size, 512 to 65536                    8  salt-1, salt-2: the header's
//   12  checkpoint sequence                       16  checksum-1, checksum-2, running: over the header's
//   16  salt-1, salt-2                                first 24 bytes, then 8 bytes of frame header + page
//   24  checksum-1, checksum-2 of bytes 0 to 23       of each frame up to this one
//
// The tail holds frames of older generations and of rolled-back transactions; only salts and checksum tell.
// Where a live WAL index exists it decides instead: every frame up to its max_frame counts, whatever the
// frame carries (FACTS 9, 28).
#pragma once

#include <cstdint>
#include <expected>
#include <optional>

#include "base/types.h"
#include "format/malformed.h"

namespace litewright {

inline constexpr std::size_t kWalHeaderBytes = 32;
inline constexpr std::size_t kWalFrameHeaderBytes = 24;
inline constexpr std::uint32_t kWalVersion = 3007000;

// The running checksum of WAL frames and of the WAL index: two 32-bit sums, a weak Fletcher.
class WalChecksum {
 public:
  enum class ByteOrder : std::uint8_t { kLittleEndian, kBigEndian, kNative };

  explicit WalChecksum(ByteOrder order, std::uint32_t first = 0, std::uint32_t second = 0);

  // `data` is taken in pairs of 32-bit words; bytes beyond the last whole pair (8 bytes) are not counted: the
  // format never has any.
  void add(Bytes data);

  std::uint32_t first() const { return first_; }
  std::uint32_t second() const { return second_; }

 private:
  bool swap_;  // the words' byte order is not the machine's
  std::uint32_t first_;
  std::uint32_t second_;
};

struct WalHeader {
  bool big_endian_checksum = false;
  std::uint32_t version = kWalVersion;
  std::uint32_t page_size = 0;
  std::uint32_t checkpoint_sequence = 0;
  std::uint32_t salt[2] = {0, 0};
  std::uint32_t checksum[2] = {0, 0};

  WalChecksum::ByteOrder checksum_order() const {
    return big_endian_checksum ? WalChecksum::ByteOrder::kBigEndian : WalChecksum::ByteOrder::kLittleEndian;
  }
};

struct WalFrameHeader {
  PageNumber page;
  std::uint32_t size_after_commit = 0;  // pages; 0: not the last frame of a commit
  std::uint32_t salt[2] = {0, 0};
  std::uint32_t checksum[2] = {0, 0};

  bool is_commit() const { return size_after_commit != 0; }
  bool operator==(const WalFrameHeader&) const = default;
};

// The first 32 bytes (more may follow). Checks magic, version, page size and checksum.
std::expected<WalHeader, Malformed> parse_wal_header(Bytes data);

// The first 24 bytes (more may follow). A page number of 0 is malformed; salts and checksum are only decoded:
// under a live index they may be zeros in a committed frame (FACTS 28).
std::expected<WalFrameHeader, Malformed> parse_wal_frame_header(Bytes data);

// Where frame `frame` (1 is the first) begins in the file.
constexpr std::uint64_t frame_offset(FrameNumber frame, std::uint32_t page_size) {
  return kWalHeaderBytes +
         (std::uint64_t{frame.value} - 1) * (std::uint64_t{page_size} + kWalFrameHeaderBytes);
}

// Frames that lie whole within a WAL file of `file_bytes`.
constexpr std::uint64_t whole_frames(std::uint64_t file_bytes, std::uint32_t page_size) {
  return file_bytes <= kWalHeaderBytes ? 0
                                       : (file_bytes - kWalHeaderBytes) / (page_size + kWalFrameHeaderBytes);
}

// Reads a WAL as recovery does, without an index: fed one frame after another, says which count (FACTS 9).
// Holds no bytes between calls.
//
// Invariants: (1) last_commit() <= last_valid(); (2) after kEnd nothing counts any more, whatever is fed.
// A commit frame that sector padding repeated is reported as one more commit of the same page (FACTS 10).
class WalScanner {
 public:
  enum class Verdict : std::uint8_t {
    kFrame,   // valid; counts once a commit follows
    kCommit,  // valid, and ends a commit
    kEnd,     // not of this generation: the log ends before it
  };

  explicit WalScanner(const WalHeader& header);

  // `frame` is the frame header and its page: 24 + page_size bytes; any other length is kEnd.
  Verdict feed(Bytes frame);

  const WalHeader& header() const { return header_; }
  FrameNumber last_valid() const { return last_valid_; }
  FrameNumber last_commit() const { return last_commit_; }
  std::uint32_t page_count() const { return page_count_; }  // after the last commit; 0 before the first
  // Why the log ended: set once feed() has returned kEnd. Its offset is in the frame.
  const std::optional<Malformed>& end_reason() const { return end_reason_; }

 private:
  Verdict end(std::uint64_t offset, std::string what);

  WalHeader header_;
  WalChecksum checksum_;
  FrameNumber last_valid_;
  FrameNumber last_commit_;
  std::uint32_t page_count_ = 0;
  std::optional<Malformed> end_reason_;
};

}  // namespace litewright

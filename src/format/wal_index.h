// The head of the WAL index, the first 136 bytes of `app.db-shm`: shared memory in the machine's byte order,
// changed by other processes while we look. Specification: sqlite.org/walformat.html section 2, FACTS 3, 8.
//
//    0  first copy of the header            header copy, 48 bytes
//   48  second copy                          0  version, 3007000
//   96  backfilled (nBackfill)               4  unused
//  100  read marks 0 to 4                    8  change counter: +1 a commit, restarts at recovery
//  120  lock bytes: WRITE, CKPT, RECOVER,   12  is initialised (u8)
//       READ0 to READ4; never read or       13  checksums in the WAL are big-endian (u8)
//       written, only locked                14  page size (u16; 1 = 65536; 0 = unknown yet)
//  128  backfill attempted; and as a lock   16  max frame
//       byte: DMS                           20  database size in pages
//  132  unused                              24  checksum of the last frame, 2 words
//                                           32  salts, as in the WAL: big-endian, whatever the machine
//                                           40  checksum of bytes 0 to 39, native words
//
// A writer stores copy 2, a barrier, copy 1; a reader takes copy 1, a barrier, copy 2: equal copies with a
// right checksum are one header as somebody stored it.
#pragma once

#include <array>
#include <cstdint>
#include <expected>

#include "base/types.h"
#include "format/malformed.h"

namespace litewright {

inline constexpr std::size_t kWalIndexHeaderBytes = 48;
inline constexpr std::size_t kWalIndexHeadBytes = 136;
inline constexpr std::size_t kWalReadMarks = 5;
inline constexpr std::uint32_t kReadMarkUnused = 0xffffffff;

// Lock bytes of the -shm file (FACTS 3).
inline constexpr std::uint64_t kWalWriteLockByte = 120;
inline constexpr std::uint64_t kWalCheckpointLockByte = 121;
inline constexpr std::uint64_t kWalRecoverLockByte = 122;
inline constexpr std::uint64_t kWalReadLockByte0 = 123;  // READk is 123 + k, k from 0 to 4
inline constexpr std::uint64_t kWalDeadManSwitchByte = 128;

struct WalIndexHeader {
  std::uint32_t version = 0;
  std::uint32_t change = 0;
  bool is_init = false;
  bool big_endian_checksum = false;
  std::uint32_t page_size = 0;  // bytes; 0 after recovery of an empty WAL until the next commit (FACTS 8)
  FrameNumber max_frame;        // the last frame committed; 0: the WAL is empty
  std::uint32_t page_count = 0;
  std::uint32_t frame_checksum[2] = {0, 0};
  std::uint32_t salt[2] = {0, 0};  // comparable with WalHeader::salt

  bool operator==(const WalIndexHeader&) const = default;
};

struct WalIndex {
  WalIndexHeader header;
  // What follows is not covered by the header's checksum, and was read after it: it may belong to a later
  // state. `backfilled` beyond max_frame is possible (a restart in between), and no error here.
  FrameNumber backfilled;          // frames copied into the database and synced
  FrameNumber backfill_attempted;  // frames that may have been copied
  // Frame numbers; a mark counts only while its lock byte is held: stale marks stay behind (FACTS 8).
  std::array<std::uint32_t, kWalReadMarks> read_mark{};
};

using WalIndexHead = std::array<std::byte, kWalIndexHeadBytes>;

// Copies the head out of shared memory, once: copy 1, full barrier, copy 2, full barrier, the rest; each
// aligned 32-bit word by one load, so no word is torn. `shared` is the start of the mapped -shm file (aligned
// to 4 bytes at least, 136 bytes readable). Every process may store into it meanwhile.
WalIndexHead copy_wal_index_head(const volatile void* shared);

// The first 136 bytes (more may follow). Malformed::kind says what to do about a refusal:
//   kTorn            copies differ or the checksum is wrong: look again; where it stays, begin a read, which
//                    makes SQLite recover (FACTS 8)
//   kNotInitialised  begin a read, too
//   kUnsupported     another version: keep off
//   kInvalid         a right checksum over an impossible page size
//   kTruncated       fewer than 136 bytes
std::expected<WalIndex, Malformed> read_wal_index(Bytes head);

// Both in one. Spins not at all: bounding the retries is the caller's.
inline std::expected<WalIndex, Malformed> read_shared_wal_index(const volatile void* shared) {
  const WalIndexHead head = copy_wal_index_head(shared);
  return read_wal_index(head);
}

}  // namespace litewright

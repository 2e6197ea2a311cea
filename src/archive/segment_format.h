// The bytes of a segment, without I/O: fixed structures, the columns of a frame, the commit index. The whole
// layout with its invariants: docs/formats/segment.md.
//
//   header 56 | run, run, … | commit index | run table | footer 352 (256 before version 2)
//   run    = frames | frame table 40 each | page numbers (zstd) | page checksums 16 each
//   frame  = records (zstd) | 8-byte checks of the versions that are not their page's last in the run
//
// All integers little-endian. Decoders return nullopt for bytes that break a rule; checksums are verified by
// them where the structure carries its own.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <tuple>
#include <vector>

#include "archive/segment.h"

namespace litewright::segment_format {

inline constexpr std::size_t kHeaderBytes = 56;
inline constexpr std::size_t kWitnessBytes = 16;
inline constexpr std::size_t kFirstFooterBytes = 256;  // of version 1, the shortest
inline constexpr std::size_t kFooterBytes =
    kFirstFooterBytes + std::tuple_size_v<StateWitnesses> * kWitnessBytes;  // of the version that is written
constexpr std::size_t footer_bytes(std::uint16_t version) {
  return version == 1 ? kFirstFooterBytes : kFooterBytes;
}
// Where the object's checksum stands in a footer of so many bytes; its own and the tail follow.
constexpr std::size_t object_checksum_offset(std::size_t footer_length) { return footer_length - 32; }
inline constexpr std::size_t kTailBytes = 16;  // of the footer's end: the same in every format version
inline constexpr std::size_t kRunEntryBytes = 64;
inline constexpr std::size_t kFrameEntryBytes = 40;
inline constexpr std::size_t kChecksumBytes = 16;
inline constexpr std::size_t kCheckBytes = 8;

// Limits that bound what a reader allocates, whatever an object declares.
inline constexpr std::uint32_t kMaxRawFrameBytes = 1 << 20;
inline constexpr std::uint32_t kMaxStoredFrameBytes = 2 << 20;
inline constexpr std::uint32_t kMaxRuns = 1 << 20;
inline constexpr std::uint32_t kMaxFramesInRun = 1 << 18;
inline constexpr std::uint32_t kMaxCommits = 1 << 24;
inline constexpr std::size_t kMaxCommitBytes = 42;  // one commit's columns, before compression

void encode_header(const SegmentHeader& header, std::vector<std::byte>& out);
// The format version of bytes that begin like a segment, whatever follows; nullopt for anything else.
std::optional<std::uint16_t> header_version(Bytes data);
// Witnesses are the footer's: these have none.
std::optional<SegmentHeader> decode_header(Bytes data);

// One run in the run table. Its parts lie one after another from data_offset on: frames, frame table, page
// numbers, page checksums.
struct RunEntry {
  RunInfo info;
  std::uint32_t frames = 0;
  std::uint64_t data_offset = 0;
  std::uint64_t index_offset = 0;    // of the frame table; data_offset + the frames' stored bytes
  std::uint32_t numbers_stored = 0;  // bytes of the page numbers, compressed
  std::uint32_t numbers_raw = 0;     // and before
  std::uint64_t table_checksum = 0;  // XXH3-64 of the frame table
  std::uint64_t numbers_checksum = 0;

  std::uint64_t numbers_offset() const { return index_offset + std::uint64_t{frames} * kFrameEntryBytes; }
  std::uint64_t checksums_offset() const { return numbers_offset() + numbers_stored; }
  std::uint64_t end() const { return checksums_offset() + std::uint64_t{info.pages} * kChecksumBytes; }
};
void encode_run(const RunEntry& run, std::vector<std::byte>& out);
// Checks the entry against itself and against `begin`, where it must begin.
std::optional<RunEntry> decode_run(Bytes data, std::uint64_t begin);

// One frame in its run's frame table.
struct FrameEntry {
  PageNumber first_page, last_page;
  std::uint32_t stored = 0;   // bytes in the object: compressed records, then checks
  std::uint32_t raw = 0;      // bytes of the records before compression
  std::uint32_t records = 0;  // versions
  std::uint32_t ended = 0;    // versions that are their page's last in the run
  std::uint64_t stored_checksum = 0;
  std::uint64_t ended_checksum = 0;  // of the frame's part of the run's page checksums

  std::uint32_t checks_bytes() const { return (records - ended) * static_cast<std::uint32_t>(kCheckBytes); }
};
void encode_frame(const FrameEntry& frame, std::vector<std::byte>& out);
std::optional<FrameEntry> decode_frame(Bytes data);

struct Footer {
  std::uint16_t version = kSegmentFormatVersion;
  SegmentHeader header;
  std::uint64_t commits_offset = 0;
  std::uint32_t commit_count = 0;
  std::uint32_t commits_stored = 0;  // bytes of the compressed columns; 16 bytes a commit follow
  std::uint32_t commits_raw = 0;
  std::uint32_t run_count = 0;
  std::uint64_t commits_checksum = 0;  // XXH3-64 of columns and checksums
  std::uint64_t runs_checksum = 0;     // XXH3-64 of the run table
  std::optional<WalPosition> position;
  CommitRecord first, last;

  std::size_t bytes() const { return footer_bytes(version); }
  std::uint64_t runs_offset() const {
    return commits_offset + commits_stored + std::uint64_t{commit_count} * kChecksumBytes;
  }
  std::uint64_t offset() const { return runs_offset() + std::uint64_t{run_count} * kRunEntryBytes; }
};
// The footer up to where the object's checksum stands, which covers all before it.
void encode_footer_before_checksum(const Footer& footer, std::vector<std::byte>& out);
// Completes it: object checksum, the footer's own, tail.
void encode_footer_rest(std::uint64_t object_checksum, std::size_t footer_begin, std::vector<std::byte>& out);

// The format version that the last kTailBytes bytes of an object name; nullopt: they end no segment.
std::optional<std::uint16_t> tail_version(Bytes tail);
std::optional<Footer> decode_footer(Bytes footer);

// The commit index's columns, before compression; checksums go into a stream of their own.
void encode_commits(std::span<const CommitRecord> commits, Txid base, std::vector<std::byte>& columns,
                    std::vector<std::byte>& checksums);
std::optional<std::vector<CommitRecord>> decode_commits(Bytes columns, Bytes checksums, Txid base,
                                                        std::uint32_t count);

}  // namespace litewright::segment_format

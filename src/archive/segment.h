// A segment: an immutable object that holds the pages changed by a range of commits (base, last]. A range
// that begins at nothing (base 0) is a snapshot. Byte layout and invariants: docs/formats/segment.md.
//
// Inside: one or more runs. A run holds page versions sorted by (page, order of arrival); of two versions of
// one page with the same txid the later one counts, in a run and from run to run. A version is the whole
// page, or a delta against the version before it in the archive's line of commits (which may be in an earlier
// run or segment).
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "archive/page_set.h"
#include "base/checksum.h"
#include "base/clock.h"
#include "base/types.h"
#include "store/object_store.h"

namespace litewright {

inline constexpr std::uint16_t kSegmentFormatVersion = 2;  // written; all from 1 on are read

struct PageVersion {
  enum class Kind : std::uint8_t { kWhole = 0, kDelta = 1 };
  PageNumber page;
  Txid txid;
  Kind kind = Kind::kWhole;
  Bytes body;            // the page, or the bytes of append_page_delta; borrowed
  Checksum128 checksum;  // page_checksum of the page after it. A cursor fills it for the last version of a
                         // page in a run and gives only `low` for the others (`high` is then 0).
};

// One commit as the archive knows it: a restore point.
struct CommitRecord {
  Txid txid;
  WallTime seen_at;              // when the archiver saw it
  std::uint32_t page_count = 0;  // the database's size in pages after it
  Checksum128 checksum;          // the whole database's after it
  bool reconciled =
      false;             // a gap: several commits nobody followed, found by comparison; not before gap_since
  WallTime gap_since{};  // with `reconciled`: when the database was last known
  bool retired = false;  // thinned out: no restore point, here only because what follows builds on it
  bool operator==(const CommitRecord&) const = default;
};

// Where in the WAL capture stood after a segment's last commit (FACTS 14): what continuity is proven with.
struct WalPosition {
  std::uint32_t salt[2] = {0, 0};
  FrameNumber frame;              // the last frame captured; 0: the WAL was empty or is unknown
  std::uint64_t commit_hash = 0;  // checksum64 over the last commit's frames, headers included
  bool operator==(const WalPosition&) const = default;
};

// What a segment's writer knew of the line that the segment was built on: the state after an earlier commit.
// Another segment that gives that commit must agree, or one of the two is of another line
// (archive/state_witness.h).
struct StateWitness {
  Txid txid;                // 0: none
  std::uint64_t check = 0;  // the low 8 bytes of the whole database's checksum after it
  bool operator==(const StateWitness&) const = default;
};
using StateWitnesses = std::array<StateWitness, 6>;

struct SegmentHeader {
  std::uint32_t page_size = 0;
  std::uint32_t epoch = 1;         // an unbroken line of commits
  std::uint32_t parent_epoch = 0;  // in an epoch's first segment: the epoch it forked from
  std::uint64_t fence = 0;         // the owner's number when it was written
  Txid base;                       // exclusive
  Txid last;                       // inclusive
  StateWitnesses witnesses{};      // the first is of `base`; all none before format version 2
};

// "segments/0000000000000001-0000000000000400.lws": base and last, decimal, 16 digits (20 where they need
// it). What is made anew of the same commits has another generation, "…-0000000000000400-g1.lws": names are
// never used twice.
std::string segment_name(Txid base, Txid last, unsigned generation = 0);
inline constexpr unsigned kMostGenerations = 9999;
std::optional<std::pair<Txid, Txid>> parse_segment_name(std::string_view name);

struct SegmentWriterOptions {
  SegmentHeader header;
  int zstd_level = 1;
  int threads = 1;       // > 1: frames are compressed by that many threads beside the caller's
  bool thinned = false;  // the commits may have gaps between them
  unsigned generation = 0;
};

// Writes one segment. Memory: a few frames per thread, the index of the current run (18 bytes a page, a run
// ends by itself at kMaxPagesPerRun pages), 40 bytes a commit. Nothing is visible before finish() returned.
class SegmentWriter {
 public:
  static constexpr std::uint32_t kMaxPagesPerRun = 65536;
  static constexpr std::size_t kFrameBytes =
      64 << 10;  // of records before compression; one larger record is a frame

  SegmentWriter(ObjectStore& store, const SegmentWriterOptions& options);
  ~SegmentWriter();
  SegmentWriter(const SegmentWriter&) = delete;
  SegmentWriter& operator=(const SegmentWriter&) = delete;

  // Versions of a run come in ascending order of page, those of one page in order of arrival. A page lower
  // than the last begins a new run; end_run() begins one too (for versions that arrived later than all
  // before).
  void add(const PageVersion& version);
  void end_run();

  // Commits (base, last], dense and ascending; a snapshot (base 0) may leave out any number from the first
  // on: it gives no earlier state than its first commit. Of a thinned segment any may be left out but the
  // last, header.last. `position` is absent where capture does not follow
  // (a plain copy). Durable and visible when it returns; gives the object's size in bytes.
  std::uint64_t finish(std::span<const CommitRecord> commits, const std::optional<WalPosition>& position);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Collects page versions in the order in which capture meets them and hands them to a writer sorted. Not
// thread-safe.
class RunBuffer {
 public:
  void add(const PageVersion& version);  // copies the body
  std::size_t bytes() const;             // bodies and bookkeeping held now
  bool empty() const;
  void clear();  // keeps a little memory
  // Adds everything, sorted by (page, arrival), as a run of its own.
  void write_to(SegmentWriter& writer) const;

 private:
  struct Entry {
    PageNumber page;
    PageVersion::Kind kind;
    Txid txid;
    Bytes body;  // within a chunk
    Checksum128 checksum;
  };
  // In chunks: one vector would hold twice what is in it while it grows.
  struct Chunk {
    std::unique_ptr<std::byte[]> memory;
    std::size_t size = 0, used = 0;
  };
  Bytes keep(Bytes body);

  std::vector<Entry> entries_;
  std::vector<Chunk> chunks_;   // those from filling_ + 1 on are empty
  std::size_t filling_ = 0;     // in chunks_
  std::size_t body_bytes_ = 0;  // of all entries
};

struct RunInfo {
  PageNumber first_page, last_page;
  std::uint32_t pages = 0;  // distinct
  std::uint64_t versions = 0;
};

// A segment opened for reading. Every read is checked against its checksum: damage throws Error{kDamaged}
// that names the object and the place. A newer format version throws Error{kDamaged} with a hint to upgrade.
// const methods may be called from several threads at once.
class Segment {
 public:
  struct State;  // of the reader's own files (archive/segment_index.h)
  Segment(const ObjectStore& store, const std::string& name);
  ~Segment();
  Segment(Segment&&) noexcept;
  Segment& operator=(Segment&&) noexcept;

  const std::string& name() const;
  std::uint64_t size() const;  // bytes of the object
  const SegmentHeader& header() const;
  const std::optional<WalPosition>& position() const;
  std::span<const RunInfo> runs() const;
  std::uint32_t commit_count() const;  // these three from the footer: no further read
  CommitRecord first_commit() const;
  CommitRecord last_commit() const;
  std::vector<CommitRecord> commits() const;  // all of them: one read

  // The checksum of the last version of each page of a run, ascending: the ledger's part. No page data is
  // read.
  void page_checksums(std::size_t run,
                      const std::function<void(PageNumber, const Checksum128&)>& visit) const;

  // Reads the whole object once and compares its checksum with the footer's. `progress` gets the bytes read
  // since its last call, and may throw.
  void verify_bytes(const std::function<void(std::uint64_t)>& progress = {}) const;

 private:
  friend class RunCursor;
  std::unique_ptr<State> state_;
};

// Goes through one run, or the pages [from, to] of it. Holds one decoded frame (about 64 KiB and its
// compressed form).
class RunCursor {
 public:
  // With `only`, frames that hold none of its pages are left out; other pages may come all the same.
  RunCursor(const Segment& segment, std::size_t run, PageNumber from = PageNumber(1),
            PageNumber to = PageNumber(0xffffffffu), const PageSet* only = nullptr);
  ~RunCursor();
  RunCursor(RunCursor&&) noexcept;
  RunCursor& operator=(RunCursor&&) noexcept;

  // The next version, or nullopt at the end; its body is valid until the next call.
  std::optional<PageVersion> next();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace litewright

// The records of one frame, as columns, so that the compressor sees like with like.
//
//   u32 bytes of pages | u32 of kinds | u32 of txids | u32 of lengths | pages | kinds | txids | lengths |
//   bodies
//     pages    varint a record: page - the record's before (the first: - the frame's first page, so 0)
//     kinds    a byte a record: bit 0 delta, bit 1 the page's last version in the run; others 0
//     txids    signed varint a record: txid - the record's before if that has the same page and frame, else
//              txid - the segment's base
//     lengths  varint a delta (a whole page has the page size)
//     bodies   one after another, to the end
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "archive/segment.h"
#include "archive/segment_bytes.h"
#include "archive/segment_format.h"

namespace litewright {

// Collects records, in order. Invariant: at most the last record's "page's last" flag is still open.
class FrameBuilder {
 public:
  void clear();
  // Appends a version that is not its page's last, as far as known.
  void add(const PageVersion& version, Txid base);
  // The record added last turned out to be its page's last in the run.
  void mark_ended();

  std::uint32_t records() const { return static_cast<std::uint32_t>(kinds_.size()); }
  std::size_t bytes() const;  // what assemble() appends
  PageNumber first_page() const { return first_page_; }
  PageNumber last_page() const { return last_page_; }
  void assemble(std::vector<std::byte>& out) const;

 private:
  std::vector<std::byte> pages_, kinds_, txids_, lengths_, bodies_;
  PageNumber first_page_, last_page_;
  Txid last_txid_;
};

// Reads them back from a frame's decompressed bytes, which it borrows.
class FrameRecords {
 public:
  struct Record {
    PageNumber page;
    Txid txid;
    PageVersion::Kind kind = PageVersion::Kind::kWhole;
    bool ended = false;
    Bytes body;
  };

  FrameRecords() : FrameRecords(Bytes()) {}
  // Malformed column lengths make ok() false.
  FrameRecords(Bytes raw, const segment_format::FrameEntry& frame, const SegmentHeader& header);

  // The next record; nullopt after the last one, and where the bytes break a rule: then ok() is false.
  std::optional<Record> next();
  bool ok() const { return ok_; }

 private:
  explicit FrameRecords(Bytes empty);
  bool read(Record& record);

  ByteReader pages_, kinds_, txids_, lengths_, bodies_;
  std::uint32_t left_ = 0;
  bool first_ = true;
  PageNumber page_, last_page_;
  Txid txid_, base_, last_txid_;
  std::uint32_t page_size_ = 0;
  bool ok_ = true;
};

}  // namespace litewright

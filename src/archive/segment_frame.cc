#include "archive/segment_frame.h"

namespace litewright {

namespace {

constexpr std::size_t kColumnLengths = std::size_t{4} * 4;
constexpr std::uint8_t kDeltaFlag = 1;
constexpr std::uint8_t kEndedFlag = 2;

}  // namespace

void FrameBuilder::clear() {
  for (auto* column : {&pages_, &kinds_, &txids_, &lengths_, &bodies_}) column->clear();
}

void FrameBuilder::add(const PageVersion& version, Txid base) {
  const bool first = kinds_.empty();
  if (first) first_page_ = last_page_ = version.page;
  const bool same_page = !first && version.page == last_page_;
  ByteWriter(pages_).varint(version.page.value - last_page_.value);
  ByteWriter(kinds_).u8(version.kind == PageVersion::Kind::kDelta ? kDeltaFlag : 0);
  ByteWriter(txids_).signed_varint(version.txid.value - (same_page ? last_txid_ : base).value);
  if (version.kind == PageVersion::Kind::kDelta) ByteWriter(lengths_).varint(version.body.size());
  ByteWriter(bodies_).bytes(version.body);
  last_page_ = version.page;
  last_txid_ = version.txid;
}

void FrameBuilder::mark_ended() { kinds_.back() |= std::byte{kEndedFlag}; }

std::size_t FrameBuilder::bytes() const {
  return kColumnLengths + pages_.size() + kinds_.size() + txids_.size() + lengths_.size() + bodies_.size();
}

void FrameBuilder::assemble(std::vector<std::byte>& out) const {
  out.reserve(out.size() + bytes());
  ByteWriter to(out);
  for (const auto* column : {&pages_, &kinds_, &txids_, &lengths_}) {
    to.u32(static_cast<std::uint32_t>(column->size()));
  }
  for (const auto* column : {&pages_, &kinds_, &txids_, &lengths_, &bodies_}) to.bytes(*column);
}

FrameRecords::FrameRecords(Bytes empty)
    : pages_(empty), kinds_(empty), txids_(empty), lengths_(empty), bodies_(empty) {}

FrameRecords::FrameRecords(Bytes raw, const segment_format::FrameEntry& frame, const SegmentHeader& header)
    : FrameRecords(Bytes()) {
  ByteReader from(raw);
  const std::uint32_t sizes[4] = {from.u32(), from.u32(), from.u32(), from.u32()};
  pages_ = ByteReader(from.bytes(sizes[0]));
  kinds_ = ByteReader(from.bytes(sizes[1]));
  txids_ = ByteReader(from.bytes(sizes[2]));
  lengths_ = ByteReader(from.bytes(sizes[3]));
  bodies_ = ByteReader(from.bytes(from.left()));
  ok_ = from.ok();
  left_ = frame.records;
  page_ = frame.first_page;
  last_page_ = frame.last_page;
  base_ = header.base;
  last_txid_ = header.last;
  page_size_ = header.page_size;
}

std::optional<FrameRecords::Record> FrameRecords::next() {
  if (!ok_) return std::nullopt;
  if (left_ == 0) {
    ok_ = pages_.at_end() && kinds_.at_end() && txids_.at_end() && lengths_.at_end() && bodies_.at_end() &&
          page_ == last_page_;
    return std::nullopt;
  }
  Record record;
  ok_ = read(record);
  if (!ok_) return std::nullopt;
  --left_;
  return record;
}

bool FrameRecords::read(Record& record) {
  const std::uint64_t step = pages_.varint();
  if (step > last_page_.value - page_.value || (first_ && step != 0)) return false;
  const std::uint8_t flags = kinds_.u8();
  if (flags > (kDeltaFlag | kEndedFlag)) return false;
  const bool delta = (flags & kDeltaFlag) != 0;
  const bool same_page = !first_ && step == 0;
  record.txid = Txid((same_page ? txid_ : base_).value + txids_.signed_varint());
  record.page = page_ = PageNumber(page_.value + static_cast<std::uint32_t>(step));
  record.kind = delta ? PageVersion::Kind::kDelta : PageVersion::Kind::kWhole;
  record.ended = (flags & kEndedFlag) != 0;
  const std::uint64_t length = delta ? lengths_.varint() : page_size_;
  if (length > page_size_) return false;
  record.body = bodies_.bytes(length);
  txid_ = record.txid;
  first_ = false;
  return pages_.ok() && kinds_.ok() && txids_.ok() && lengths_.ok() && bodies_.ok() && record.txid > base_ &&
         record.txid <= last_txid_;
}

}  // namespace litewright

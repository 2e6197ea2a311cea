#include "archive/frame_capture.h"

#include <algorithm>
#include <cstring>

#include "archive/page_delta.h"
#include "format/wal.h"

namespace litewright {
namespace {

constexpr std::size_t kChunkBytes = 1 << 20;
constexpr std::chrono::milliseconds kBetweenSightings{10};
constexpr std::size_t kForcedBatches = 3;  // what the gate's backlog needs at most

// A commit's hash, frame by frame: over the hash so far, the frame's header and its page's checksum.
std::uint64_t extend_commit_hash(std::uint64_t hash, Bytes header, const Checksum128& page) {
  std::byte input[8 + kWalFrameHeaderBytes + 16];
  std::memcpy(input, &hash, 8);
  std::memcpy(input + 8, header.data(), kWalFrameHeaderBytes);
  std::memcpy(input + 8 + kWalFrameHeaderBytes, &page, 16);
  return checksum64(input);
}

}  // namespace

FrameCapture::FrameCapture(WalGuard& guard, Ledger& ledger, const Clock& clock, const Options& options)
    : guard_(guard),
      ledger_(ledger),
      clock_(clock),
      options_(options),
      cache_(options.page_size, options.page_cache_bytes),
      base_(options.page_size) {}

void FrameCapture::start(const WalIndex& index, FrameNumber position, Txid last, WallTime last_seen_at) {
  generation_++;
  salt_[0] = index.header.salt[0];
  salt_[1] = index.header.salt[1];
  position_ = position;
  last_commit_frame_ = CommitFrame{};
  last_txid_ = last;
  last_seen_at_ = last_seen_at;
  commit_position_ = WalPosition{{salt_[0], salt_[1]}, position, 0};
  commit_hash_ = 0;
  cache_.truncate(0);
  frames_.clear();
  sightings_.clear();
  last_change_ = index.header.change;
  for (FrameNumber frame(1); frame <= position; ++frame) {
    guard_.read_wal(frame_offset(frame, options_.page_size), last_header_);
    const auto parsed = parse_wal_frame_header(last_header_);
    if (!parsed) continue;
    frames_.put(parsed->page, frame);
    if (parsed->salt[0] != salt_[0] || parsed->salt[1] != salt_[1]) zero_salt_generation_ = generation_;
  }
}

bool FrameCapture::same_generation(const WalIndex& index) const {
  return index.header.salt[0] == salt_[0] && index.header.salt[1] == salt_[1];
}

void FrameCapture::note_generation(const WalIndex& index) {
  if (same_generation(index)) return;
  generation_++;
  salt_[0] = index.header.salt[0];
  salt_[1] = index.header.salt[1];
  position_ = FrameNumber(0);
  last_commit_frame_ = CommitFrame{};
  frames_.clear();
  sightings_.clear();
}

void FrameCapture::note_seen(const WalIndex& index) {
  if (!same_generation(index)) return;
  const FrameNumber known = sightings_.empty() ? position_ : sightings_.back().up_to;
  const WallTime now = clock_.wall();
  if (index.header.max_frame <= known) return;
  if (!sightings_.empty() && now - sightings_.back().at < kBetweenSightings) return;
  sightings_.push_back({index.header.max_frame, now});
}

WallTime FrameCapture::seen_at(FrameNumber frame) {
  while (!sightings_.empty() && sightings_.front().up_to < frame) sightings_.pop_front();
  return sightings_.empty() ? now_ : std::max(last_seen_at_, std::min(now_, sightings_.front().at));
}

// A recovery that drops frames may be followed by commits to the same places, under the same salts, before we
// look again. The header of a frame carries the checksum of all frames up to it: one read for each change.
bool FrameCapture::still_there(const WalIndex& index) {
  if (index.header.max_frame < position_) return false;
  if (index.header.change == last_change_ || position_.value == 0) return true;
  std::array<std::byte, kWalFrameHeaderBytes> header;
  guard_.read_wal(frame_offset(position_, options_.page_size), header);
  return header == last_header_;
}

FrameCapture::Progress FrameCapture::capture(const WalIndex& index, CaptureBatch& batch,
                                             const Request& request) {
  note_generation(index);
  if (!still_there(index)) return Progress::kLost;
  last_change_ = index.header.change;
  now_ = std::max(clock_.wall(), last_seen_at_);
  const std::size_t frame_bytes = kWalFrameHeaderBytes + options_.page_size;
  const auto chunk_frames = static_cast<std::uint32_t>(std::max<std::size_t>(kChunkBytes / frame_bytes, 1));
  const std::size_t limit = options_.batch_bytes * (request.force ? kForcedBatches : 1);
  while (position_ < index.header.max_frame) {
    if (batch.versions.bytes() >= limit) return Progress::kBatchFull;
    const std::uint32_t count = std::min(index.header.max_frame.value - position_.value, chunk_frames);
    chunk_.resize(count * frame_bytes);
    guard_.read_wal(frame_offset(position_.next(), options_.page_size), chunk_);
    for (std::uint32_t i = 0; i < count; i++) {
      const std::size_t commits = batch.commits.size();
      take_frame(Bytes(chunk_).subspan(i * frame_bytes, frame_bytes), position_.next(), batch);
      ++position_;
      if (request.stop_after_commit && batch.commits.size() > commits) return Progress::kBatchFull;
    }
  }
  return Progress::kComplete;
}

// Every frame at or below max_frame is committed, whatever its salts and checksum say (FACTS 9, 28).
void FrameCapture::take_frame(Bytes frame, FrameNumber number, CaptureBatch& batch) {
  const Bytes header = frame.first(kWalFrameHeaderBytes);
  const Bytes content = frame.subspan(kWalFrameHeaderBytes);
  const auto parsed = parse_wal_frame_header(header);
  if (!parsed) {
    throw Error(ErrorCode::kDamaged,
                "frame " + std::to_string(number.value) + " of the WAL: " + parsed.error().what,
                "litewright check DB");
  }
  counters_.frames++;
  std::copy(header.begin(), header.end(), last_header_.begin());
  if (parsed->salt[0] != salt_[0] || parsed->salt[1] != salt_[1]) {
    counters_.zero_salt_frames++;
    zero_salt_generation_ = generation_;
  }
  if (parsed->page != lock_page(options_.page_size)) add_version(parsed->page, content, batch);
  commit_hash_ = extend_commit_hash(commit_hash_, header, ledger_.get(parsed->page));
  frames_.put(parsed->page, number);
  cache_.put(parsed->page, content);
  const CommitFrame here{parsed->page, parsed->size_after_commit, ledger_.get(parsed->page)};
  const bool padding = parsed->is_commit() && here == last_commit_frame_;
  last_commit_frame_ = parsed->is_commit() ? here : CommitFrame{};
  if (!padding) batch.partial_commit = true;
  if (!parsed->is_commit()) return;
  commit_position_ = WalPosition{{salt_[0], salt_[1]}, number, commit_hash_};
  commit_hash_ = 0;
  if (!padding) take_commit(number, parsed->size_after_commit, batch);
}

void FrameCapture::add_version(PageNumber page, Bytes content, CaptureBatch& batch) {
  const Checksum128 recorded = ledger_.get(page);
  const Checksum128 checksum = page_checksum(page, content);
  if (collecting_) {
    if (collected_.size() <= page.value) collected_.resize(page.value + page.value / 4 + 1024);
    collected_[page.value] = true;
  }
  if (checksum == recorded) {
    counters_.unchanged++;
    return;
  }
  PageVersion version{page, last_txid_.next(), PageVersion::Kind::kWhole, content, checksum};
  const Bytes base = recorded.is_zero() ? Bytes() : find_base(page, recorded);
  if (!base.empty()) {
    delta_.clear();
    if (append_page_delta(base, content, options_.page_size * 3 / 8, delta_)) {
      version.kind = PageVersion::Kind::kDelta;
      version.body = delta_;
    }
  }
  (version.kind == PageVersion::Kind::kDelta ? counters_.deltas : counters_.whole)++;
  batch.versions.add(version);
  ledger_.set(page, checksum);
}

Bytes FrameCapture::find_base(PageNumber page, const Checksum128& recorded) {
  // The cache holds what the ledger was set from: no need to hash it again.
  if (const Bytes cached = cache_.get(page); !cached.empty()) return cached;
  const FrameNumber frame = frames_.get(page);
  if (frame.value != 0) {
    guard_.read_wal(frame_offset(frame, options_.page_size) + kWalFrameHeaderBytes, base_);
  } else {
    guard_.read_main(std::uint64_t{page.value - 1} * options_.page_size, base_);
  }
  return page_checksum(page, base_) == recorded ? Bytes(base_) : Bytes();
}

void FrameCapture::take_commit(FrameNumber frame, std::uint32_t page_count, CaptureBatch& batch) {
  counters_.commits++;
  last_seen_at_ = seen_at(frame);
  if (page_count < ledger_.page_count()) cache_.truncate(page_count);
  ledger_.resize(page_count);
  if (collecting_) return;
  ++last_txid_;
  batch.commits.push_back({last_txid_, last_seen_at_, page_count, ledger_.sum(), false, {}});
  batch.partial_commit = false;
}

void FrameCapture::give_back_memory() {
  cache_.give_back_memory();
  frames_.give_back_memory();
  chunk_ = {};
  delta_ = {};
}

void FrameCapture::begin_collecting() {
  collecting_ = true;
  collected_.clear();
}

bool FrameCapture::was_collected(PageNumber page) const {
  return page.value < collected_.size() && collected_[page.value];
}

void FrameCapture::end_collecting(std::uint32_t page_count, WallTime seen_at,
                                  std::optional<WallTime> gap_since, CaptureBatch& batch) {
  collecting_ = false;
  collected_.clear();
  collected_.shrink_to_fit();
  ledger_.resize(page_count);
  cache_.truncate(page_count);
  ++last_txid_;
  last_seen_at_ = std::max(seen_at, last_seen_at_);
  batch.commits.push_back({last_txid_, last_seen_at_, page_count, ledger_.sum(), gap_since.has_value(),
                           gap_since.value_or(WallTime{})});
  batch.partial_commit = false;
}

std::optional<std::uint64_t> FrameCapture::commit_hash_at(const WalGuard& guard, std::uint32_t page_size,
                                                          FrameNumber frame) {
  const std::size_t frame_bytes = kWalFrameHeaderBytes + page_size;
  if (frame.value == 0 || guard.wal_bytes() < frame_offset(frame.next(), page_size)) return std::nullopt;
  // Backwards to the frame after the commit before.
  FrameNumber first = frame;
  std::vector<std::byte> buffer(frame_bytes);
  while (first.value > 1) {
    guard.read_wal(frame_offset(FrameNumber(first.value - 1), page_size),
                   MutableBytes(buffer).first(kWalFrameHeaderBytes));
    const auto parsed = parse_wal_frame_header(buffer);
    if (!parsed || parsed->is_commit()) break;
    first = FrameNumber(first.value - 1);
  }
  std::uint64_t hash = 0;
  for (; first <= frame; ++first) {
    guard.read_wal(frame_offset(first, page_size), buffer);
    const auto parsed = parse_wal_frame_header(buffer);
    if (!parsed) return std::nullopt;
    const Bytes header = Bytes(buffer).first(kWalFrameHeaderBytes);
    const Bytes page = Bytes(buffer).subspan(kWalFrameHeaderBytes);
    hash = extend_commit_hash(hash, header, page_checksum(parsed->page, page));
  }
  return hash;
}

}  // namespace litewright

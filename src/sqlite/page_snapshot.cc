#include "sqlite/page_snapshot.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <optional>
#include <thread>

#include "base/bytes.h"
#include "base/error.h"
#include "format/wal.h"
#include "sqlite/file_handle.h"

namespace litewright {
namespace {

// A commit came in between each time; beside a writer at full speed one try in a few succeeds.
constexpr int kMostTries = 5000;
constexpr int kTriesWithoutSleep = 500;
// Where all is copied back: how long a commit is waited for at least before READ(0) is settled for.
constexpr std::chrono::milliseconds kLookForCommit{10};
// Twice what SQLite lets it grow to by itself.
constexpr std::uint32_t kShortWalFrames = 2000;
// 8 bytes each: 32 MB of memory, 16 GiB of WAL at 4 KiB a page.
constexpr std::uint32_t kMostFrames = 1u << 22;

}  // namespace

// Beside a WAL that is there nothing is to be made or mended: read only, so that closing does not checkpoint
// either. Without one SQLite makes -wal and -shm for a database in WAL mode, and only a connection that may
// write takes them away again; a hot journal needs it too. Where writing is not permitted SQLite opens read
// only by itself.
PageSnapshot::PageSnapshot(const std::string& path, const Clock& clock, std::chrono::milliseconds patience)
    : clock_(clock) {
  const bool has_wal = ::access((path + "-wal").c_str(), F_OK) == 0;
  try {
    open(path, has_wal ? OpenMode::kReadOnly : OpenMode::kReadWrite, patience);
  } catch (const Error& error) {
    if (!has_wal || (error.code() != ErrorCode::kPermission && error.code() != ErrorCode::kNoDatabase)) throw;
    files_.reset();
    open(path, OpenMode::kReadWrite, patience);  // a WAL whose index must be made again
  }
}

PageSnapshot::~PageSnapshot() = default;

void PageSnapshot::open(const std::string& path, OpenMode mode, std::chrono::milliseconds patience) {
  connection_ = std::make_unique<Connection>(path, ConnectionOptions{.mode = mode});
  connection_->execute("PRAGMA mmap_size=0");
  begin_read();
  std::array<std::byte, 100> header{};
  LiveFiles(*connection_, LiveFiles::WalParts::kNone).read_main(0, header);
  // Bytes 18 and 19; page 1 of a database in WAL mode says so in the file itself since it was switched.
  wal_ = load_u8(Bytes(header), 18) == 2 && load_u8(Bytes(header), 19) == 2;
  files_ = std::make_unique<LiveFiles>(*connection_,
                                       wal_ ? LiveFiles::WalParts::kNeeded : LiveFiles::WalParts::kNone);
  if (wal_) {
    connection_->execute("COMMIT");
    wait_for_short_wal(patience);
    take_wal_mark(std::max(patience, kLookForCommit));
  } else {
    taken_at_ = clock_.wall();
    begun_ = clock_.steady();
  }
  page_size_ = static_cast<std::uint32_t>(connection_->query_integer("PRAGMA page_size").value_or(0));
  page_count_ = header_.page_count;
  if (header_.max_frame.value == 0) {
    page_count_ = static_cast<std::uint32_t>(files_->main_bytes() / page_size_);
  }
}

// PRAGMA schema_version reads page 1 without parsing the schema (FACTS 32).
void PageSnapshot::begin_read() {
  connection_->execute("BEGIN");
  connection_->query_integer("PRAGMA schema_version");
}

void PageSnapshot::wait_for_short_wal(std::chrono::milliseconds patience) const {
  const SteadyTime deadline = clock_.steady() + patience;
  while (clock_.steady() < deadline) {
    const auto index = read_shared_wal_index(files_->index_head());
    if (index && index->header.max_frame.value <= kShortWalFrames) return;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
}

void PageSnapshot::take_wal_mark(std::chrono::milliseconds patience) {
  const SteadyTime deadline = clock_.steady() + patience;
  for (int tries = 0; tries < kMostTries; tries++) {
    const auto before = read_shared_wal_index(files_->index_head());
    taken_at_ = clock_.wall();
    begun_ = clock_.steady();
    begin_read();
    const auto during = read_shared_wal_index(files_->index_head());
    // `backfilled` of `during` was read before this header: a restart would show in it first.
    const auto after = read_shared_wal_index(files_->index_head());
    if (before && during && after && before->header == during->header && during->header == after->header) {
      header_ = during->header;
      file_alone_ = during->backfilled >= header_.max_frame;
      if (!file_alone_ || clock_.steady() >= deadline) return;
      connection_->execute("COMMIT");
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
      continue;
    }
    connection_->execute("COMMIT");
    if (tries > kTriesWithoutSleep) std::this_thread::sleep_for(std::chrono::microseconds(200));
  }
  throw Error(
      ErrorCode::kLocked,
      fmt::format("{}: no snapshot within {} tries: commits come too fast", connection_->path(), kMostTries),
      "try again");
}

void PageSnapshot::map_frames() {
  mapped_ = true;
  if (!wal_ || file_alone_) return;
  const std::uint32_t frames = header_.max_frame.value;
  if (frames > kMostFrames) {
    throw Error(
        ErrorCode::kIo,
        fmt::format("{}: the WAL has {} frames, more than {}", connection_->path(), frames, kMostFrames),
        "let it be copied back first: sqlite3 DB 'PRAGMA wal_checkpoint'");
  }
  last_frames_.reserve(frames);
  std::array<std::byte, 4> number{};
  for (std::uint32_t frame = 1; frame <= frames; frame++) {
    files_->read_wal(frame_offset(FrameNumber(frame), page_size_), number);
    const std::uint64_t page = load_be32(Bytes(number), 0);
    if (page != 0 && page <= page_count_) last_frames_.push_back(page << 32 | frame);
  }
  std::ranges::sort(last_frames_);
  std::size_t kept = 0;
  for (std::size_t i = 0; i < last_frames_.size(); i++) {
    const bool last = i + 1 == last_frames_.size() || last_frames_[i + 1] >> 32 != last_frames_[i] >> 32;
    if (last) last_frames_[kept++] = last_frames_[i];
  }
  last_frames_.resize(kept);
}

void PageSnapshot::read(PageNumber first, MutableBytes out) {
  if (!mapped_) map_frames();
  files_->read_main(std::uint64_t{first.value - 1} * page_size_, out);
  const std::uint64_t end = first.value + out.size() / page_size_;
  auto entry = std::ranges::lower_bound(last_frames_, std::uint64_t{first.value} << 32);
  for (; entry != last_frames_.end() && *entry >> 32 < end; ++entry) {
    const std::uint64_t page = *entry >> 32;
    const FrameNumber frame(static_cast<std::uint32_t>(*entry));
    files_->read_wal(frame_offset(frame, page_size_) + kWalFrameHeaderBytes,
                     out.subspan((page - first.value) * page_size_, page_size_));
  }
}

bool PageSnapshot::threads_may_read() { return reads_at_offset(); }

SnapshotHold PageSnapshot::hold() const {
  SnapshotHold held{.age = clock_.steady() - begun_};
  if (!wal_) return held;
  const auto now = read_shared_wal_index(files_->index_head());
  if (!now) return held;  // torn: somebody stores it right now
  const bool same_generation =
      now->header.salt[0] == header_.salt[0] && now->header.salt[1] == header_.salt[1];
  const std::uint32_t ours = same_generation ? header_.max_frame.value : 0;
  const std::uint64_t frames = now->header.max_frame.value - std::min(now->header.max_frame.value, ours);
  held.pinned_bytes = frames * (kWalFrameHeaderBytes + page_size_);
  return held;
}

SnapshotHold PageSnapshot::release() {
  const SnapshotHold held = hold();
  files_.reset();
  connection_.reset();
  return held;
}

}  // namespace litewright

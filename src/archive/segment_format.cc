#include "archive/segment_format.h"

#include <algorithm>
#include <cstring>

#include "archive/segment_bytes.h"

namespace litewright::segment_format {

namespace {

constexpr char kHeaderMagic[9] = "LWSEGMNT";
constexpr char kTailMagic[9] = "LWSEGEND";
constexpr std::uint32_t kReconciledFlag = 1;
constexpr std::uint32_t kRetiredFlag = 2;
constexpr std::uint32_t kAllFlags = kReconciledFlag | kRetiredFlag;

std::uint32_t flags_of(const CommitRecord& commit) {
  return (commit.reconciled ? kReconciledFlag : 0) | (commit.retired ? kRetiredFlag : 0);
}

Bytes magic_bytes(const char (&magic)[9]) { return std::as_bytes(std::span(magic, 8)); }

bool is_magic(Bytes data, const char (&magic)[9]) { return std::memcmp(data.data(), magic, 8) == 0; }

std::uint64_t nanoseconds(WallTime time) {
  return static_cast<std::uint64_t>(time.time_since_epoch().count());
}

WallTime wall_time(std::uint64_t value) {
  return WallTime(std::chrono::nanoseconds(static_cast<std::int64_t>(value)));
}

void encode_commit(const CommitRecord& commit, ByteWriter& to) {
  to.u64(commit.txid.value);
  to.u64(nanoseconds(commit.seen_at));
  to.u64(nanoseconds(commit.gap_since));
  to.u32(commit.page_count);
  to.u32(flags_of(commit));
  to.checksum(commit.checksum);
}

std::optional<CommitRecord> decode_commit(ByteReader& from) {
  CommitRecord commit;
  commit.txid = Txid(from.u64());
  commit.seen_at = wall_time(from.u64());
  commit.gap_since = wall_time(from.u64());
  commit.page_count = from.u32();
  const std::uint32_t flags = from.u32();
  commit.reconciled = (flags & kReconciledFlag) != 0;
  commit.retired = (flags & kRetiredFlag) != 0;
  commit.checksum = from.checksum();
  if (!from.ok() || flags > kAllFlags) return std::nullopt;
  return commit;
}

// Whether this program reads that version.
bool is_known(std::optional<std::uint16_t> version) {
  return version && *version >= 1 && *version <= kSegmentFormatVersion;
}

bool valid_range(const SegmentHeader& header) {
  return valid_page_size(header.page_size) && header.base < header.last && header.epoch > 0;
}

// False: they are of commits that the segment can't have been built on.
bool decode_witnesses(ByteReader& from, SegmentHeader& header) {
  for (StateWitness& witness : header.witnesses) {
    witness.txid = Txid(from.u64());
    witness.check = from.u64();
    if (witness.txid > header.last || (witness.txid.value == 0 && witness.check != 0)) return false;
  }
  return from.ok();
}

}  // namespace

void encode_header(const SegmentHeader& header, std::vector<std::byte>& out) {
  const std::size_t begin = out.size();
  ByteWriter to(out);
  to.bytes(magic_bytes(kHeaderMagic));
  to.u16(kSegmentFormatVersion);
  to.u16(kHeaderBytes);
  to.u32(header.page_size);
  to.u32(header.epoch);
  to.u32(header.parent_epoch);
  to.u64(header.fence);
  to.u64(header.base.value);
  to.u64(header.last.value);
  to.u64(checksum64(Bytes(out).subspan(begin)));
}

std::optional<std::uint16_t> header_version(Bytes data) {
  if (data.size() < 10 || !is_magic(data, kHeaderMagic)) return std::nullopt;
  return ByteReader(data.subspan(8)).u16();
}

std::optional<SegmentHeader> decode_header(Bytes data) {
  if (data.size() < kHeaderBytes || !is_known(header_version(data))) return std::nullopt;
  ByteReader from(data.subspan(10, kHeaderBytes - 10));
  SegmentHeader header;
  const std::uint16_t length = from.u16();
  header.page_size = from.u32();
  header.epoch = from.u32();
  header.parent_epoch = from.u32();
  header.fence = from.u64();
  header.base = Txid(from.u64());
  header.last = Txid(from.u64());
  const bool sound = from.u64() == checksum64(data.first(kHeaderBytes - 8)) && length == kHeaderBytes;
  if (!sound || !valid_range(header)) return std::nullopt;
  return header;
}

void encode_run(const RunEntry& run, std::vector<std::byte>& out) {
  ByteWriter to(out);
  to.u32(run.info.first_page.value);
  to.u32(run.info.last_page.value);
  to.u32(run.info.pages);
  to.u32(run.frames);
  to.u64(run.info.versions);
  to.u64(run.data_offset);
  to.u64(run.index_offset);
  to.u32(run.numbers_stored);
  to.u32(run.numbers_raw);
  to.u64(run.table_checksum);
  to.u64(run.numbers_checksum);
}

std::optional<RunEntry> decode_run(Bytes data, std::uint64_t begin) {
  ByteReader from(data);
  RunEntry run;
  run.info.first_page = PageNumber(from.u32());
  run.info.last_page = PageNumber(from.u32());
  run.info.pages = from.u32();
  run.frames = from.u32();
  run.info.versions = from.u64();
  run.data_offset = from.u64();
  run.index_offset = from.u64();
  run.numbers_stored = from.u32();
  run.numbers_raw = from.u32();
  run.table_checksum = from.u64();
  run.numbers_checksum = from.u64();
  const RunInfo& info = run.info;
  const bool sound = from.at_end() && info.first_page.value > 0 && info.first_page <= info.last_page &&
                     info.pages > 0 && info.pages <= SegmentWriter::kMaxPagesPerRun &&
                     info.versions >= info.pages && run.frames > 0 && run.frames <= kMaxFramesInRun &&
                     run.frames <= info.versions && run.data_offset == begin && run.index_offset >= begin &&
                     run.index_offset < (1ull << 62) && run.numbers_raw <= info.pages * 5ull &&
                     run.numbers_stored <= kMaxStoredFrameBytes;
  if (!sound) return std::nullopt;
  return run;
}

void encode_frame(const FrameEntry& frame, std::vector<std::byte>& out) {
  ByteWriter to(out);
  to.u32(frame.first_page.value);
  to.u32(frame.last_page.value);
  to.u32(frame.stored);
  to.u32(frame.raw);
  to.u32(frame.records);
  to.u32(frame.ended);
  to.u64(frame.stored_checksum);
  to.u64(frame.ended_checksum);
}

std::optional<FrameEntry> decode_frame(Bytes data) {
  ByteReader from(data);
  FrameEntry frame;
  frame.first_page = PageNumber(from.u32());
  frame.last_page = PageNumber(from.u32());
  frame.stored = from.u32();
  frame.raw = from.u32();
  frame.records = from.u32();
  frame.ended = from.u32();
  frame.stored_checksum = from.u64();
  frame.ended_checksum = from.u64();
  const bool sound = from.at_end() && frame.first_page.value > 0 && frame.first_page <= frame.last_page &&
                     frame.raw <= kMaxRawFrameBytes && frame.stored <= kMaxStoredFrameBytes &&
                     frame.records > 0 && frame.records <= frame.raw && frame.ended <= frame.records &&
                     frame.checks_bytes() < frame.stored;
  if (!sound) return std::nullopt;
  return frame;
}

void encode_footer_before_checksum(const Footer& footer, std::vector<std::byte>& out) {
  encode_header(footer.header, out);
  ByteWriter to(out);
  to.u64(footer.commits_offset);
  to.u32(footer.commit_count);
  to.u32(footer.commits_stored);
  to.u32(footer.commits_raw);
  to.u32(footer.run_count);
  to.u64(footer.commits_checksum);
  to.u64(footer.runs_checksum);
  const WalPosition position = footer.position.value_or(WalPosition{});
  to.u32(footer.position ? 1 : 0);
  to.u32(position.salt[0]);
  to.u32(position.salt[1]);
  to.u32(position.frame.value);
  to.u64(position.commit_hash);
  encode_commit(footer.first, to);
  encode_commit(footer.last, to);
  to.u64(0);  // reserved
  for (const StateWitness& witness : footer.header.witnesses) {
    to.u64(witness.txid.value);
    to.u64(witness.check);
  }
}

void encode_footer_rest(std::uint64_t object_checksum, std::size_t footer_begin,
                        std::vector<std::byte>& out) {
  ByteWriter to(out);
  to.u64(object_checksum);
  to.u64(checksum64(Bytes(out).subspan(footer_begin)));
  to.u32(kFooterBytes);
  to.u16(kSegmentFormatVersion);
  to.u16(0);
  to.bytes(magic_bytes(kTailMagic));
}

std::optional<std::uint16_t> tail_version(Bytes tail) {
  if (tail.size() != kTailBytes || !is_magic(tail.subspan(8), kTailMagic)) return std::nullopt;
  return ByteReader(tail.subspan(4)).u16();
}

std::optional<Footer> decode_footer(Bytes data) {
  if (data.size() < kFirstFooterBytes) return std::nullopt;
  ByteReader tail(data.last(kTailBytes));
  const std::uint32_t length = tail.u32();
  const std::uint16_t version = tail.u16();
  if (!is_known(version) || tail.u16() != 0 || length != footer_bytes(version) || length != data.size())
    return std::nullopt;
  const std::size_t own = object_checksum_offset(length) + 8;
  if (ByteReader(data.subspan(own)).u64() != checksum64(data.first(own))) return std::nullopt;
  const auto header = decode_header(data.first(kHeaderBytes));
  if (!header || header_version(data) != version) return std::nullopt;
  ByteReader from(data.subspan(kHeaderBytes));
  Footer footer;
  footer.version = version;
  footer.header = *header;
  footer.commits_offset = from.u64();
  footer.commit_count = from.u32();
  footer.commits_stored = from.u32();
  footer.commits_raw = from.u32();
  footer.run_count = from.u32();
  footer.commits_checksum = from.u64();
  footer.runs_checksum = from.u64();
  const std::uint32_t has_position = from.u32();
  WalPosition position;
  position.salt[0] = from.u32();
  position.salt[1] = from.u32();
  position.frame = FrameNumber(from.u32());
  position.commit_hash = from.u64();
  if (has_position == 1) footer.position = position;
  const auto first = decode_commit(from);
  const auto last = decode_commit(from);
  const bool sound = first && last && has_position <= 1 && from.u64() == 0 && footer.commit_count > 0 &&
                     footer.commit_count <= kMaxCommits && footer.run_count <= kMaxRuns &&
                     footer.commits_offset < (1ull << 62) &&
                     footer.commits_raw <= footer.commit_count * std::uint64_t{kMaxCommitBytes} &&
                     first->txid > header->base && first->txid <= last->txid && last->txid == header->last;
  if (!sound) return std::nullopt;
  footer.first = *first;
  footer.last = *last;
  if (version > 1 && !decode_witnesses(from, footer.header)) return std::nullopt;
  return footer;
}

void encode_commits(std::span<const CommitRecord> commits, Txid base, std::vector<std::byte>& columns,
                    std::vector<std::byte>& checksums) {
  ByteWriter to(columns);
  std::uint64_t txid = base.value;
  for (const auto& commit : commits) {
    to.varint(commit.txid.value - txid);
    txid = commit.txid.value;
  }
  std::uint64_t time = 0;
  for (const auto& commit : commits) {
    to.signed_varint(nanoseconds(commit.seen_at) - time);
    time = nanoseconds(commit.seen_at);
  }
  std::uint64_t pages = 0;
  for (const auto& commit : commits) {
    to.signed_varint(commit.page_count - pages);
    pages = commit.page_count;
  }
  for (const auto& commit : commits) {
    to.u8(static_cast<std::uint8_t>(flags_of(commit)));
    if (commit.reconciled) to.signed_varint(nanoseconds(commit.seen_at) - nanoseconds(commit.gap_since));
  }
  ByteWriter sums(checksums);
  for (const auto& commit : commits) sums.checksum(commit.checksum);
}

std::optional<std::vector<CommitRecord>> decode_commits(Bytes columns, Bytes checksums, Txid base,
                                                        std::uint32_t count) {
  // Each commit takes at least 4 bytes of the columns: bounds the allocation by what is really there.
  if (columns.size() < std::uint64_t{count} * 4 ||
      checksums.size() != std::uint64_t{count} * kChecksumBytes) {
    return std::nullopt;
  }
  std::vector<CommitRecord> commits(count);
  ByteReader from(columns);
  Txid txid = base;
  for (auto& commit : commits) {
    commit.txid = Txid(txid.value + from.varint());
    if (commit.txid <= txid) return std::nullopt;
    txid = commit.txid;
  }
  std::uint64_t time = 0;
  for (auto& commit : commits) commit.seen_at = wall_time(time += from.signed_varint());
  std::uint64_t pages = 0;
  for (auto& commit : commits) {
    pages += from.signed_varint();
    if (pages > 0xffffffffu) return std::nullopt;
    commit.page_count = static_cast<std::uint32_t>(pages);
  }
  for (auto& commit : commits) {
    const std::uint8_t flags = from.u8();
    if (flags > kAllFlags) return std::nullopt;
    commit.reconciled = (flags & kReconciledFlag) != 0;
    commit.retired = (flags & kRetiredFlag) != 0;
    if (commit.reconciled) commit.gap_since = wall_time(nanoseconds(commit.seen_at) - from.signed_varint());
  }
  if (!from.at_end()) return std::nullopt;
  ByteReader sums(checksums);
  for (auto& commit : commits) commit.checksum = sums.checksum();
  return commits;
}

}  // namespace litewright::segment_format

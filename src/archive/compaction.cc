#include "archive/compaction.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "archive/page_assembly.h"
#include "archive/restore.h"
#include "base/error.h"

namespace litewright {

namespace {

// What identifies a sequence of versions, whatever the runs and frames they lie in.
class VersionDigest {
 public:
  void add(const PageVersion& version) {
    const std::uint64_t fields[6] = {chain_,
                                     version.page.value,
                                     version.txid.value,
                                     static_cast<std::uint64_t>(version.kind),
                                     version.checksum.low,
                                     checksum64(version.body)};
    chain_ = checksum64(std::as_bytes(std::span(fields)));
    ++versions_;
  }
  bool operator==(const VersionDigest&) const = default;
  std::uint64_t versions() const { return versions_; }

 private:
  std::uint64_t chain_ = 0;
  std::uint64_t versions_ = 0;
};

// True for a page that a snapshot may leave out: without a version it is zeros.
bool all_zeros(Bytes content) {
  return content[0] == std::byte{0} &&
         std::memcmp(content.data(), content.data() + 1, content.size() - 1) == 0;
}

SegmentEntry entry_of(const ObjectStore& store, const std::string& name) {
  const Segment segment(store, name);
  return {.name = name,
          .size = segment.size(),
          .header = segment.header(),
          .position = segment.position(),
          .first = segment.first_commit(),
          .last = segment.last_commit()};
}

void check_parts(std::span<const SegmentEntry> parts) {
  if (parts.empty()) throw Error(ErrorCode::kInternal, "nothing to merge");
  const SegmentHeader& first = parts.front().header;
  std::uint64_t commits = 0;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const SegmentEntry& part = parts[i];
    commits += part.last.txid.value - part.start().value;
    const bool fits = part.header.page_size == first.page_size && part.header.epoch == first.epoch;
    const bool adjoins = i == 0 || part.header.base == parts[i - 1].header.last;
    if (fits && adjoins) continue;
    throw Error(ErrorCode::kInternal, fmt::format("{} does not continue {}", part.name, parts[i - 1].name));
  }
  if (commits > kMaxMergedCommits) {
    throw Error(ErrorCode::kInternal, fmt::format("{} commits are too many for one segment (at most {})",
                                                  commits, kMaxMergedCommits));
  }
}

// Removes a new object that turned out wrong, unless told that it is right.
class Unproven {
 public:
  Unproven(ObjectStore& store, std::string name) : store_(store), name_(std::move(name)) {}
  Unproven(const Unproven&) = delete;
  Unproven& operator=(const Unproven&) = delete;
  ~Unproven() {
    if (proven_) return;
    try {
      store_.remove(name_);
    } catch (const Error&) {
      // It stays beside what it should replace, which is whole; the error that brought us here is told.
    }
  }
  void proven() { proven_ = true; }

 private:
  ObjectStore& store_;
  std::string name_;
  bool proven_ = false;
};

// The segments to merge, opened: their runs in order, and all their commits.
struct OpenedParts {
  OpenedParts(const ObjectStore& store, std::span<const SegmentEntry> parts) {
    segments.reserve(parts.size());  // the sources point into it
    for (const SegmentEntry& part : parts) {
      const Segment& segment = segments.emplace_back(store, part.name);
      append_sources(segment, {part.header.base, part.header.last}, sources);
      const std::vector<CommitRecord> own = segment.commits();
      commits.insert(commits.end(), own.begin(), own.end());
    }
  }
  std::vector<Segment> segments;
  std::vector<MergeSource> sources;
  std::vector<CommitRecord> commits;
};

// Copies all versions; each group of sources becomes runs of its own behind those of the group before, so
// that what arrived later stays later.
VersionDigest copy_versions(const OpenedParts& parts, std::size_t max_open_runs, SegmentWriter& writer) {
  VersionDigest digest;
  for (const auto& group : cut_by_overlap(parts.sources, max_open_runs)) {
    writer.end_run();
    PageMerge merge(group, PageNumber(1), PageNumber(0xffffffffu));
    while (const PageVersion* version = merge.next()) {
      writer.add(*version);
      digest.add(*version);
    }
  }
  return digest;
}

void expect_read_back(const ObjectStore& store, const std::string& name, const VersionDigest& written,
                      std::span<const CommitRecord> commits) {
  const Segment segment(store, name);
  segment.verify_bytes();
  VersionDigest digest;
  for (std::size_t run = 0; run < segment.runs().size(); ++run) {
    RunCursor cursor(segment, run);
    while (const auto version = cursor.next()) digest.add(*version);
  }
  if (digest != written || !std::ranges::equal(segment.commits(), commits)) {
    throw Error(ErrorCode::kDamaged, fmt::format("{}: read back, it is not what was written", name));
  }
}

// Throws unless `entry` is superfluous beside `replacement`, whose commits are `commits`.
void expect_replaced(const ObjectStore& store, const SegmentEntry& replacement,
                     std::span<const CommitRecord> commits, const SegmentEntry& entry) {
  const bool covers = entry.name != replacement.name && replacement.start() <= entry.start() &&
                      entry.last.txid <= replacement.last.txid &&
                      entry.header.page_size == replacement.header.page_size &&
                      (replacement.is_snapshot() || !entry.is_snapshot());
  if (covers) {
    const std::vector<CommitRecord> own = Segment(store, entry.name).commits();
    const auto begin = std::ranges::lower_bound(commits, own.front().txid, {}, &CommitRecord::txid);
    const auto left = static_cast<std::size_t>(commits.end() - begin);
    if (own.size() <= left && std::ranges::equal(own, std::span(begin, own.size()))) return;
  }
  throw Error(ErrorCode::kInternal,
              fmt::format("{} does not replace {}: nothing is deleted", replacement.name, entry.name));
}

}  // namespace

CompactedSegment merge_segments(ObjectStore& store, std::span<const SegmentEntry> parts,
                                const CompactionOptions& options) {
  check_parts(parts);
  const OpenedParts opened(store, parts);
  SegmentHeader header = parts.front().header;
  header.last = parts.back().header.last;
  header.fence = options.fence;
  const std::string name = segment_name(header.base, header.last);
  VersionDigest written;
  {
    SegmentWriter writer(store,
                         {.header = header, .zstd_level = options.zstd_level, .threads = options.threads});
    written = copy_versions(opened, options.max_open_runs, writer);
    writer.finish(opened.commits, parts.back().position);
  }
  Unproven unproven(store, name);
  expect_read_back(store, name, written, opened.commits);
  unproven.proven();
  return CompactedSegment(entry_of(store, name));
}

CompactedSegment collapse(ObjectStore& store, const RestorePlan& plan, const CompactionOptions& options) {
  const SegmentEntry& newest = plan.segments.back();
  const SegmentHeader header{.page_size = plan.page_size,
                             .epoch = newest.header.epoch,
                             .parent_epoch = 0,
                             .fence = options.fence,
                             .base = Txid(0),
                             .last = plan.commit.txid};
  const std::string name = segment_name(header.base, header.last);
  {
    SegmentWriter writer(store,
                         {.header = header, .zstd_level = options.zstd_level, .threads = options.threads});
    visit_pages(store, plan, [&](PageNumber page, Bytes content) {
      if (all_zeros(content)) return;
      writer.add({page, plan.commit.txid, PageVersion::Kind::kWhole, content, page_checksum(page, content)});
    });
    const bool at_its_end = newest.last.txid == plan.commit.txid;
    writer.finish(std::span(&plan.commit, 1), at_its_end ? newest.position : std::nullopt);
  }
  Unproven unproven(store, name);
  const SegmentEntry entry = entry_of(store, name);
  Segment(store, name).verify_bytes();
  const RestorePlan alone{plan.commit, plan.page_size, {entry}, entry.size};
  visit_pages(store, alone, [](PageNumber, Bytes) {});  // proves each page and their sum
  unproven.proven();
  return CompactedSegment(entry);
}

void remove_replaced(ObjectStore& store, const CompactedSegment& replacement,
                     std::span<const SegmentEntry> replaced) {
  const SegmentEntry& entry = replacement.entry();
  const Segment segment(store, entry.name);
  segment.verify_bytes();
  const std::vector<CommitRecord> commits = segment.commits();
  for (const SegmentEntry& old : replaced) expect_replaced(store, entry, commits, old);
  for (const SegmentEntry& old : replaced) store.remove(old.name);
}

}  // namespace litewright

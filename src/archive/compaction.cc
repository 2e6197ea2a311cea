#include "archive/compaction.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <ranges>

#include "archive/chain_proof.h"
#include "archive/page_assembly.h"
#include "archive/restore.h"
#include "archive/thinning.h"
#include "base/error.h"

namespace litewright {

namespace {

void breathe(const CompactionOptions& options) {
  if (options.breath) options.breath();
}

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
          .last = segment.last_commit(),
          .commits = segment.commit_count()};
}

void check_parts(std::span<const SegmentEntry> parts) {
  if (parts.empty()) throw Error(ErrorCode::kInternal, "nothing to merge");
  const SegmentHeader& first = parts.front().header;
  std::uint64_t commits = 0;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const SegmentEntry& part = parts[i];
    commits += part.commits;
    const bool fits = part.header.page_size == first.page_size && part.header.epoch == first.epoch;
    const bool adjoins = i == 0 || part.header.base == parts[i - 1].header.last;
    if (fits && adjoins) continue;
    throw Error(ErrorCode::kInternal, fmt::format("{} does not continue {}", part.name, parts[i - 1].name));
  }
  if (parts.size() > 1 && commits > kMaxMergedCommits) {
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

// Which of the opened commits stay, and their records for the new object.
struct ThinnedCommits {
  ThinnedCommits(std::span<const CommitRecord> all, const KeepsCommit& keeps) : kept(all.size()) {
    for (std::size_t i = 0; i < all.size(); ++i) {
      const bool point = !all[i].retired && keeps(all[i].txid);
      kept[i] = point || i + 1 == all.size();
      if (!kept[i]) continue;
      records.push_back(all[i]);
      records.back().retired = !point;
    }
  }
  std::vector<bool> kept;
  std::vector<CommitRecord> records;
};

VersionDigest thin(const OpenedParts& opened, const ThinnedCommits& commits, const CompactionOptions& options,
                   const std::function<void(const PageVersion&)>& sink) {
  const SegmentHeader& first = opened.segments.front().header();
  VersionDigest digest;
  thin_versions({.sources = opened.sources,
                 .commits = opened.commits,
                 .kept = commits.kept,
                 .page_size = first.page_size,
                 .from_nothing = first.base.value == 0},
                [&](const PageVersion& version) {
                  breathe(options);
                  digest.add(version);
                  if (sink) sink(version);
                });
  return digest;
}

VersionDigest digest_of(const Segment& segment, const CompactionOptions& options) {
  VersionDigest digest;
  for (std::size_t run = 0; run < segment.runs().size(); ++run) {
    RunCursor cursor(segment, run);
    while (const auto version = cursor.next()) {
      breathe(options);
      digest.add(*version);
    }
  }
  return digest;
}

// Every commit of a snapshot, from its own versions.
void expect_sound_snapshot(const ObjectStore& store, const SegmentEntry& entry) {
  ChainProofOptions options;
  options.threads = 1;
  const auto fault = prove_chain(store, {{&entry}, entry.last.txid}, options);
  if (fault) throw Error(ErrorCode::kDamaged, fmt::format("{}: {}", fault->object, fault->what));
}

// Copies all versions to the writer, if there is one; each group of sources becomes runs of its own behind
// those of the group before, so that what arrived later stays later.
VersionDigest copy_versions(const OpenedParts& parts, const CompactionOptions& options,
                            SegmentWriter* writer) {
  VersionDigest digest;
  for (const auto& group : cut_by_overlap(parts.sources, options.max_open_runs)) {
    if (writer != nullptr) writer->end_run();
    PageMerge merge(group, PageNumber(1), PageNumber(0xffffffffu));
    while (const PageVersion* version = merge.next()) {
      breathe(options);
      if (writer != nullptr) writer->add(*version);
      digest.add(*version);
    }
  }
  return digest;
}

void expect_read_back(const ObjectStore& store, const std::string& name, const VersionDigest& written,
                      std::span<const CommitRecord> commits, const CompactionOptions& options) {
  const Segment segment(store, name);
  segment.verify_bytes();
  if (digest_of(segment, options) != written || !std::ranges::equal(segment.commits(), commits)) {
    throw Error(ErrorCode::kDamaged, fmt::format("{}: read back, it is not what was written", name));
  }
}

// A snapshot that others build on; whether its commit is a point is for the segments beside it to say.
bool is_anchor(const SegmentEntry& entry) {
  return entry.is_snapshot() && entry.commits == 1 && entry.last.retired;
}

// Whether all of `left` are among `all`, the same states. `revived`: a retired one may be a point again.
bool is_thinned_from(std::span<const CommitRecord> left, std::span<const CommitRecord> all, bool revived) {
  return std::ranges::all_of(left, [&](const CommitRecord& commit) {
    const auto found = std::ranges::lower_bound(all, commit.txid, {}, &CommitRecord::txid);
    return found != all.end() && found->txid == commit.txid && found->checksum == commit.checksum &&
           found->page_count == commit.page_count && (revived || commit.retired || !found->retired);
  });
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
    const auto begin = std::ranges::upper_bound(commits, entry.start(), {}, &CommitRecord::txid);
    const auto end = std::ranges::upper_bound(commits, entry.last.txid, {}, &CommitRecord::txid);
    const std::span there(begin, end);
    if (std::ranges::equal(own, there)) return;
    if (replacement.thinned() && is_thinned_from(there, own, is_anchor(entry))) return;
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
  const std::string name = segment_name(header.base, header.last, options.generation);
  VersionDigest written;
  {
    SegmentWriter writer(store, {.header = header,
                                 .zstd_level = options.zstd_level,
                                 .threads = options.threads,
                                 .thinned = true,
                                 .generation = options.generation});
    written = copy_versions(opened, options, &writer);
    writer.finish(opened.commits, parts.back().position);
  }
  Unproven unproven(store, name);
  expect_read_back(store, name, written, opened.commits, options);
  unproven.proven();
  return CompactedSegment(entry_of(store, name));
}

CompactedSegment thin_segments(ObjectStore& store, std::span<const SegmentEntry> parts,
                               const KeepsCommit& keeps, const CompactionOptions& options) {
  check_parts(parts);
  const OpenedParts opened(store, parts);
  const ThinnedCommits commits(opened.commits, keeps);
  SegmentHeader header = parts.front().header;
  header.last = parts.back().header.last;
  header.fence = options.fence;
  const std::string name = segment_name(header.base, header.last, options.generation);
  VersionDigest written;
  {
    SegmentWriter writer(store, {.header = header,
                                 .zstd_level = options.zstd_level,
                                 .threads = options.threads,
                                 .thinned = true,
                                 .generation = options.generation});
    written = thin(opened, commits, options, [&](const PageVersion& version) { writer.add(version); });
    writer.finish(commits.records, parts.back().position);
  }
  Unproven unproven(store, name);
  expect_read_back(store, name, written, commits.records, options);
  const SegmentEntry entry = entry_of(store, name);
  if (entry.is_snapshot()) expect_sound_snapshot(store, entry);
  unproven.proven();
  return CompactedSegment(entry);
}

std::optional<CompactedSegment> prove_replacement(ObjectStore& store, const SegmentEntry& entry,
                                                  std::span<const SegmentEntry> parts,
                                                  const CompactionOptions& options) {
  const Segment segment(store, entry.name);
  segment.verify_bytes();
  const std::vector<CommitRecord> commits = segment.commits();
  if (entry.is_snapshot()) {
    expect_sound_snapshot(store, entry);
    return CompactedSegment(entry);
  }
  // Where some of them are gone they were found superfluous: the object was read back before the first went.
  Txid end = entry.header.base;
  for (const SegmentEntry& part : parts) end = part.header.base == end ? part.header.last : Txid(0);
  if (parts.empty() || end != entry.header.last) return CompactedSegment(entry);
  const OpenedParts opened(store, parts);
  if (std::ranges::equal(opened.commits, commits)) {
    if (copy_versions(opened, options, nullptr) == digest_of(segment, options))
      return CompactedSegment(entry);
  }
  const ThinnedCommits thinned(opened.commits, [&](Txid txid) {
    const auto found = std::ranges::lower_bound(commits, txid, {}, &CommitRecord::txid);
    return found != commits.end() && found->txid == txid && !found->retired;
  });
  const bool same = std::ranges::equal(thinned.records, commits) &&
                    thin(opened, thinned, options, {}) == digest_of(segment, options);
  if (!same) return std::nullopt;
  return CompactedSegment(entry);
}

std::size_t parts_that_fit(const ObjectStore& store, std::span<const SegmentEntry> parts,
                           std::size_t max_open_runs) {
  std::vector<Segment> segments;
  segments.reserve(parts.size());  // the sources point into it
  std::vector<MergeSource> sources;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    append_sources(segments.emplace_back(store, parts[i].name), {parts[i].header.base, parts[i].header.last},
                   sources);
    if (overlap(sources) > max_open_runs) return std::max<std::size_t>(1, i);
  }
  return parts.size();
}

CompactedSegment collapse(ObjectStore& store, const RestorePlan& plan, const CompactionOptions& options) {
  const SegmentEntry& newest = plan.segments.back();
  const SegmentHeader header{.page_size = plan.page_size,
                             .epoch = newest.header.epoch,
                             .parent_epoch = 0,
                             .fence = options.fence,
                             .base = Txid(0),
                             .last = plan.commit.txid};
  const std::string name = segment_name(header.base, header.last, options.generation);
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
  visit_pages(store, alone, [&](PageNumber, Bytes) { breathe(options); });  // proves each page and their sum
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
  for (const SegmentEntry& old : replaced | std::views::reverse) store.remove(old.name);
}

}  // namespace litewright

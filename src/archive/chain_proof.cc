#include "archive/chain_proof.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <mutex>
#include <thread>

#include "archive/alive_commits.h"
#include "archive/ledger.h"
#include "archive/page_assembly.h"
#include "archive/restore.h"
#include "base/file_descriptor.h"

namespace litewright {

namespace {

constexpr const char* kScratch = "verify's scratch file";
constexpr std::uint32_t kRangesPerThread = 4;
constexpr std::uint32_t kLeastPagesInRange = 2048;

// Damage whose object is known; caught in prove_chain().
class Fault : public Error {
 public:
  Fault(std::string in, const std::string& what) : Error(ErrorCode::kDamaged, what), object(std::move(in)) {}
  std::string object;
};

// Neighbouring segments of the chain, opened, with the commits that count.
struct Stretch {
  std::vector<Segment> segments;
  std::vector<MergeSource> sources;
  std::vector<CommitRecord> commits;  // dense but where they were thinned
  std::uint64_t bytes = 0;

  // The first commit that has the version.
  std::uint32_t index_of(Txid txid) const {
    // A snapshot's versions may be older than its first commit.
    const Txid first = commits.front().txid;
    const bool dense = commits.back().txid.value - first.value + 1 == commits.size();
    if (txid <= first) return 0;
    if (dense) return static_cast<std::uint32_t>(txid.value - first.value);
    const auto found = std::ranges::lower_bound(commits, txid, {}, &CommitRecord::txid);
    return static_cast<std::uint32_t>(found - commits.begin());
  }
  const Segment& holder(Txid txid) const {
    for (const Segment& segment : segments) {
      if (txid <= segment.header().last) return segment;
    }
    return segments.back();
  }
};

// What is left of the stretches before: the database as of their last commit.
struct State {
  bool any = false;  // false: before the snapshot
  std::uint32_t page_count = 0;
  Checksum128 sum;
  FileDescriptor file;  // made when a second stretch turns out to be needed
};

// What one thread finds out about the pages it goes through.
class RangeProof {
 public:
  RangeProof(const Stretch& stretch, const State& before, bool keep_state, std::uint32_t page_size)
      : stretch_(stretch),
        before_(before),
        keep_state_(keep_state),
        page_size_(page_size),
        alive_(stretch.commits),
        differences_(stretch.commits.size()),
        place_(page_size),
        spare_(page_size) {
    const auto sizes = std::ranges::minmax(stretch.commits, {}, &CommitRecord::page_count);
    least_ = sizes.min.page_count;
    most_ = std::max(sizes.max.page_count, before.page_count);
  }

  // Ranges come in ascending order.
  void run(PageNumber from, PageNumber to) {
    constexpr std::uint64_t kNone = ~std::uint64_t{0};
    PageMerge merge(stretch_.sources, from, to);
    merge_ = &merge;
    version_ = merge.next();
    // A page that no version and no change of size touches keeps what it had; but the snapshot's stretch
    // begins with nothing, so there each page counts.
    const std::uint64_t settled = before_.any ? std::min(before_.page_count, least_) : 0;
    std::uint64_t due = std::max<std::uint64_t>(from.value, settled + 1);
    const std::uint64_t end = std::min(to.value, most_);
    while (due <= end || version_ != nullptr) {
      const std::uint64_t touched = version_ != nullptr ? version_->page.value : kNone;
      const std::uint64_t page = std::min(due <= end ? due : kNone, touched);
      if (page == due) ++due;
      prove_page(PageNumber(static_cast<std::uint32_t>(page)));
    }
    merge_ = nullptr;  // it ends here
  }

  // For each commit of the stretch: by how much the pages gone through changed the database's checksum.
  const std::vector<Checksum128>& differences() const { return differences_; }

 private:
  void prove_page(PageNumber page) {
    if (page == lock_page(page_size_)) return skip(page);
    PageUnderWork work(place_, spare_);
    const bool had = before_.any && page.value <= before_.page_count;
    bool changed = at_hand(page, kNever);
    bool inside = had;
    dead_since_ = 0;
    load_base(page, had);
    std::uint32_t next = 0;  // the first commit not yet looked at
    for (const auto& [first, last] : alive_.at(page)) {
      if (first > next) {
        if (inside) leave(next);
        inside = false;
        while (at_hand(page, first - 1)) take_version(page, work, inside);
      }
      if (!inside) enter(page, work, first);
      changed |= !inside;
      inside = true;
      while (at_hand(page, last)) take_version(page, work, inside);
      next = last + 1;
    }
    if (next < differences_.size()) {
      if (inside) leave(next);
      inside = false;
      while (at_hand(page, kNever)) take_version(page, work, inside);
    }
    if (keep_state_ && inside && changed)
      pwrite_fully(before_.file.get(), work.content(), offset(page), kScratch);
  }

  void skip(PageNumber page) {
    while (version_ != nullptr && version_->page == page) version_ = merge_->next();
  }

  // Whether a version of `page` from commit `last` or before is next.
  bool at_hand(PageNumber page, std::uint32_t last) const {
    return version_ != nullptr && version_->page == page && stretch_.index_of(version_->txid) <= last;
  }

  void load_base(PageNumber page, bool had) {
    std::size_t got = 0;
    if (had) got = pread_fully(before_.file.get(), place_, offset(page), kScratch);
    std::fill(place_.begin() + static_cast<std::ptrdiff_t>(got), place_.end(), std::byte{0});
    counted_ = had ? page_checksum(page, place_) : Checksum128{};
  }

  // With commit `index` the page is in the database, as zeros until written.
  void enter(PageNumber page, PageUnderWork& work, std::uint32_t index) {
    std::ranges::fill(work.content(), std::byte{0});
    counted_ = Ledger::zero_page(page, page_size_);
    differences_[index] += counted_;
  }

  // With commit `index` it is no longer.
  void leave(std::uint32_t index) {
    differences_[index] -= counted_;
    dead_since_ = index;
  }

  void take_version(PageNumber page, PageUnderWork& work, bool inside) {
    const std::uint32_t index = stretch_.index_of(version_->txid);
    if (!inside && index > dead_since_) {
      // Written by a commit that then dropped it, after another had: it began with nothing.
      std::ranges::fill(work.content(), std::byte{0});
      dead_since_ = index;
    }
    const MergeSource& source = merge_->source();
    if (!work.apply(*version_)) throw fault(source, page, "its difference can't be applied");
    const Checksum128 checksum = page_checksum(page, Bytes(work.content()));
    if (!is_recorded(checksum, *version_)) throw fault(source, page, "its checksum is not the recorded one");
    if (inside) {
      differences_[index] += checksum;
      differences_[index] -= counted_;
      counted_ = checksum;
    }
    version_ = merge_->next();
  }

  Fault fault(const MergeSource& source, PageNumber page, const std::string& what) const {
    return Fault(source.segment->name(),
                 fmt::format("page {} as of commit {}: {}", page.value, version_->txid.value, what));
  }

  std::uint64_t offset(PageNumber page) const { return std::uint64_t{page.value - 1} * page_size_; }

  static constexpr std::uint32_t kNever = 0xffffffffu;

  const Stretch& stretch_;
  const State& before_;
  bool keep_state_;
  std::uint32_t page_size_;
  AliveCommits alive_;
  std::vector<Checksum128> differences_;
  std::vector<std::byte> place_, spare_;
  std::uint32_t least_ = 0, most_ = 0;
  PageMerge* merge_ = nullptr;
  const PageVersion* version_ = nullptr;
  Checksum128 counted_;           // what the sum holds for the page at hand while it is in the database
  std::uint32_t dead_since_ = 0;  // while it is not: the commit its content belongs to
};

// One stretch by several threads.
class StretchProof {
 public:
  StretchProof(const Stretch& stretch, const State& before, bool keep_state, const ChainProofOptions& options)
      : stretch_(stretch),
        before_(before),
        keep_state_(keep_state),
        options_(options),
        page_size_(stretch.segments.front().header().page_size),
        most_(std::max(before.page_count,
                       std::ranges::max(stretch.commits, {}, &CommitRecord::page_count).page_count)),
        sums_(stretch.commits.size()) {
    const auto threads = static_cast<std::uint32_t>(std::max(1, options.threads));
    ranges_ = threads == 1 ? 1
                           : std::clamp(static_cast<std::uint32_t>(most_ / kLeastPagesInRange), 1u,
                                        threads * kRangesPerThread);
  }

  // The change of the database's checksum by each commit.
  std::vector<Checksum128> run() {
    std::vector<std::jthread> others;
    for (int i = 1; i < options_.threads && static_cast<std::uint32_t>(i) < ranges_; ++i) {
      others.emplace_back([this] { work(); });
    }
    work();
    others.clear();
    if (failure_) std::rethrow_exception(failure_);
    return std::move(sums_);
  }

 private:
  void work() {
    try {
      RangeProof proof(stretch_, before_, keep_state_, page_size_);
      for (std::uint64_t range = next_++; range < ranges_ && !failed_; range = next_++) {
        const auto from = static_cast<std::uint32_t>(most_ * range / ranges_ + 1);
        const auto to = static_cast<std::uint32_t>(std::uint64_t{most_} * (range + 1) / ranges_);
        // Versions beyond all commits' sizes are looked at too.
        proof.run(PageNumber(from), PageNumber(range + 1 == ranges_ ? 0xffffffffu : to));
        const std::lock_guard lock(mutex_);
        if (options_.progress) options_.progress(stretch_.bytes / ranges_);
      }
      const std::lock_guard lock(mutex_);
      for (std::size_t i = 0; i < sums_.size(); ++i) sums_[i] += proof.differences()[i];
    } catch (...) {
      const std::lock_guard lock(mutex_);
      if (!failure_) failure_ = std::current_exception();
      failed_ = true;
    }
  }

  const Stretch& stretch_;
  const State& before_;
  bool keep_state_;
  const ChainProofOptions& options_;
  std::uint32_t page_size_;
  std::uint64_t most_;
  std::uint32_t ranges_ = 1;
  std::atomic<std::uint64_t> next_ = 0;
  std::atomic<bool> failed_ = false;
  std::mutex mutex_;
  std::exception_ptr failure_;
  std::vector<Checksum128> sums_;
};

// Takes as many segments from `index` on as the options allow.
class StretchReader {
 public:
  StretchReader(const ObjectStore& store, const SegmentChain& chain, const ChainProofOptions& options)
      : store_(store), chain_(chain), options_(options) {}

  bool at_end() const { return next_ == chain_.segments.size(); }
  std::size_t segments_read() const { return next_; }
  void skip(std::size_t segments) {
    next_ = segments;
    after_ = std::min(chain_.segments[segments - 1]->last.txid, chain_.reach);
  }

  Stretch read() {
    Stretch stretch;
    // The sources point into it: it may move whole, but not grow.
    stretch.segments.reserve(chain_.segments.size() - next_);
    for (; !at_end(); ++next_) {
      const SegmentEntry& entry = *chain_.segments[next_];
      const std::size_t sources_before = stretch.sources.size();
      const std::uint64_t commits =
          std::min(entry.commits, entry.last.txid.value - std::max(after_, entry.start()).value);
      const bool empty = stretch.segments.empty();
      if (!empty && stretch.commits.size() + commits > options_.max_commits) break;
      const Segment& segment = stretch.segments.emplace_back(store_, entry.name);
      const TxidWindow window{after_, std::min(entry.last.txid, chain_.reach)};
      append_sources(segment, window, stretch.sources);
      if (!empty && overlap(stretch.sources) > options_.max_open_runs) {
        stretch.sources.resize(sources_before);
        stretch.segments.pop_back();
        break;
      }
      append_commits(segment, window, entry.thinned(), stretch.commits);
      stretch.bytes += entry.size;
      after_ = window.upto;
    }
    return stretch;
  }

 private:
  void append_commits(const Segment& segment, TxidWindow window, bool thinned,
                      std::vector<CommitRecord>& commits) {
    Txid expected = std::max(window.after, Txid(segment.first_commit().txid.value - 1));
    for (const CommitRecord& commit : segment.commits()) {
      if (!window.holds(commit.txid)) continue;
      if (thinned) expected = Txid(commit.txid.value - 1);
      if (commit.txid != ++expected) {
        throw Fault(segment.name(), fmt::format("commit {} is not in its index", expected.value));
      }
      commits.push_back(commit);
    }
    if (expected != window.upto || commits.empty()) {
      throw Fault(segment.name(), fmt::format("commit {} is not in its index", window.upto.value));
    }
  }

  const ObjectStore& store_;
  const SegmentChain& chain_;
  const ChainProofOptions& options_;
  std::size_t next_ = 0;
  Txid after_;
};

void prove_stretch(const Stretch& stretch, bool more, State& state, const ChainProofOptions& options) {
  if (more && !state.file) state.file = open_file(options.scratch_folder, O_RDWR | O_TMPFILE);
  const std::vector<Checksum128> differences = StretchProof(stretch, state, more, options).run();
  for (std::size_t i = 0; i < differences.size(); ++i) {
    const CommitRecord& commit = stretch.commits[i];
    state.sum += differences[i];
    if (state.sum != commit.checksum) {
      throw Fault(stretch.holder(commit.txid).name(),
                  fmt::format("commit {}: its pages have checksum {} together, not {} as recorded",
                              commit.txid.value, state.sum.hex(), commit.checksum.hex()));
    }
    if (options.proven) options.proven(commit);
  }
  state.any = true;
  state.page_count = stretch.commits.back().page_count;
  const std::uint64_t size = std::uint64_t{state.page_count} * stretch.segments.front().header().page_size;
  if (more && ::ftruncate(state.file.get(), static_cast<off_t>(size)) != 0) {
    throw error_from_errno(errno, fmt::format("set the size of {} in {}", kScratch, options.scratch_folder));
  }
}

// The state after the chain's first `segments`, which were proven before.
State restored_state(const ObjectStore& store, const SegmentChain& chain, std::size_t segments,
                     const ChainProofOptions& options) {
  RestorePlan plan;
  for (std::size_t i = 0; i < segments; ++i) plan.segments.push_back(*chain.segments[i]);
  plan.commit = plan.segments.back().last;
  plan.page_size = plan.segments.back().header.page_size;
  State state{.any = true,
              .page_count = plan.commit.page_count,
              .sum = plan.commit.checksum,
              .file = open_file(options.scratch_folder, O_RDWR | O_TMPFILE)};
  RestoreOptions restore;
  restore.threads = options.threads;
  restore_pages(store, plan, state.file.get(), restore);
  return state;
}

}  // namespace

std::optional<ChainFault> prove_chain(const ObjectStore& store, const SegmentChain& chain,
                                      const ChainProofOptions& options) {
  try {
    StretchReader reader(store, chain, options);
    State state;
    if (options.proven_before > 0) {
      reader.skip(options.proven_before);
      if (!reader.at_end()) state = restored_state(store, chain, options.proven_before, options);
    }
    while (!reader.at_end()) {
      const Stretch stretch = reader.read();
      prove_stretch(stretch, !reader.at_end(), state, options);
      if (options.stretch_done) options.stretch_done(reader.segments_read());
    }
    return std::nullopt;
  } catch (const Fault& fault) {
    return ChainFault{fault.object, fault.what()};
  } catch (const Error& error) {
    // A segment's own complaint begins with its name.
    const std::string_view what = error.what();
    for (const SegmentEntry* entry : chain.segments) {
      if (error.code() == ErrorCode::kDamaged && what.starts_with(entry->name)) {
        return ChainFault{entry->name,
                          std::string(what.substr(std::min(what.size(), entry->name.size() + 2)))};
      }
    }
    throw;
  }
}

}  // namespace litewright

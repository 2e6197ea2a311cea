#include "archive/restore_delta.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <exception>
#include <mutex>
#include <thread>

#include "archive/ledger.h"
#include "archive/page_assembly.h"
#include "base/error.h"
#include "base/file_descriptor.h"

namespace litewright {

namespace {

constexpr const char* kSource = "the file to build on";
constexpr const char* kTarget = "the restored database";
constexpr std::uint32_t kWindowPages = 1 << 20;  // whose checksums are in memory at once
constexpr std::size_t kChunk = 1 << 20;          // bytes a read
// Not told by the indexes alone: the page is made from the archive whatever the source holds. As a page's
// checksum as likely as any other: that page would be made for nothing.
constexpr Checksum128 kMake{~std::uint64_t{0}, ~std::uint64_t{0}};

// A page that came into the database within a segment's commits: the index does not tell whether its version
// there is from after that. Almost always it is: kTrusted; where the whole then turns out wrong, kRemade.
enum class NewPages { kTrusted, kRemade };

// What the indexes of a plan's segments say of pages first to last. Zero: no version, a page of zeros.
class ExpectedChecksums {
 public:
  ExpectedChecksums(const PlanSources& plan, NewPages new_pages, PageNumber first, PageNumber last)
      : plan_(plan), new_pages_(new_pages), first_(first), last_(last), sums_(last.value - first.value + 1) {
    for (const MergeSource& source : plan.sources()) add(source);
  }

  const Checksum128& of(PageNumber page) const { return sums_[page.value - first_.value]; }

 private:
  void add(const MergeSource& source) {
    const RunInfo& info = source.info();
    if (info.first_page > last_ || info.last_page < first_) return;
    const SegmentHeader& header = source.segment->header();
    // The index tells a page's last version in the run only: it must be one that counts.
    const bool whole = source.window.after <= header.base && header.last <= source.window.upto;
    source.segment->page_checksums(source.run, [&](PageNumber page, const Checksum128& checksum) {
      if (page < first_ || page > last_) return;
      const Txid dropped = plan_.drops().dropped_at(page);
      if (header.last <= dropped) return;
      const bool after_drop =
          dropped.value == 0 || header.base >= dropped || new_pages_ == NewPages::kTrusted;
      sums_[page.value - first_.value] = whole && after_drop ? checksum : kMake;
    });
  }

  const PlanSources& plan_;
  NewPages new_pages_;
  PageNumber first_, last_;
  std::vector<Checksum128> sums_;
};

// Goes through the source once, notes the pages that are not as planned, and copies it where blocks can't be
// shared. By several threads.
class Comparison {
 public:
  Comparison(const PlanSources& plan, NewPages new_pages, int source, int target, bool copy)
      : plan_(plan),
        new_pages_(new_pages),
        source_(source),
        target_(target),
        copy_(copy),
        chunk_(std::max<std::size_t>(kChunk, plan.page_size())),
        differing_(plan.commit().page_count) {}

  void run(PageNumber first, PageNumber last, int threads) {
    const ExpectedChecksums expected(plan_, new_pages_, first, last);
    next_ = first.value;
    std::vector<std::jthread> others;
    for (int i = 1; i < threads; ++i) others.emplace_back([&] { work(expected, last); });
    work(expected, last);
    others.clear();
    if (failure_) std::rethrow_exception(failure_);
  }

  const PageSet& differing() const { return differing_; }
  const Checksum128& same() const { return same_; }

 private:
  void work(const ExpectedChecksums& expected, PageNumber last) {
    try {
      std::vector<std::byte> chunk(chunk_);
      const auto step = static_cast<std::uint32_t>(chunk_ / plan_.page_size());
      Checksum128 same;
      for (std::uint64_t page = next_.fetch_add(step); page <= last.value && !failed_;
           page = next_.fetch_add(step)) {
        const auto pages = static_cast<std::uint32_t>(std::min<std::uint64_t>(step, last.value - page + 1));
        compare(expected, PageNumber(static_cast<std::uint32_t>(page)),
                MutableBytes(chunk).first(std::size_t{pages} * plan_.page_size()), same);
      }
      const std::lock_guard lock(mutex_);
      same_ += same;
    } catch (...) {
      const std::lock_guard lock(mutex_);
      if (!failure_) failure_ = std::current_exception();
      failed_ = true;
    }
  }

  void compare(const ExpectedChecksums& expected, PageNumber first, MutableBytes chunk, Checksum128& same) {
    const std::uint32_t page_size = plan_.page_size();
    const std::uint64_t offset = std::uint64_t{first.value - 1} * page_size;
    const std::size_t got = pread_fully(source_, chunk, offset, kSource);
    std::ranges::fill(chunk.subspan(got), std::byte{0});
    const PageNumber lock = lock_page(page_size);
    for (std::size_t at = 0; at < chunk.size(); at += page_size) {
      const PageNumber page(first.value + static_cast<std::uint32_t>(at / page_size));
      const Bytes content = chunk.subspan(at, page_size);
      if (page == lock) {
        if (std::ranges::any_of(content, [](std::byte b) { return b != std::byte{0}; })) differing_.add(page);
        continue;
      }
      const Checksum128 checksum = page_checksum(page, content);
      const Checksum128& wanted = expected.of(page);
      if (checksum == (wanted.is_zero() ? Ledger::zero_page(page, page_size) : wanted)) {
        same += checksum;
      } else {
        differing_.add(page);
      }
    }
    if (!copy_ || got == 0) return;
    // One at a time: the file's own lock lets the others spin.
    const std::lock_guard lock_file(writing_);
    pwrite_fully(target_, chunk.first(got), offset, kTarget);
    ::sync_file_range(target_, static_cast<off64_t>(offset), static_cast<off64_t>(got),
                      SYNC_FILE_RANGE_WRITE);
  }

  const PlanSources& plan_;
  NewPages new_pages_;
  int source_, target_;
  bool copy_;
  std::size_t chunk_;
  PageSet differing_;
  std::atomic<std::uint64_t> next_ = 1;
  std::atomic<bool> failed_ = false;
  std::mutex mutex_, writing_;
  std::exception_ptr failure_;
  Checksum128 same_;
};

DeltaRestoreResult compare_and_make(const ObjectStore& store, const RestorePlan& plan, NewPages new_pages,
                                    int source, int file_descriptor, const RestoreOptions& options) {
  DeltaRestoreResult result;
  result.shares_blocks = ::ioctl(file_descriptor, FICLONE, source) == 0;
  const std::uint64_t size = std::uint64_t{plan.commit.page_count} * plan.page_size;
  if (!result.shares_blocks) reserve_space(file_descriptor, size);
  if (::ftruncate(file_descriptor, static_cast<off_t>(size)) != 0) {
    throw error_from_errno(errno, fmt::format("set the size of {}", kTarget));
  }
  const PlanSources sources(store, plan);
  Comparison comparison(sources, new_pages, source, file_descriptor, !result.shares_blocks);
  for (std::uint64_t first = 1; first <= plan.commit.page_count; first += kWindowPages) {
    const std::uint64_t last = std::min<std::uint64_t>(first + kWindowPages - 1, plan.commit.page_count);
    comparison.run(PageNumber(static_cast<std::uint32_t>(first)),
                   PageNumber(static_cast<std::uint32_t>(last)), restore_threads(options));
  }
  result.pages_made = comparison.differing().count();
  RestoreOptions rest = options;
  rest.only = &comparison.differing();
  rest.others = comparison.same();
  result.restored = restore_pages(store, plan, file_descriptor, rest);
  return result;
}

}  // namespace

DeltaRestoreResult restore_over(const ObjectStore& store, const RestorePlan& plan, int source,
                                int file_descriptor, const RestoreOptions& options) {
  try {
    return compare_and_make(store, plan, NewPages::kTrusted, source, file_descriptor, options);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kDamaged) throw;
  }
  // Nothing of the first try may stay where the source has nothing.
  if (::ftruncate(file_descriptor, 0) != 0) throw error_from_errno(errno, fmt::format("empty {}", kTarget));
  return compare_and_make(store, plan, NewPages::kRemade, source, file_descriptor, options);
}

}  // namespace litewright

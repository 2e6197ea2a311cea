#include "archive/restore.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <mutex>
#include <thread>

#include "archive/ledger.h"
#include "archive/page_assembly.h"
#include "base/file_descriptor.h"
#include "base/time_text.h"

namespace litewright {

namespace {

constexpr std::size_t kWriteBytes = 1 << 20;
constexpr std::size_t kReadBytes = 1 << 20;
// Threads take ranges of pages in turn, so that one with more changes delays nobody; a range costs a decoded
// frame at its border in each run.
constexpr std::uint32_t kRangesPerThread = 4;
constexpr std::uint32_t kLeastPagesInRange = 2048;
constexpr auto kProgressInterval = std::chrono::milliseconds(200);
constexpr const char* kTarget = "the restored database";

Checksum128 zero_pages(PageNumber first, PageNumber last, std::uint32_t page_size) {
  Checksum128 sum;
  for (std::uint64_t page = first.value; page <= last.value; ++page) {
    const PageNumber number(static_cast<std::uint32_t>(page));
    if (number != lock_page(page_size)) sum += Ledger::zero_page(number, page_size);
  }
  return sum;
}

// Reports pages done; callable from several threads.
class ProgressMeter {
 public:
  ProgressMeter(const RestoreOptions& options, std::uint64_t all) : report_(options.progress), all_(all) {}

  void add(std::uint64_t pages) {
    done_ += pages;
    if (!report_) return;
    const std::lock_guard lock(mutex_);
    const auto now = std::chrono::steady_clock::now();
    if (now < next_) return;
    next_ = now + kProgressInterval;
    report_(done_, all_);
  }
  void finish() {
    if (report_) report_(all_, all_);
  }

 private:
  const std::function<void(std::uint64_t, std::uint64_t)>& report_;
  std::uint64_t all_;
  std::atomic<std::uint64_t> done_ = 0;
  std::mutex mutex_;
  std::chrono::steady_clock::time_point next_{};
};

// Collects neighbouring pages and writes them in one call. In the first part of a plan the file is empty:
// pages without a version stay holes. In later parts it holds what the parts before made of the pages.
class FileSink final : public PageSink {
 public:
  FileSink(int fd, std::uint32_t page_size, bool first_part, const PageSet* only, ProgressMeter& meter)
      : fd_(fd),
        page_size_(page_size),
        first_part_(first_part),
        only_(only),
        meter_(meter),
        buffer_(std::max<std::size_t>(kWriteBytes, page_size)) {}

  MutableBytes place(PageNumber page) override {
    if (filled_ == buffer_.size() || (filled_ > 0 && page != next_)) flush();
    if (filled_ == 0) begin_ = page;
    return MutableBytes(buffer_).subspan(filled_, page_size_);
  }

  void base(PageNumber page, MutableBytes out) override {
    std::size_t got = 0;
    if (!first_part_) got = pread_fully(fd_, out, offset(page), kTarget);
    std::ranges::fill(out.subspan(got), std::byte{0});
  }

  void keep(PageNumber page, const Checksum128& checksum) override {
    sum_ += checksum;
    filled_ += page_size_;
    next_ = page.next();
  }

  void untouched(PageNumber first, PageNumber last) override {
    if (!first_part_) return;
    if (only_ == nullptr) {
      sum_ += zero_pages(first, last, page_size_);
    } else {
      make_zeros(first, last);
    }
    meter_.add(last.value - first.value + 1);
  }

  void flush() {
    if (filled_ == 0) return;
    pwrite_fully(fd_, Bytes(buffer_).first(filled_), offset(begin_), kTarget);
    // Sets the disk to work now, so that the fsync at the end finds little left; errors show there.
    ::sync_file_range(fd_, static_cast<off64_t>(offset(begin_)), static_cast<off64_t>(filled_),
                      SYNC_FILE_RANGE_WRITE);
    written_ += filled_;
    if (first_part_ && only_ == nullptr) meter_.add(filled_ / page_size_);
    filled_ = 0;
  }

  const Checksum128& sum() const { return sum_; }
  std::uint64_t written() const { return written_; }

 private:
  std::uint64_t offset(PageNumber page) const { return std::uint64_t{page.value - 1} * page_size_; }

  // The file holds something else in those that are to be made.
  void make_zeros(PageNumber first, PageNumber last) {
    for (std::uint64_t at = first.value; at <= last.value; ++at) {
      const PageNumber page(static_cast<std::uint32_t>(at));
      if (!only_->has(page)) continue;
      std::ranges::fill(place(page), std::byte{0});
      keep(page, zero_pages(page, page, page_size_));
    }
  }

  int fd_;
  std::uint32_t page_size_;
  bool first_part_;
  const PageSet* only_;
  ProgressMeter& meter_;
  std::vector<std::byte> buffer_;
  std::size_t filled_ = 0;
  PageNumber begin_, next_;
  Checksum128 sum_;
  std::uint64_t written_ = 0;
};

// Writes one part of a plan, ranges of pages in parallel. The first error stops all threads.
class PartWriter {
 public:
  PartWriter(const PlanSources& plan, std::span<const MergeSource> part, int fd, bool first_part,
             const PageSet* only, ProgressMeter& meter)
      : plan_(plan), part_(part), fd_(fd), first_part_(first_part), only_(only), meter_(meter) {}

  void run(int threads, RestoreResult& result) {
    const std::uint32_t pages = plan_.commit().page_count;
    const std::uint32_t ranges =
        threads <= 1 ? 1
                     : std::max(1u, std::min(static_cast<std::uint32_t>(threads) * kRangesPerThread,
                                             pages / kLeastPagesInRange));
    std::vector<std::jthread> others;
    for (int i = 1; i < threads && static_cast<std::uint32_t>(i) < ranges; ++i) {
      others.emplace_back([this, ranges] { work(ranges); });
    }
    work(ranges);
    others.clear();
    if (failure_) std::rethrow_exception(failure_);
    result.checksum += sum_;
    result.bytes_written += written_;
  }

 private:
  void work(std::uint32_t ranges) {
    try {
      const std::uint64_t pages = plan_.commit().page_count;
      for (std::uint32_t range = next_++; range < ranges && !failed_; range = next_++) {
        const auto from = static_cast<std::uint32_t>(pages * range / ranges + 1);
        const auto to = static_cast<std::uint32_t>(pages * (range + 1) / ranges);
        FileSink sink(fd_, plan_.page_size(), first_part_, only_, meter_);
        assemble_pages(plan_, part_, PageNumber(from), PageNumber(to), sink, only_);
        sink.flush();
        const std::lock_guard lock(mutex_);
        sum_ += sink.sum();
        written_ += sink.written();
      }
    } catch (...) {
      const std::lock_guard lock(mutex_);
      if (!failure_) failure_ = std::current_exception();
      failed_ = true;
    }
  }

  const PlanSources& plan_;
  std::span<const MergeSource> part_;
  int fd_;
  bool first_part_;
  const PageSet* only_;
  ProgressMeter& meter_;
  std::atomic<std::uint32_t> next_ = 0;
  std::atomic<bool> failed_ = false;
  std::mutex mutex_;
  std::exception_ptr failure_;
  Checksum128 sum_;
  std::uint64_t written_ = 0;
};

// Reads a database file page by page, in order.
void read_pages(int fd, std::uint32_t page_size, std::uint32_t page_count,
                const std::function<void(PageNumber, Bytes)>& visit) {
  std::vector<std::byte> buffer(std::max<std::size_t>(kReadBytes, page_size));
  const auto step = static_cast<std::uint32_t>(buffer.size() / page_size);
  for (std::uint64_t done = 0; done < page_count; done += step) {
    const auto pages = static_cast<std::uint32_t>(std::min<std::uint64_t>(step, page_count - done));
    const MutableBytes out = MutableBytes(buffer).first(std::size_t{pages} * page_size);
    if (pread_fully(fd, out, done * page_size, kTarget) != out.size()) {
      throw Error(ErrorCode::kIo, fmt::format("{} became shorter while it was read", kTarget));
    }
    for (std::uint32_t i = 0; i < pages; ++i) {
      visit(PageNumber(static_cast<std::uint32_t>(done) + i + 1),
            Bytes(out).subspan(std::size_t{i} * page_size, page_size));
    }
  }
}

// The object of the plan that a message of damage begins with.
std::optional<std::string> object_to_blame(std::string_view message, const RestorePlan& plan) {
  for (const SegmentEntry& entry : plan.segments) {
    if (message.starts_with(entry.name)) return entry.name;
  }
  return std::nullopt;
}

// A plan for the same commit from what is left of the archive; nullopt where that does not give it.
std::optional<RestorePlan> another_plan(const ObjectStore& store, const Catalogue& left,
                                        const CommitRecord& commit) {
  RestorePoint same;
  same.tx = commit.txid;
  try {
    RestorePlan plan = plan_restore(store, left, same);
    if (plan.commit == commit) return plan;
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kDamaged && error.code() != ErrorCode::kNoDatabase) throw;
  }
  return std::nullopt;
}

void prove(const Checksum128& checksum, const CommitRecord& commit) {
  if (checksum == commit.checksum) return;
  throw Error(ErrorCode::kDamaged,
              fmt::format("the pages of commit {} have checksum {} together, not {} as recorded",
                          commit.txid.value, checksum.hex(), commit.checksum.hex()),
              "`litewright verify` names the commits that are lost");
}

// Streams pages to a visitor, zeros for those without a version.
class VisitSink final : public PageSink {
 public:
  VisitSink(std::uint32_t page_size, const std::function<void(PageNumber, Bytes)>& visit)
      : visit_(visit), page_(page_size), zeros_(page_size) {}

  MutableBytes place(PageNumber) override { return page_; }
  void base(PageNumber, MutableBytes out) override { std::ranges::fill(out, std::byte{0}); }
  void keep(PageNumber page, const Checksum128& checksum) override {
    sum_ += checksum;
    visit_(page, page_);
  }
  void untouched(PageNumber first, PageNumber last) override {
    sum_ += zero_pages(first, last, static_cast<std::uint32_t>(page_.size()));
    for (std::uint64_t page = first.value; page <= last.value; ++page) {
      visit_(PageNumber(static_cast<std::uint32_t>(page)), zeros_);
    }
  }
  const Checksum128& sum() const { return sum_; }

 private:
  const std::function<void(PageNumber, Bytes)>& visit_;
  std::vector<std::byte> page_, zeros_;
  Checksum128 sum_;
};

}  // namespace

void reserve_space(int fd, std::uint64_t size) {
  if (size == 0 || ::fallocate(fd, 0, 0, static_cast<off_t>(size)) == 0) return;
  if (errno == ENOSPC || errno == EDQUOT || errno == EFBIG) {
    throw error_from_errno(errno, fmt::format("reserve {} for {}", format_size(size), kTarget));
  }
}

int restore_threads(const RestoreOptions& options) {
  if (options.threads > 0) return options.threads;
  return std::clamp(static_cast<int>(std::thread::hardware_concurrency()), 1, kMostRestoreThreads);
}

RestoreResult restore_pages(const ObjectStore& store, const RestorePlan& plan, int file_descriptor,
                            const RestoreOptions& options) {
  const PlanSources sources(store, plan);
  const std::uint32_t page_count = plan.commit.page_count;
  const int threads = restore_threads(options);
  RestoreResult result;
  result.page_count = page_count;
  result.checksum = options.others;
  ProgressMeter meter(options, page_count);
  // Where other pages are there already, their blocks may be shared: nothing is reserved anew.
  if (options.only == nullptr) reserve_space(file_descriptor, std::uint64_t{page_count} * plan.page_size);
  const std::size_t open_runs =
      std::min(options.max_open_runs, kMostOpenRuns / static_cast<std::size_t>(threads));
  const auto parts = cut_by_overlap(sources.sources(), std::max<std::size_t>(1, open_runs));
  for (std::size_t i = 0; i < parts.size(); ++i) {
    PartWriter(sources, parts[i], file_descriptor, i == 0, options.only, meter).run(threads, result);
  }
  if (::ftruncate(file_descriptor, static_cast<off_t>(std::uint64_t{page_count} * plan.page_size)) != 0) {
    throw error_from_errno(errno, fmt::format("set the size of {}", kTarget));
  }
  if (parts.size() != 1) {
    // Later parts changed pages of earlier ones: their sum is read from the file itself.
    result.checksum = {};
    read_pages(file_descriptor, plan.page_size, page_count, [&](PageNumber page, Bytes content) {
      if (page != lock_page(plan.page_size)) result.checksum += page_checksum(page, content);
    });
  }
  prove(result.checksum, plan.commit);
  if (::fsync(file_descriptor) != 0) throw error_from_errno(errno, fmt::format("fsync {}", kTarget));
  meter.finish();
  return result;
}

RestoreResult restore_around_damage(const ObjectStore& store, const Catalogue& catalogue,
                                    const RestorePlan& plan, int file_descriptor,
                                    const RestoreOptions& options, std::vector<BadObject>& damaged) {
  Catalogue left = catalogue;
  RestorePlan now = plan;
  int reloads = 0;
  while (true) {
    try {
      return restore_pages(store, now, file_descriptor, options);
    } catch (const Error& error) {
      // Retention may have replaced an object since the plan was made.
      if (error.code() == ErrorCode::kNoDatabase && ++reloads <= kMostReloads &&
          reload_if_changed(store, left, reloads)) {
        for (const BadObject& bad : damaged) {
          std::erase_if(left.segments, [&](const SegmentEntry& entry) { return entry.name == bad.name; });
        }
        const auto anew = another_plan(store, left, plan.commit);
        if (!anew) throw;
        now = *anew;
        continue;
      }
      // Each turn leaves one object less.
      const auto bad =
          error.code() == ErrorCode::kDamaged ? object_to_blame(error.what(), now) : std::nullopt;
      if (!bad) throw;
      damaged.push_back({*bad, error.what()});
      std::erase_if(left.segments, [&](const SegmentEntry& entry) { return entry.name == *bad; });
      const auto around = another_plan(store, left, plan.commit);
      if (!around) throw;
      now = *around;
    }
    if (::ftruncate(file_descriptor, 0) != 0) {
      throw error_from_errno(errno, fmt::format("empty {}", kTarget));
    }
  }
}

void visit_pages(const ObjectStore& store, const RestorePlan& plan,
                 const std::function<void(PageNumber, Bytes)>& visit) {
  const RestoreOptions options;
  {
    const PlanSources sources(store, plan);
    if (overlap(sources.sources()) <= options.max_open_runs) {
      VisitSink sink(plan.page_size, visit);
      assemble_pages(sources, sources.sources(), PageNumber(1), PageNumber(plan.commit.page_count), sink);
      prove(sink.sum(), plan.commit);
      return;
    }
  }
  const FileDescriptor file = open_file(std::filesystem::temp_directory_path(), O_RDWR | O_TMPFILE);
  restore_pages(store, plan, file.get(), options);
  read_pages(file.get(), plan.page_size, plan.commit.page_count, visit);
}

}  // namespace litewright

// Random histories of a database for tests: what every commit left, and the archive that capture would have
// made of them.
#pragma once

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "archive/ledger.h"
#include "archive/page_delta.h"
#include "archive/restore.h"
#include "archive/segment.h"
#include "base/file_descriptor.h"

namespace litewright::history_samples {

using Page = std::vector<std::byte>;

struct HistoryOptions {
  std::uint32_t seed = 1;
  std::uint32_t page_size = 512;
  std::uint32_t first_pages = 20;  // of the first commit
  std::uint32_t most_pages = 60;
  int commits = 60;
  int longest_segment = 8;  // commits
};

// Each commit changes some pages (some of them several times, as a spilling transaction does), grows the
// database (leaving some new pages unwritten) or shrinks it (having written pages that it then drops).
class History {
 public:
  explicit History(const HistoryOptions& options)
      : options_(options),
        random_(options.seed),
        ledger_({.folder = std::filesystem::temp_directory_path(), .page_size = options.page_size}) {}

  // Writes all commits as segments; the first is a snapshot.
  void write(ObjectStore& store) {
    int done = 0;
    while (done < options_.commits) {
      const int length = std::min(options_.commits - done, 1 + pick(options_.longest_segment));
      write_segment(store, length);
      done += length;
    }
  }

  // The database as of a commit.
  const Page& state(Txid txid) const { return states_.at(txid.value - 1); }
  const CommitRecord& commit(Txid txid) const { return commits_.at(txid.value - 1); }
  const std::vector<CommitRecord>& commits() const { return commits_; }
  const std::vector<std::string>& segments() const { return segments_; }
  int pick(int below) { return static_cast<int>(random_() % static_cast<unsigned>(below)); }

 private:
  std::uint32_t number(std::uint32_t below) { return static_cast<std::uint32_t>(random_() % below); }

  void write_segment(ObjectStore& store, int length) {
    const Txid base(commits_.size());
    const Txid last(base.value + static_cast<std::uint64_t>(length));
    SegmentWriter writer(store, {.header = {.page_size = options_.page_size, .base = base, .last = last}});
    RunBuffer buffer;
    buffer_ = &buffer;
    writer_ = &writer;
    for (int i = 0; i < length; ++i) make_commit();
    buffer.write_to(writer);
    writer.finish(std::span(commits_).subspan(base.value), std::nullopt);
    segments_.push_back(segment_name(base, last));
  }

  void make_commit() {
    const Txid txid(commits_.size() + 1);
    if (txid.value == 1) {
      for (std::uint32_t page = 1; page <= options_.first_pages; ++page) write_page(page, txid);
      return end_commit(txid, options_.first_pages);
    }
    std::uint32_t count = commits_.back().page_count;
    const int kind = pick(10);
    if (kind == 0) count = 1 + number(count);
    if (kind <= 3 && kind > 0) count = std::min(options_.most_pages, count + 1 + number(8));
    const std::uint32_t reach = std::max(count, commits_.back().page_count) + (pick(8) == 0 ? 4 : 0);
    for (int i = pick(9); i >= 0; --i) write_page(1 + number(reach), txid);
    end_commit(txid, count);
  }

  // One version: like capture, a difference only where the ledger knows the page before it.
  void write_page(std::uint32_t number, Txid txid) {
    const PageNumber page(number);
    const auto old = pages_.find(number);
    const Page before = old == pages_.end() ? Page(options_.page_size) : old->second;
    Page after = before;
    const int changes = pick(6) == 0 ? 200 : pick(20);
    for (int i = 0; i < changes; ++i) after[random_() % after.size()] = static_cast<std::byte>(random_());
    if (pick(12) == 0) after.assign(after.size(), std::byte{0});
    const Checksum128 checksum = page_checksum(page, after);
    std::vector<std::byte> delta;
    const bool known = ledger_.get(page) == page_checksum(page, before);
    if (known && append_page_delta(before, after, options_.page_size / 2, delta)) {
      buffer_->add({page, txid, PageVersion::Kind::kDelta, delta, checksum});
    } else {
      buffer_->add({page, txid, PageVersion::Kind::kWhole, after, checksum});
    }
    ledger_.set(page, checksum);
    pages_[number] = std::move(after);
    if (pick(15) > 0) return;
    buffer_->write_to(*writer_);
    buffer_->clear();
  }

  void end_commit(Txid txid, std::uint32_t count) {
    pages_.erase(pages_.upper_bound(count), pages_.end());
    ledger_.resize(count);
    CommitRecord commit{.txid = txid,
                        .seen_at = WallTime(std::chrono::seconds(1'800'000'000 + 10 * txid.value)),
                        .page_count = count,
                        .checksum = ledger_.sum()};
    commit.reconciled = pick(10) == 0;
    if (commit.reconciled) commit.gap_since = commit.seen_at - std::chrono::seconds(5);
    commits_.push_back(commit);
    Page state(std::size_t{count} * options_.page_size);
    for (const auto& [page, content] : pages_) {
      std::ranges::copy(content,
                        state.begin() + static_cast<std::ptrdiff_t>((page - 1) * options_.page_size));
    }
    states_.push_back(std::move(state));
  }

  HistoryOptions options_;
  std::mt19937 random_;
  Ledger ledger_;
  std::map<std::uint32_t, Page> pages_;
  std::vector<Page> states_;
  std::vector<CommitRecord> commits_;
  std::vector<std::string> segments_;
  RunBuffer* buffer_ = nullptr;
  SegmentWriter* writer_ = nullptr;
};

// In memory: restores are fsynced, and thousands of them in tests would wait for the disk.
inline FileDescriptor unnamed_file() { return FileDescriptor(::memfd_create("restored", MFD_CLOEXEC)); }

inline Page file_content(int fd) {
  struct stat status{};
  if (::fstat(fd, &status) != 0) return {};
  Page content(static_cast<std::size_t>(status.st_size));
  pread_fully(fd, content, 0, "the restored file");
  return content;
}

inline Page restored(const ObjectStore& store, const RestorePlan& plan, const RestoreOptions& options = {}) {
  const FileDescriptor file = unnamed_file();
  restore_pages(store, plan, file.get(), options);
  return file_content(file.get());
}

inline Page restored(const ObjectStore& store, Txid txid, const RestoreOptions& options = {}) {
  const Catalogue catalogue = Catalogue::load(store);
  RestorePoint point;
  point.tx = txid;
  const RestorePlan plan = plan_restore(store, catalogue, point);
  const FileDescriptor file = unnamed_file();
  std::vector<BadObject> damaged;
  restore_around_damage(store, catalogue, plan, file.get(), options, damaged);
  return file_content(file.get());
}

}  // namespace litewright::history_samples

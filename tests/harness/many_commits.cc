// many_commits FOLDER COMMITS [--pages N] [--merged N] [--small N] [--small-commits N] [--snapshot-every N]
//
// Writes an archive with so many commits into FOLDER as years of protect leave it: merged segments of N
// commits (of several runs each, as compaction makes them), small ones at the end as protect has just put
// them, and a snapshot every so many commits as compaction lays them down. Each commit changes one page of a
// database of N pages and the header's change counter, some seconds after the one before it. What is written
// is what capture would have written: differences, page checksums, whole-database checksums.
#include <fmt/format.h>

#include <cstring>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "archive/catalogue.h"
#include "archive/page_delta.h"
#include "archive/segment.h"
#include "base/error.h"
#include "store/directory_store.h"

namespace litewright {
namespace {

constexpr std::uint32_t kPageSize = 4096;
constexpr std::uint64_t kRunCommits = 32'768;  // of a merged segment
constexpr std::int64_t kBegan = 1'700'000'000;

struct Shape {
  std::uint64_t commits = 0;
  std::map<std::string, std::uint64_t> numbers = {{"--pages", 2000},
                                                  {"--merged", 131'072},
                                                  {"--small", 200},
                                                  {"--small-commits", 100},
                                                  {"--snapshot-every", 1'048'576}};
  std::uint64_t of(const char* option) const { return numbers.at(option); }
};

class Writer {
 public:
  Writer(ObjectStore& store, const Shape& shape)
      : store_(store), shape_(shape), content_(shape.of("--pages") * kPageSize), sums_(shape.of("--pages")) {
    fill();
  }

  void run() {
    const std::uint64_t small =
        std::min(shape_.commits - 1, shape_.of("--small") * shape_.of("--small-commits"));
    write_segment(1);  // the first snapshot
    std::uint64_t snapshot_at = shape_.of("--snapshot-every");
    while (done_ < shape_.commits) {
      const std::uint64_t left = shape_.commits - done_;
      const std::uint64_t length = left > small ? std::min(shape_.of("--merged"), left - small)
                                                : std::min(shape_.of("--small-commits"), left);
      write_segment(length);
      if (done_ < snapshot_at) continue;
      write_snapshot();
      snapshot_at += shape_.of("--snapshot-every");
    }
  }

 private:
  MutableBytes page(std::uint32_t number) {
    return MutableBytes(content_).subspan(std::size_t{number - 1} * kPageSize, kPageSize);
  }

  // An empty database's first page (enough for the archive: nobody opens it), the rest half random.
  void fill() {
    std::memcpy(content_.data(), "SQLite format 3", 16);
    for (std::size_t i = 100; i < content_.size(); ++i) {
      content_[i] = static_cast<std::byte>(i % kPageSize < kPageSize / 2 ? random_() : i / 64);
    }
    for (std::uint32_t number = 1; number <= sums_.size(); ++number) {
      sums_[number - 1] = page_checksum(PageNumber(number), page(number));
      sum_ += sums_[number - 1];
    }
  }

  void write_segment(std::uint64_t length) {
    const Txid base(done_), last(done_ + length);
    SegmentWriter writer(store_,
                         {.header = {.page_size = kPageSize, .base = base, .last = last}, .zstd_level = 1});
    std::vector<CommitRecord> commits;
    RunBuffer buffer;
    for (std::uint64_t i = 0; i < length; ++i) {
      if (done_ == 0) {
        whole(buffer);
      } else {
        change(1 + static_cast<std::uint32_t>(random_() % sums_.size()), buffer);
        if (sums_.size() > 1) change(1, buffer);
      }
      ++done_;
      seen_ns_ += static_cast<std::int64_t>(random_() % 5'000'000'000);
      commits.push_back(record());
      if (commits.size() % kRunCommits == 0) flush(buffer, writer);
    }
    flush(buffer, writer);
    writer.finish(commits, std::nullopt);
  }

  void whole(RunBuffer& buffer) {
    for (std::uint32_t number = 1; number <= sums_.size(); ++number) {
      buffer.add(
          {PageNumber(number), Txid(done_ + 1), PageVersion::Kind::kWhole, page(number), sums_[number - 1]});
    }
  }

  static void flush(RunBuffer& buffer, SegmentWriter& writer) {
    buffer.write_to(writer);
    buffer.clear();
  }

  // A few bytes of one page, as an UPDATE does.
  void change(std::uint32_t number, RunBuffer& buffer) {
    const MutableBytes now = page(number);
    before_.assign(now.begin(), now.end());
    const std::uint64_t value = number == 1 ? done_ : random_();
    std::memcpy(now.data() + (number == 1 ? 24 : 128 + value % 3900), &value, number == 1 ? 4 : 8);
    const Checksum128 checksum = page_checksum(PageNumber(number), now);
    delta_.clear();
    if (append_page_delta(before_, now, kPageSize / 2, delta_)) {
      buffer.add({PageNumber(number), Txid(done_ + 1), PageVersion::Kind::kDelta, delta_, checksum});
    } else {
      buffer.add({PageNumber(number), Txid(done_ + 1), PageVersion::Kind::kWhole, now, checksum});
    }
    sum_ -= sums_[number - 1];
    sum_ += checksum;
    sums_[number - 1] = checksum;
  }

  CommitRecord record() const {
    return {.txid = Txid(done_),
            .seen_at = WallTime(std::chrono::seconds(kBegan) + std::chrono::nanoseconds(seen_ns_)),
            .page_count = static_cast<std::uint32_t>(sums_.size()),
            .checksum = sum_};
  }

  // As collapse() makes it: the state after the newest commit, each page whole.
  void write_snapshot() {
    SegmentWriter writer(
        store_, {.header = {.page_size = kPageSize, .base = Txid(0), .last = Txid(done_)}, .zstd_level = 1});
    for (std::uint32_t number = 1; number <= sums_.size(); ++number) {
      writer.add(
          {PageNumber(number), Txid(done_), PageVersion::Kind::kWhole, page(number), sums_[number - 1]});
    }
    const CommitRecord commit = record();
    writer.finish(std::span(&commit, 1), std::nullopt);
  }

  ObjectStore& store_;
  const Shape& shape_;
  std::mt19937_64 random_{7};
  std::vector<std::byte> content_, before_, delta_;
  std::vector<Checksum128> sums_;
  Checksum128 sum_{};
  std::uint64_t done_ = 0;
  std::int64_t seen_ns_ = 0;
};

int usage() {
  fmt::print(stderr,
             "usage: many_commits FOLDER COMMITS [--pages N] [--merged N] [--small N] [--small-commits N] "
             "[--snapshot-every N]\n");
  return 64;
}

int run(int argc, char** argv) {
  if (argc < 3 || argc % 2 == 0) return usage();
  Shape shape;
  shape.commits = std::stoull(argv[2]);
  for (int i = 3; i + 1 < argc; i += 2) {
    const auto option = shape.numbers.find(argv[i]);
    if (option == shape.numbers.end()) return usage();
    option->second = std::stoull(argv[i + 1]);
  }
  DirectoryStore store(argv[1]);
  ensure_archive(store, "many.db", SystemClock());
  Writer(store, shape).run();
  return 0;
}

}  // namespace
}  // namespace litewright

int main(int argc, char** argv) {
  try {
    return litewright::run(argc, argv);
  } catch (const std::exception& error) {
    fmt::print(stderr, "many_commits: {}\n", error.what());
    return 1;
  }
}

// A year with a moved clock: a commit a minute in the busy hours, pruned at the end of each day. In CI a few
// weeks; LITEWRIGHT_YEAR_DAYS=365 is the year, whose table bench/retention_year.py draws.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include <cstdlib>
#include <deque>
#include <random>
#include <set>

#include "archive/history_samples.h"
#include "archive/retention.h"
#include "archive/verify.h"
#include "base/error.h"
#include "base/test_effort.h"
#include "store/memory_store.h"

namespace litewright {
namespace {

using namespace history_samples;
using std::chrono::hours;
using std::chrono::minutes;

constexpr std::uint32_t kPageSize = 4096;
constexpr std::size_t kDaysOfGzip = 30;                          // what the runbook keeps
constexpr WallTime kBegin{std::chrono::seconds(1'767'225'600)};  // 2026-01-01

// A table that grows by a row a commit, in which a row is changed now and then.
class Shop {
 public:
  explicit Shop(ObjectStore& store) : store_(store) { change(PageNumber(1), 0, "SQLite format 3"); }

  // The commits of one stretch of time as a segment.
  void write_segment(WallTime from, int commits) {
    const Txid base(commits_.size());
    const Txid last(base.value + static_cast<std::uint64_t>(commits));
    SegmentWriter writer(store_, {.header = {.page_size = kPageSize, .base = base, .last = last}});
    RunBuffer buffer;
    for (int i = 0; i < commits; ++i) commit(buffer, from + minutes(i));
    buffer.write_to(writer);
    writer.finish(std::span(commits_).subspan(base.value), std::nullopt);
  }

  const std::vector<CommitRecord>& commits() const { return commits_; }
  std::uint64_t gzip_bytes() const {
    Page state;
    for (const Page& page : pages_) state.insert(state.end(), page.begin(), page.end());
    uLongf size = compressBound(state.size());
    std::vector<Bytef> out(size);
    compress2(out.data(), &size, reinterpret_cast<const Bytef*>(state.data()), state.size(), 6);
    return size;
  }
  std::uint64_t bytes() const { return pages_.size() * kPageSize; }

 private:
  void commit(RunBuffer& buffer, WallTime at) {
    const Txid txid(commits_.size() + 1);
    const std::string row =
        fmt::format("{:08} customer-{} {} order of {} pieces, {}.{:02} EUR;", txid.value, random_() % 5000,
                    format_word(), 1 + random_() % 9, random_() % 500, random_() % 100);
    if (used_ + row.size() > kPageSize) pages_.emplace_back(kPageSize), used_ = 8;
    change(PageNumber(static_cast<std::uint32_t>(pages_.size())), used_, row);
    used_ += row.size();
    change(PageNumber(1), 24, fmt::format("{:08}", txid.value));
    const auto other = static_cast<std::uint32_t>(1 + random_() % pages_.size());
    change(PageNumber(other), 100 + random_() % 3000, "paid");
    for (const auto& [page, before] : before_) {
      const Page& after = pages_[page - 1];
      const Checksum128 checksum = page_checksum(PageNumber(page), after);
      std::vector<std::byte> delta;
      // A snapshot builds on nothing.
      const bool small =
          txid.value > 1 && !before.empty() && append_page_delta(before, after, kPageSize / 2, delta);
      buffer.add({PageNumber(page), txid, small ? PageVersion::Kind::kDelta : PageVersion::Kind::kWhole,
                  small ? Bytes(delta) : Bytes(after), checksum});
    }
    before_.clear();
    sums_.resize(pages_.size());
    for (const std::uint32_t page : changed_) {
      total_ -= sums_[page - 1];
      sums_[page - 1] = page_checksum(PageNumber(page), pages_[page - 1]);
      total_ += sums_[page - 1];
    }
    changed_.clear();
    commits_.push_back({.txid = txid,
                        .seen_at = at,
                        .page_count = static_cast<std::uint32_t>(pages_.size()),
                        .checksum = total_});
  }

  void change(PageNumber page, std::size_t at, std::string_view text) {
    while (pages_.size() < page.value) pages_.emplace_back(kPageSize);
    Page& content = pages_[page.value - 1];
    const bool archived = page.value <= sums_.size();
    before_.try_emplace(page.value, archived ? content : Page());
    changed_.insert(page.value);
    std::ranges::copy(std::as_bytes(std::span(text)), content.begin() + static_cast<std::ptrdiff_t>(at));
  }

  std::string format_word() {
    constexpr const char* kWords[] = {"express", "standard", "gift", "return", "wholesale", "sample"};
    return kWords[random_() % std::size(kWords)];
  }

  ObjectStore& store_;
  std::mt19937 random_{7};
  std::vector<Page> pages_;
  std::map<std::uint32_t, Page> before_;
  std::set<std::uint32_t> changed_;
  std::vector<Checksum128> sums_;
  Checksum128 total_;
  std::size_t used_ = 100;
  std::vector<CommitRecord> commits_;
};

struct Year {
  int days = 12;
  int busy_hours = 2;
  int check_one_in = 40;  // of the points
};

Year year_of_environment() {
  const char* days = std::getenv("LITEWRIGHT_YEAR_DAYS");
  if (days == nullptr && !long_form()) return {};
  return {.days = days == nullptr ? 365 : std::atoi(days), .busy_hours = 8, .check_one_in = 10};
}

std::set<std::uint64_t> kept_by_model(const std::vector<CommitRecord>& commits, WallTime now) {
  std::vector<KeepPoint> points;
  for (auto commit = commits.rbegin(); commit != commits.rend(); ++commit)
    points.push_back({.at = commit->seen_at});
  const std::vector<KeepReason> verdicts = judge_points(points, default_keep_rules(), now);
  std::set<std::uint64_t> kept;
  for (std::size_t i = 0; i < verdicts.size(); ++i) {
    if (verdicts[i] != KeepReason::kNone) kept.insert(commits[commits.size() - 1 - i].txid.value);
  }
  return kept;
}

std::set<std::uint64_t> points_of(const ObjectStore& store) {
  std::set<std::uint64_t> points;
  const Catalogue catalogue = Catalogue::load(store);
  for (const SegmentEntry* entry : catalogue.line()) {
    for (const CommitRecord& commit : Segment(store, entry->name).commits()) {
      if (!commit.retired) points.insert(commit.txid.value);
    }
  }
  return points;
}

void expect_states(const ObjectStore& store, const Shop& shop, const std::set<std::uint64_t>& kept,
                   int one_in) {
  const Catalogue catalogue = Catalogue::load(store);
  std::uint64_t restores = 0, refusals = 0;
  for (const CommitRecord& commit : shop.commits()) {
    if (commit.txid.value % static_cast<std::uint64_t>(one_in) != 0 &&
        commit.txid != shop.commits().back().txid)
      continue;
    RestorePoint point;
    point.tx = commit.txid;
    if (!kept.contains(commit.txid.value)) {
      EXPECT_THROW(plan_restore(store, catalogue, point), Error) << commit.txid.value;
      ++refusals;
      continue;
    }
    const FileDescriptor file = unnamed_file();
    const RestoreResult result =
        restore_pages(store, plan_restore(store, catalogue, point), file.get(), {.threads = 1});
    EXPECT_EQ(result.checksum, commit.checksum) << commit.txid.value;
    ++restores;
  }
  EXPECT_GT(restores, 0u);
  fmt::print("restored and equal: {}, refused: {}\n", restores, refusals);
}

TEST(RetentionYear, KeepsExactlyThePointsOfTheRulesAndStaysSmall) {
  const Year year = year_of_environment();
  MemoryStore store;
  const SystemClock clock;
  ensure_archive(store, "shop.db", clock);
  Shop shop(store);
  std::deque<std::uint64_t> gzips;
  fmt::print("{:>4} {:>9} {:>7} {:>8} {:>12} {:>12} {:>14}\n", "day", "commits", "points", "objects",
             "database", "archive", "gzip, 30 days");
  for (int day = 1; day <= year.days; ++day) {
    const WallTime morning = kBegin + hours(24 * (day - 1) + 9);
    for (int hour = 0; hour < year.busy_hours; ++hour) shop.write_segment(morning + hours(hour), 60);
    gzips.push_back(shop.gzip_bytes());
    if (gzips.size() > kDaysOfGzip) gzips.pop_front();
    const WallTime now = kBegin + hours(24 * day);
    const PruneResult result = prune_archive(store, default_keep_rules(), now, {});
    ASSERT_TRUE(result.tally.troubles.empty()) << result.tally.troubles.front();
    if (day % 30 != 0 && day != year.days && day != 1) continue;
    const std::set<std::uint64_t> kept = kept_by_model(shop.commits(), now);
    ASSERT_EQ(points_of(store), kept) << "day " << day;
    std::uint64_t gzip = 0;
    for (const std::uint64_t bytes : gzips) gzip += bytes;
    fmt::print("{:>4} {:>9} {:>7} {:>8} {:>12} {:>12} {:>14}\n", day, shop.commits().size(), kept.size(),
               result.objects_after, shop.bytes(), result.bytes_after, gzip);
    std::fflush(stdout);
  }
  const WallTime end = kBegin + hours(24 * year.days);
  expect_states(store, shop, kept_by_model(shop.commits(), end), year.check_one_in);
  const VerifyReport report = verify_archive(store, {.threads = 1});
  EXPECT_TRUE(report.damage.empty()) << report.damage.front().what;
  EXPECT_TRUE(report.missing.empty());
  EXPECT_EQ(report.commits, points_of(store).size());
}

}  // namespace
}  // namespace litewright

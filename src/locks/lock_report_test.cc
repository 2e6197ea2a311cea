#include "locks/lock_report.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "format/library_version.h"
#include "locks/locks.h"

namespace litewright {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr HeldLock read_lock(std::uint64_t first, std::uint64_t last) {
  return {.mode = HeldLock::Mode::kRead, .first = first, .last = last};
}
constexpr HeldLock write_lock(std::uint64_t first, std::uint64_t last) {
  return {.mode = HeldLock::Mode::kWrite, .first = first, .last = last};
}
constexpr HeldLock kShared = read_lock(kSharedLockFirstByte, kSharedLockFirstByte + kSharedLockBytes - 1);
constexpr HeldLock kDms = read_lock(128, 128);

using Held = std::vector<HeldLock>;

DatabaseHeader header_of_version(std::uint8_t version) {
  DatabaseHeader header;
  header.page_size = 4096;
  header.write_version = version;
  header.read_version = version;
  return header;
}

// A made-up process with these locks on the main file and on -shm.
ProcessFacts process(pid_t pid, const Held& main_file, const Held& wal_index) {
  ProcessFacts facts;
  facts.process = {.pid = pid, .start_ticks = 7, .user = "app", .command_line = "app"};
  facts.process.files = {{.file = "/d/app.db", .locks = main_file},
                         {.file = "/d/app.db-shm", .locks = wal_index}};
  return facts;
}

LockFacts wal_facts(std::vector<ProcessFacts> processes) {
  LockFacts facts = {.database = "/d/app.db", .processes = std::move(processes), .wal_bytes = 412'032};
  facts.header = header_of_version(2);
  facts.wal_index = WalIndex{};
  facts.wal_index->header.max_frame = FrameNumber(100);
  facts.wal_index->header.page_size = 4096;
  facts.wal_index->backfilled = FrameNumber(30);
  facts.wal_index->read_mark = {0, 40, 100, kReadMarkUnused, kReadMarkUnused};
  facts.has_wal_index_file = true;
  return facts;
}

LockFacts journal_facts(std::vector<ProcessFacts> processes) {
  LockFacts facts = {.database = "/d/app.db", .processes = std::move(processes)};
  facts.header = header_of_version(1);
  return facts;
}

// The same facts seen throughout `time`.
LockReport judge(LockFacts facts, std::chrono::nanoseconds time = milliseconds(400)) {
  LockHistory history;
  history.note(facts);
  facts.steady += std::chrono::duration_cast<SteadyTime::duration>(time);
  history.note(facts);
  return judge_locks("app.db", facts, history);
}

std::vector<std::string> ids(const std::vector<Finding>& findings) {
  std::vector<std::string> found;
  for (const Finding& finding : findings) found.push_back(finding.id + " " + finding.object);
  std::ranges::sort(found);
  return found;
}

using Ids = std::vector<std::string>;

TEST(LockReport, InWalModeTheRightProcessIsBlamedAndIdleOnesNever) {
  struct Case {
    const char* situation;
    std::vector<ProcessFacts> processes;
    Ids blamed;
    LockRole role;  // of the first process
  };
  const ProcessFacts idle = process(9, {kShared}, {kDms});
  const Case cases[] = {
      {"idle", {idle}, {}, LockRole::kIdle},
      {"writer",
       {process(1, {kShared}, {write_lock(120, 120), read_lock(125, 125), kDms}), idle},
       {"lock.write-held pid 1"},
       LockRole::kWrites},
      {"reader of the newest state",
       {process(1, {kShared}, {read_lock(125, 125), kDms}), idle},
       {},
       LockRole::kReads},
      {"old reader",
       {process(1, {kShared}, {read_lock(124, 124), kDms}), idle},
       {"wal.pinned pid 1"},
       LockRole::kReads},
      {"merged with DMS",
       {process(1, {kShared}, {read_lock(123, 124), kDms}), idle},
       {"wal.pinned pid 1"},
       LockRole::kReads},
      {"READ0",
       {process(1, {kShared}, {read_lock(123, 123), kDms}), idle},
       {"wal.pinned pid 1"},
       LockRole::kReads},
      {"a mark nobody uses", {process(1, {kShared}, {read_lock(126, 126), kDms}), idle}, {}, LockRole::kIdle},
      {"stuck TRUNCATE behind a reader of the newest state",
       {process(1, {kShared}, {write_lock(120, 121), kDms}),
        process(2, {kShared}, {read_lock(125, 125), kDms}), idle},
       {"checkpoint.stuck pid 1", "lock.reader-in-the-way pid 2"},
       LockRole::kCheckpoints},
      {"stuck PASSIVE: that reader is in nobody's way",
       {process(1, {kShared}, {write_lock(121, 121), kDms}),
        process(2, {kShared}, {read_lock(125, 125), kDms})},
       {"checkpoint.stuck pid 1"},
       LockRole::kCheckpoints},
      {"recovery",
       {process(1, {kShared}, {write_lock(122, 122), kDms}), idle},
       {"lock.recovery pid 1"},
       LockRole::kRecovers},
      {"locking_mode",
       {process(1, {write_lock(kPendingLockByte, HeldLock::kToEndOfFile)}, {})},
       {"lock.exclusive pid 1"},
       LockRole::kExclusive},
      {"lost on the main file", {process(1, {}, {kDms}), idle}, {"lock.lost pid 1"}, LockRole::kLocksLost},
      {"lost on -shm", {process(1, {kShared}, {}), idle}, {"lock.lost pid 1"}, LockRole::kLocksLost},
      {"looks on", {process(1, {}, {}), idle}, {}, LockRole::kIdle},
      {"outside",
       {process(0, {}, {write_lock(120, 120)})},
       {"lock.write-held outside this container"},
       LockRole::kWrites},
  };
  for (Case c : cases) {
    if (c.processes[0].process.pid == 0) {
      for (HeldFile& file : c.processes[0].process.files) file.open = false;
    }
    if (std::string_view(c.situation) == "looks on") {
      for (HeldFile& file : c.processes[0].process.files) file.for_writing = false;
    }
    const LockReport report = judge(wal_facts(c.processes));
    EXPECT_EQ(ids(report.findings), c.blamed) << c.situation;
    EXPECT_EQ(role_name(report.processes[0].role), role_name(c.role)) << c.situation;
  }
}

TEST(LockReport, WithAJournalTheRightProcessIsBlamed) {
  struct Case {
    const char* situation;
    std::vector<ProcessFacts> processes;
    Ids blamed;
  };
  const HeldLock reserved = write_lock(kReservedLockByte, kReservedLockByte);
  const HeldLock pending = write_lock(kPendingLockByte, kReservedLockByte);
  const Case cases[] = {
      {"idle", {process(1, {}, {})}, {}},
      {"reader", {process(1, {kShared}, {})}, {}},
      {"writer beside a reader",
       {process(1, {kShared, reserved}, {}), process(2, {kShared}, {})},
       {"lock.write-held pid 1"}},
      {"commit that waits",
       {process(1, {kShared, pending}, {}), process(2, {kShared}, {}), process(3, {}, {})},
       {"lock.pending pid 1", "lock.reader-in-the-way pid 2"}},
      {"exclusive",
       {process(1, {write_lock(kPendingLockByte, kSharedLockFirstByte + 509)}, {})},
       {"lock.exclusive pid 1"}},
  };
  for (const Case& c : cases)
    EXPECT_EQ(ids(judge(journal_facts(c.processes)).findings), c.blamed) << c.situation;
}

TEST(LockReport, PinnedBytesAreTheFramesBehindTheOldestSnapshot) {
  const auto pinned = [](const HeldLock& mark) {
    return judge(wal_facts({process(1, {kShared}, {mark, kDms})})).pinned_bytes;
  };
  EXPECT_EQ(pinned(read_lock(124, 124)), 60u * 4120);  // mark 40 of 100
  EXPECT_EQ(pinned(read_lock(123, 123)), 70u * 4120);  // READ0: all that is not copied back
  EXPECT_EQ(pinned(read_lock(123, 125)), 70u * 4120);  // several connections of one process
  EXPECT_EQ(pinned(read_lock(125, 125)), 0u);
}

TEST(LockReport, ALockIsBlamedOnlyWhereItStoodThroughoutTheLook) {
  const ProcessFacts writer = process(1, {kShared}, {write_lock(120, 120), kDms});
  const ProcessFacts idle = process(1, {kShared}, {kDms});
  LockHistory history;
  const auto step = [&history](LockFacts facts, int at, std::uint32_t change) {
    facts.steady += milliseconds(at);
    facts.wal_index->header.change = change;
    history.note(facts);
    return judge_locks("app.db", facts, history);
  };
  EXPECT_TRUE(step(wal_facts({writer}), 0, 5).findings.empty()) << "one sample says nothing";
  EXPECT_TRUE(step(wal_facts({writer}), 100, 6).findings.empty())
      << "a commit in between: another transaction";
  const LockReport busy = step(wal_facts({idle}), 200, 7);
  EXPECT_TRUE(busy.findings.empty());
  EXPECT_DOUBLE_EQ(busy.write_busy_share, 2.0 / 3);
  EXPECT_DOUBLE_EQ(*busy.commits_per_second, 10);
  history.begin_window();
  step(wal_facts({writer}), 300, 7);
  EXPECT_TRUE(step(wal_facts({writer}), 400, 7).findings.empty()) << "not since the window began";
  history.begin_window();
  EXPECT_EQ(ids(step(wal_facts({writer}), 500, 7).findings), Ids{"lock.write-held pid 1"});
  EXPECT_EQ(*history.commits_per_second(), 0);
}

TEST(LockReport, ARecoveryThatBeginsTheCounterAnewIsNoCommits) {
  LockFacts facts = wal_facts({});
  facts.wal_index->header.change = 5000;
  LockHistory history;
  history.note(facts);
  facts.steady += seconds(1);
  facts.wal_index->header.change = 1;
  history.note(facts);
  EXPECT_EQ(*history.commits_per_second(), 0);
}

TEST(LockReport, SeverityGrowsWithAgeAndBytes) {
  const ProcessFacts writer = process(1, {kShared}, {write_lock(120, 120), kDms});
  EXPECT_EQ(judge(wal_facts({writer}), seconds(59)).findings[0].severity, Severity::kWarning);
  EXPECT_EQ(judge(wal_facts({writer}), seconds(60)).findings[0].severity, Severity::kCritical);
  const auto pinned = [](std::uint32_t frames, std::chrono::nanoseconds age) {
    LockFacts facts = wal_facts({process(1, {kShared}, {read_lock(124, 124), kDms})});
    facts.wal_index->header.max_frame = FrameNumber(40 + frames);
    return judge(facts, age).findings.at(0).severity;
  };
  EXPECT_EQ(pinned(12'135, seconds(1)), Severity::kInfo);  // 49,996,200 bytes
  EXPECT_EQ(pinned(12'136, seconds(1)), Severity::kWarning);
  EXPECT_EQ(pinned(24'272, seconds(1)), Severity::kCritical);
  EXPECT_EQ(pinned(1, seconds(60)), Severity::kWarning);
}

TEST(LockReport, OurOwnFollowerIsBlamedOnlyBeyondItsOwnLimit) {
  ProcessFacts follower = process(1, {kShared}, {read_lock(124, 124), kDms});
  follower.process.executable = "/usr/bin/litewright";
  follower.process.command_line = "litewright protect app.db";
  LockFacts facts = wal_facts({follower});
  facts.wal_index->header.max_frame = FrameNumber(40'000);
  const LockReport report = judge(facts);
  EXPECT_TRUE(report.findings.empty());
  EXPECT_EQ(report.processes[0].role, LockRole::kFollows);
  EXPECT_FALSE(report.oldest_reader.has_value());
  facts.wal_index->header.max_frame = FrameNumber(60'000);
  EXPECT_EQ(ids(judge(facts).findings), Ids{"wal.pinned pid 1"});
  facts.processes[0].process.executable = "/usr/bin/notlitewright";
  EXPECT_EQ(judge(facts).processes[0].role, LockRole::kReads);
}

TEST(LockReport, LibrariesAreJudgedInWalMode) {
  ProcessFacts one = process(1, {kShared}, {kDms});
  one.libraries = {{.file = "/a.so", .version = "3.40.1"}};
  EXPECT_EQ(ids(judge(wal_facts({one})).findings), Ids{"sqlite.wal-reset-defect pid 1"});
  EXPECT_TRUE(judge(journal_facts({one})).findings.empty());
  one.libraries = {{.file = "/a.so", .version = "3.51.3"}, {.file = "/b.so", .version = "3.50.7"}};
  EXPECT_EQ(ids(judge(wal_facts({one})).findings), Ids{"sqlite.two-copies pid 1"});
}

TEST(WhoIsInTheWay, DependsOnWhatIsWished) {
  const LockReport report = judge(wal_facts({
      process(1, {kShared}, {kDms}),
      process(2, {kShared}, {read_lock(124, 124), kDms}),
      process(3, {kShared}, {read_lock(125, 125), kDms}),
      process(4, {kShared}, {write_lock(120, 120), kDms}),
  }));
  const auto who = [&report](LockWish wish) {
    std::string pids;
    for (const Finding& finding : who_is_in_the_way(report, wish)) pids += finding.object.back();
    return pids;
  };
  EXPECT_EQ(who(LockWish::kWrite), "4");
  EXPECT_EQ(who(LockWish::kCheckpoint), "2");
  EXPECT_EQ(who(LockWish::kRestartWal), "423");
  EXPECT_EQ(who(LockWish::kWholeDatabase), "4231");
}

TEST(SqliteLibrary, TheWalResetDefectIsInTheseVersions) {
  for (const char* version : {"3.7.0", "3.40.1", "3.44.5", "3.50.6", "3.51.2", "3.51.0.1", "3.45.0"}) {
    EXPECT_TRUE(has_wal_reset_defect(version)) << version;
  }
  for (const char* version : {"3.6.23", "3.44.6", "3.44.9", "3.50.7", "3.51.3", "3.52.0", "", "3", "x.y.z"}) {
    EXPECT_FALSE(has_wal_reset_defect(version)) << version;
  }
}

TEST(SqliteLibrary, IsFoundWhereverTheFileIsCutIntoPieces) {
  using namespace std::string_literals;
  const std::string id = "2022-12-28 14:03:47 " + std::string(60, 'a') + "alt1";
  const std::string file = std::string(300, '\0') + "SQLite format 3\0"s + std::string(50, '.') +
                           "\0003.0.19\0"s + std::string(900, '.') + "\0"s + id + "\0"s +
                           std::string(100, '.') + "\0013.40.1\0"s + std::string(300, '.');
  for (std::size_t cut = 0; cut <= file.size(); ++cut) {
    SqliteSearch search;
    const auto bytes = std::as_bytes(std::span(file));
    search.feed(bytes.first(cut));
    search.feed(bytes.subspan(cut));
    ASSERT_TRUE(search.result().has_value()) << cut;
    EXPECT_EQ(search.result()->version, "3.40.1");
    EXPECT_EQ(search.result()->source_id, id) << cut;
  }
  const std::string speaks_of_it = "SQLite format 3\0\0"s + id + "\0"s;  // as SQLite's shell does
  SqliteSearch shell;
  shell.feed(std::as_bytes(std::span(speaks_of_it)));
  EXPECT_FALSE(shell.result().has_value());
  SqliteSearch nothing;
  nothing.feed(std::as_bytes(std::span("just text", 9)));
  EXPECT_FALSE(nothing.result().has_value());
}

}  // namespace
}  // namespace litewright

// Checkpoint, statistics and VACUUM: what they do and refuse.
#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <thread>

#include "base/test_folder.h"
#include "base/thrown_error_test.h"
#include "maintain/checkpoint.h"
#include "maintain/statistics.h"
#include "maintain/vacuum.h"
#include "sqlite/shell_process.h"

namespace litewright {
namespace {

using namespace std::chrono_literals;

class UpkeepTest : public testing::Test {
 protected:
  void run(const std::string& sql) { connection_.execute(sql.c_str()); }
  std::int64_t integer(const char* sql) { return connection_.query_integer(sql).value_or(-1); }

  TestFolder folder_;
  SystemClock clock_;
  std::string path_ = folder_.path("app.db");
  Connection connection_{path_, {.mode = OpenMode::kCreate}};
};

constexpr const char* kRows =
    "WITH RECURSIVE i(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM i WHERE n<2000) INSERT INTO t SELECT n, n%7, "
    "zeroblob(500) FROM i;";

TEST_F(UpkeepTest, ACheckpointOfADatabaseWithoutAWalHasNothingToDo) {
  run("CREATE TABLE t(x)");
  const CheckpointReport report = checkpoint_database(path_, clock_, {.mode = CheckpointMode::kTruncate});
  EXPECT_FALSE(report.has_wal);
  EXPECT_TRUE(report.complete);
}

TEST(Checkpoint, GivesUpInTimeOnAReaderAndIsDoneWhenItIsGone) {
  const TestFolder folder;
  const SystemClock clock;
  const std::string path = folder.path("app.db");
  ShellProcess application(path);
  application.run("PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=0; CREATE TABLE t(x);");
  ShellProcess reader(path);
  reader.run("BEGIN; SELECT count(*) FROM t;");
  application.run("INSERT INTO t VALUES(zeroblob(100000));");
  const CheckpointReport refused =
      checkpoint_database(path, clock, {.mode = CheckpointMode::kTruncate, .patience = 200ms});
  EXPECT_FALSE(refused.complete);
  EXPECT_TRUE(refused.by_reader);
  EXPECT_GT(refused.after.bytes, 100000U);
  reader.run("COMMIT;");
  const CheckpointReport done = checkpoint_database(path, clock, {.mode = CheckpointMode::kTruncate});
  EXPECT_TRUE(done.complete);
  EXPECT_EQ(done.after.bytes, 0U);
  EXPECT_EQ(done.copied, done.before.frames - done.before.backfilled);
}

TEST(Checkpoint, ModesAreKnownByName) {
  for (const char* name : {"passive", "full", "restart", "truncate"})
    EXPECT_EQ(mode_name(mode_of(name)), name);
  EXPECT_EQ(code_of([] { mode_of("TRUNCATE"); }), ErrorCode::kUsage);
}

TEST(Checkpoint, CountsFramesAcrossARestart) {
  EXPECT_EQ(copied_frames({.frames = 10, .backfilled = 4}, {.frames = 12, .backfilled = 12}), 8U);
  EXPECT_EQ(copied_frames({.frames = 10, .backfilled = 4}, {.frames = 2, .backfilled = 1}), 7U);
}

TEST_F(UpkeepTest, AnalyzeSaysWhatChangedAndOptimizeFindsNothingMore) {
  run("CREATE TABLE t(a, b, c); CREATE INDEX tb ON t(b); CREATE TABLE u(a); CREATE INDEX ua ON u(a); INSERT "
      "INTO u VALUES(1);");
  run(kRows);
  const StatisticsReport one = analyze(connection_, clock_, {.table = "T", .analysis_limit = 0});
  ASSERT_EQ(one.changes.size(), 1U);
  EXPECT_EQ(one.changes[0].index, "tb");
  EXPECT_EQ(one.changes[0].before, "");
  EXPECT_EQ(one.changes[0].after, "2000 286");
  const StatisticsReport rest = optimize(connection_, clock_, {});
  ASSERT_EQ(rest.changes.size(), 1U);
  EXPECT_EQ(rest.changes[0].table, "u");
  EXPECT_TRUE(optimize(connection_, clock_, {}).changes.empty());
  EXPECT_EQ(code_of([&] { analyze(connection_, clock_, {.table = "nowhere"}); }), ErrorCode::kUsage);
}

TEST_F(UpkeepTest, OptimizeOnAFreshConnectionSeesATableThatHasGrown) {
  run("CREATE TABLE t(a, b, c); CREATE INDEX tb ON t(b); INSERT INTO t VALUES(1, 1, 1); ANALYZE;");
  run(kRows);
  Connection fresh(path_, {});
  const StatisticsReport report = optimize(fresh, clock_, {});
  ASSERT_EQ(report.changes.size(), 1U);
  EXPECT_EQ(report.changes[0].before, "1 1");
}

// A collation that only the application has, in a table that comes before the others.
TEST_F(UpkeepTest, WhatOnlyTheApplicationCanAnalyzeKeepsNoOtherTableFromIt) {
  {
    ShellProcess application(path_);  // its shell has one that the library has not
    application.run(
        "CREATE TABLE aa(n TEXT COLLATE uint, m); CREATE INDEX an ON aa(n); CREATE TABLE ab(m, n COLLATE "
        "uint); "
        "CREATE INDEX abn ON ab(m, n); CREATE TABLE zz(b); CREATE INDEX zb ON zz(b); INSERT INTO aa "
        "VALUES('x', 1), "
        "('y', 2); INSERT INTO ab VALUES(1, 'x'), (2, 'y'); INSERT INTO zz VALUES(1), (2);");
    application.close();
  }
  const auto tables = [](const StatisticsReport& report) {
    std::vector<std::string> names;
    for (const NotAnalyzed& one : report.left_out) names.push_back(one.table);
    return names;
  };
  for (const auto take : {optimize, analyze}) {
    connection_.execute("DROP TABLE IF EXISTS sqlite_stat1");
    const StatisticsReport report = take(connection_, clock_, {});
    EXPECT_EQ(tables(report), (std::vector<std::string>{"aa", "ab"}));
    EXPECT_NE(report.left_out[0].why.find("uint"), std::string::npos) << report.left_out[0].why;
    ASSERT_EQ(report.changes.size(), 1U);
    EXPECT_EQ(report.changes[0].table, "zz");
  }
  EXPECT_EQ(code_of([&] { analyze(connection_, clock_, {.table = "aa"}); }), ErrorCode::kIo);
}

// Reads of others while `work` is done and a reader is in its way until `reader_leaves`; how many failed.
int reads_refused(const std::string& path, std::chrono::milliseconds reader_leaves,
                  const std::function<void()>& work) {
  std::atomic<bool> done = false;
  std::atomic<int> reads = 0;
  std::atomic<int> refused = 0;
  std::thread reader([&] {
    Connection connection(path, {.mode = OpenMode::kReadOnly});
    const Transaction reading(connection, Transaction::Kind::kRead);
    connection.query_integer("SELECT count(*) FROM t");
    reads++;
    std::this_thread::sleep_for(reader_leaves);
  });
  while (reads == 0) std::this_thread::yield();
  std::thread others([&] {
    while (!done) {
      Connection connection(path, {.mode = OpenMode::kReadOnly, .busy_timeout = 500ms});
      try {
        connection.query_integer("SELECT count(*) FROM t");
      } catch (const Error&) {
        refused++;
      }
      std::this_thread::sleep_for(10ms);
    }
  });
  work();
  done = true;
  reader.join();
  others.join();
  return refused;
}

TEST_F(UpkeepTest, AReaderInTheWayOfACommitKeepsNoOtherReaderOut) {
  run("CREATE TABLE t(a, b, c); CREATE INDEX tb ON t(b);");
  run(kRows);
  run("DELETE FROM t WHERE a>500");
  const auto look_at = [this](const WritePatience& patience) {
    analyze(connection_, clock_, {.patience = patience});
  };
  const auto shrink = [this](const WritePatience& patience) {
    const VacuumRequest request{.watch = 0ms, .patience = patience};
    vacuum(connection_, clock_, request, plan_vacuum(connection_, clock_, request));
  };
  for (const auto& work : {std::function<void(const WritePatience&)>(look_at), {shrink}}) {
    EXPECT_EQ(reads_refused(
                  path_, 1500ms,
                  [&] { EXPECT_EQ(code_of([&] { work({.longest_wait = 1000ms}); }), ErrorCode::kLocked); }),
              0);
    EXPECT_EQ(reads_refused(path_, 600ms, [&] { work({.longest_wait = 20s}); }), 0);
  }
  EXPECT_EQ(integer("PRAGMA freelist_count"), 0);
  EXPECT_EQ(integer("SELECT count(*) FROM sqlite_stat1"), 1);
}

TEST_F(UpkeepTest, AnalyzeStopsBetweenTables) {
  run("CREATE TABLE a(x UNIQUE); CREATE TABLE b(x UNIQUE); INSERT INTO a VALUES(1); INSERT INTO b "
      "VALUES(1);");
  int asked = 0;
  const StatisticsReport report = analyze(connection_, clock_, {.stop = [&asked] { return ++asked > 1; }});
  EXPECT_TRUE(report.stopped);
  EXPECT_EQ(report.tables, 1U);
}

TEST_F(UpkeepTest, VacuumDoesNothingBelowTheShareOfFreePages) {
  run(std::string("CREATE TABLE t(a, b, c);") + kRows + "DELETE FROM t WHERE a<=400;");
  const VacuumPlan plan = plan_vacuum(connection_, clock_, {.watch = 0ms});
  EXPECT_EQ(plan.way, VacuumPlan::Way::kNothing);
  EXPECT_NE(plan.why.find("not more than 25.0 %"), std::string::npos) << plan.why;
  EXPECT_EQ(plan_vacuum(connection_, clock_, {.if_free_above = 0.1, .watch = 0ms}).way,
            VacuumPlan::Way::kWhole);
}

TEST_F(UpkeepTest, VacuumGivesTheFreePagesBack) {
  run(std::string("CREATE TABLE t(a, b, c);") + kRows + "DELETE FROM t WHERE a<=1500;");
  const VacuumRequest request{.watch = 0ms};
  const VacuumPlan plan = plan_vacuum(connection_, clock_, request);
  ASSERT_EQ(plan.way, VacuumPlan::Way::kWhole);
  EXPECT_EQ(plan.temporary_bytes, plan.before.bytes() - plan.before.free_bytes());
  const VacuumReport report = vacuum(connection_, clock_, request, plan);
  EXPECT_EQ(report.after.free_pages, 0U);
  EXPECT_LE(report.after.pages, plan.before.pages - plan.before.free_pages);
  EXPECT_EQ(integer("SELECT count(*) FROM t"), 500);
}

TEST_F(UpkeepTest, VacuumWorksInStepsOnceAutoVacuumIsOn) {
  run(std::string("CREATE TABLE t(a, b, c);") + kRows);
  VacuumRequest switching{.auto_vacuum = AutoVacuum::kIncremental, .watch = 0ms};
  const VacuumPlan whole = plan_vacuum(connection_, clock_, switching);
  ASSERT_EQ(whole.way, VacuumPlan::Way::kWhole);
  EXPECT_EQ(vacuum(connection_, clock_, switching, whole).after.auto_vacuum, AutoVacuum::kIncremental);
  run("DELETE FROM t WHERE a<=1500");
  VacuumRequest stepping{.pages_a_batch = 20, .watch = 0ms};
  const VacuumPlan steps = plan_vacuum(connection_, clock_, stepping);
  ASSERT_EQ(steps.way, VacuumPlan::Way::kIncremental);
  int asked = 0;
  stepping.stop = [&asked] { return ++asked > 2; };
  const VacuumReport first = vacuum(connection_, clock_, stepping, steps);
  EXPECT_TRUE(first.stopped);
  EXPECT_EQ(first.batches, 2U);
  EXPECT_EQ(first.after.free_pages, steps.before.free_pages - 40);
  stepping.stop = {};
  EXPECT_EQ(vacuum(connection_, clock_, stepping, steps).after.free_pages, 0U);
  EXPECT_EQ(integer("SELECT count(*) FROM t"), 500);
}

TEST_F(UpkeepTest, VacuumIsRefusedWhileTheDatabaseIsBusy) {
  run(std::string("PRAGMA journal_mode=WAL; CREATE TABLE t(a, b, c);") + kRows +
      "DELETE FROM t WHERE a<=1500;");
  VacuumRequest request{.watch = 300ms};
  ShellProcess application(path_);
  std::jthread load([&application](const std::stop_token& stop) {
    while (!stop.stop_requested()) application.run("UPDATE t SET b=b+1 WHERE a=2000;");
  });
  const auto refused = error_of([&] { plan_vacuum(connection_, clock_, request); });
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->code(), ErrorCode::kLocked);
  EXPECT_NE(std::string(refused->what()).find("commits a second"), std::string::npos) << refused->what();
  request.force = true;
  EXPECT_EQ(plan_vacuum(connection_, clock_, request).way, VacuumPlan::Way::kWhole);
}

}  // namespace
}  // namespace litewright

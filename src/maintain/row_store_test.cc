// What two databases, a kill, another encoding or a lock do to the file that rows are archived to.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <thread>

#include "base/test_folder.h"
#include "base/thrown_error_test.h"
#include "base/time_text.h"
#include "maintain/csv_row_store.h"
#include "maintain/database_row_store.h"
#include "maintain/row_archive.h"
#include "sqlite/shell_process.h"

namespace litewright {
namespace {

// A database whose table t has ten old rows.
struct Source {
  Source(const TestFolder& folder, const std::string& named, const std::string& encoding = "UTF-8")
      : name(named), connection(folder.path(named + ".db"), {.mode = OpenMode::kCreate}) {
    table = {.table = "t", .row_key = {"id"}, .stored = {"id", "at", "v"}, .encoding = encoding};
    connection.execute(("PRAGMA encoding='" + encoding + "'").c_str());
    connection.execute(
        "PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF; CREATE TABLE t(id INTEGER PRIMARY KEY, at, v)");
    fill();
  }
  void fill() {
    connection.execute(
        ("WITH RECURSIVE i(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM i WHERE n<10) INSERT INTO t(id, at, v) "
         "SELECT n, '2020-01-01', '" +
         name + " ' || n FROM i")
            .c_str());
  }
  std::int64_t rows() { return connection.query_integer("SELECT count(*) FROM t").value_or(-1); }

  std::string name;
  Connection connection;
  RowTable table;
};

// As if killed when the copy is durable: nothing more is done in this run.
struct CutOff final : RowStore {
  explicit CutOff(RowStore& store) : inner(store) {}
  std::optional<Interrupted> interrupted() override { return inner.interrupted(); }
  void take_back() override {}
  void confirm() override { inner.confirm(); }
  void store(const std::string& note, Statement& rows, int first_column) override {
    inner.store(note, rows, first_column);
    throw Error(ErrorCode::kIo, "killed");
  }
  RowStore& inner;
};

class RowStoreTest : public testing::Test {
 protected:
  using Ready = std::unique_ptr<RowStore>;
  Ready database(const Source& from, const std::string& table = "t",
                 std::chrono::milliseconds wait = std::chrono::milliseconds(50)) {
    DatabaseRowStore::Options options;
    options.target.file = folder_.path("old.db");
    options.target.mode = 0640;
    options.target.patience.longest_wait = wait;
    options.table = table;
    options.stored = from.table.stored;
    options.source = from.name;
    options.encoding = from.table.encoding;
    return std::make_unique<DatabaseRowStore>(std::move(options), clock_);
  }
  Ready csv(const Source& from) {
    CsvRowStore::Options options;
    options.target.file = folder_.path("old.csv");
    options.target.patience.longest_wait = std::chrono::milliseconds(50);
    options.stored = from.table.stored;
    options.source = from.name;
    options.form = from.table.text_form();
    options.pack = options.unpack = [](std::string_view bytes) { return std::string(bytes); };
    return std::make_unique<CsvRowStore>(std::move(options), clock_);
  }
  RowArchiveOutcome archive(Source& from, RowStore& store,
                            std::chrono::milliseconds wait = std::chrono::milliseconds(200)) {
    return archive_rows(from.connection, clock_, from.table,
                        {.column = "at",
                         .cutoff = parse_time("2025-01-01T00:00:00Z", WallTime{}),
                         .store = &store,
                         .patience = {.longest_wait = wait}});
  }
  void interrupt(Source& from, RowStore& store) {
    CutOff cut_off(store);
    EXPECT_EQ(code_of([&] { archive(from, cut_off); }), ErrorCode::kIo);
    EXPECT_EQ(from.rows(), 10);
  }
  std::string in_old(const std::string& sql) {
    Connection old(folder_.path("old.db"), {});
    return old.query_text(sql);
  }
  std::string lines() { return read_whole_file(folder_.path("old.csv"), 1 << 20); }

  TestFolder folder_;
  SystemClock clock_;
};

TEST_F(RowStoreTest, OneSourcesInterruptedBatchIsTakenBackAndNoOtherRow) {
  Source one(folder_, "one"), two(folder_, "two");
  interrupt(one, *database(one));
  EXPECT_EQ(archive(two, *database(two)).archived, 10U);
  const RowArchiveOutcome again = archive(one, *database(one));
  EXPECT_EQ(again.taken_back, 1U);
  EXPECT_EQ(again.archived, 10U);
  EXPECT_EQ(in_old("SELECT count(DISTINCT v) || ' ' || count(*) FROM t"), "20 20");
  EXPECT_EQ(in_old("SELECT count(*) FROM litewright_unconfirmed"), "0");
}

TEST_F(RowStoreTest, AnInterruptedBatchIsSettledInWhateverTableItIs) {
  Source one(folder_, "one");
  interrupt(one, *database(one, "first"));
  EXPECT_EQ(archive(one, *database(one, "second")).taken_back, 1U);
  EXPECT_EQ(in_old("SELECT (SELECT count(*) FROM first) || ' ' || (SELECT count(*) FROM second)"), "0 10");
  one.fill();
  interrupt(one, *database(one, "second"));
  Connection(folder_.path("old.db"), {}).execute("DROP TABLE second");
  EXPECT_EQ(archive(one, *database(one, "first")).taken_back, 1U);
  EXPECT_EQ(in_old("SELECT count(*) FROM first"), "10");
}

TEST_F(RowStoreTest, WhatTheApplicationChangedMeanwhileDoesNotMakeRowsBeThereTwice) {
  struct Case {
    const char* change;
    std::uint64_t taken_back, maybe_twice;
    std::string in_archive;
  };
  const std::vector<Case> cases = {
      {"UPDATE t SET v='changed'", 1, 0, "10"},
      {"UPDATE t SET v='changed', at='2021-01-01' WHERE id<5", 1, 0, "10"},
      {"DELETE FROM t WHERE id<5", 1, 0, "6"},
      {"DELETE FROM t", 0, 0, "10"},             // or the deletion came
      {"DELETE FROM t WHERE id<6", 0, 5, "15"},  // nobody can tell: nothing is lost
      {"UPDATE t SET v=0, at='2021-01-01'", 0, 10, "20"}};
  for (const Case& one : cases) {
    for (const bool in_csv : {false, true}) {
      const TestFolder folder;
      Source from(folder, "one");
      std::filesystem::remove(folder_.path("old.db"));
      std::filesystem::remove(folder_.path("old.csv"));
      interrupt(from, in_csv ? *csv(from) : *database(from));
      from.connection.execute(one.change);
      const RowArchiveOutcome outcome = archive(from, in_csv ? *csv(from) : *database(from));
      EXPECT_EQ(outcome.taken_back, one.taken_back) << one.change;
      EXPECT_EQ(outcome.maybe_twice, one.maybe_twice) << one.change;
      const std::string text = in_csv ? lines() : "";
      EXPECT_EQ(in_csv ? std::to_string(std::count(text.begin(), text.end(), '\n') - 1)
                       : in_old("SELECT count(*) FROM t"),
                one.in_archive)
          << one.change;
    }
  }
}

TEST_F(RowStoreTest, RowsAreKnownAgainByKeysOfEveryKindInEveryEncoding) {
  for (const char* encoding : {"UTF-8", "UTF-16le", "UTF-16be"}) {
    const TestFolder folder;
    std::filesystem::remove(folder_.path("old.db"));
    Source from(folder, "one", encoding);
    from.connection.execute(
        "DROP TABLE t; CREATE TABLE t(k, l, at, PRIMARY KEY(k, l)) WITHOUT ROWID;"
        "INSERT INTO t VALUES('straße, \"1\"', x'', '2020-01-01'), ('', x'00ff', '2020-01-01'), (0.1, 1e300, "
        "'2020-01-01'),"
        "(-9223372036854775807-1, 'a b', '2020-01-01'), ('two' || char(10) || 'lines', 2, '2020-01-01')");
    from.table.row_key = {"k", "l"};
    from.table.stored = {"k", "l", "at"};
    {
      const Ready store = database(from);
      CutOff dying(*store);
      EXPECT_EQ(code_of([&] { archive(from, dying); }), ErrorCode::kIo);
    }
    EXPECT_EQ(archive(from, *database(from)).taken_back, 1U) << encoding;
    EXPECT_EQ(from.rows(), 0);
    EXPECT_EQ(in_old("SELECT count(*) FROM t"), "5");
    EXPECT_EQ(in_old("PRAGMA encoding"), encoding);
  }
}

TEST_F(RowStoreTest, TextThatIsNoUnicodeStaysAsItIsOrStaysThere) {
  Source from(folder_, "one", "UTF-16le");
  from.connection.execute("UPDATE t SET v=CAST(x'00d84100' AS TEXT) WHERE id=3");
  EXPECT_EQ(code_of([&] { archive(from, *csv(from)); }), ErrorCode::kIo);
  EXPECT_EQ(from.rows(), 10);
  {
    Connection(folder_.path("old.db"), {.mode = OpenMode::kCreate}).execute("CREATE TABLE x(y)");
  }  // in UTF-8
  EXPECT_EQ(code_of([&] { archive(from, *database(from)); }), ErrorCode::kIo);
  EXPECT_EQ(from.rows(), 10);
  EXPECT_EQ(in_old("SELECT (SELECT count(*) FROM t) || ' ' || (SELECT count(*) FROM litewright_unconfirmed)"),
            "0 0");
  std::filesystem::remove(folder_.path("old.db"));
  EXPECT_EQ(archive(from, *database(from)).archived, 10U);
  EXPECT_EQ(in_old("SELECT hex(CAST(v AS BLOB)) FROM t WHERE id=3"), "00D84100");
}

TEST_F(RowStoreTest, OneRunAtATimeHasTheFile) {
  const Source one(folder_, "one"), two(folder_, "two");
  {
    const Ready first = database(one);
    const Ready beside = csv(one);
    EXPECT_EQ(code_of([&] { database(two); }), ErrorCode::kLocked);
    EXPECT_EQ(code_of([&] { csv(two); }), ErrorCode::kLocked);
  }
  EXPECT_NO_THROW(database(two));
  EXPECT_NO_THROW(csv(two));
}

TEST_F(RowStoreTest, ARunWaitsForAnotherAsLongAsItMay) {
  const Source one(folder_, "one");
  FileDescriptor other = open_file(folder_.path("old.db"), O_RDWR | O_CREAT);
  ASSERT_EQ(::flock(other.get(), LOCK_EX), 0);
  std::thread leaving([&other] {
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    other.reset();
  });
  EXPECT_NO_THROW(database(one, "t", std::chrono::seconds(20)));
  leaving.join();
}

TEST_F(RowStoreTest, ACsvFileWaitsForTheSourceWhoseBatchIsNotSettled) {
  Source one(folder_, "one"), two(folder_, "two");
  interrupt(one, *csv(one));
  try {
    csv(two);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kLocked);
    EXPECT_NE(std::string(error.what()).find("a batch of one was interrupted"), std::string::npos)
        << error.what();
  }
  EXPECT_EQ(archive(one, *csv(one)).taken_back, 1U);
  EXPECT_EQ(archive(two, *csv(two)).archived, 10U);
  const std::string text = lines();
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 21);
}

TEST_F(RowStoreTest, APieceThatWasCutOffGoesWhateverBecameOfItsRows) {
  Source one(folder_, "one");
  interrupt(one, *csv(one));
  std::filesystem::resize_file(folder_.path("old.csv"),
                               std::filesystem::file_size(folder_.path("old.csv")) - 1);
  one.connection.execute("DELETE FROM t WHERE id<=8");
  EXPECT_EQ(archive(one, *csv(one)).taken_back, 1U);
  const std::string text = lines();
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 3);
}

TEST_F(RowStoreTest, ANewDatabaseHasItsModeAndAnOldOnesHotJournalIsRolledBack) {
  Source one(folder_, "one");
  interrupt(one, *database(one));
  struct stat status{};
  ASSERT_EQ(::stat(folder_.path("old.db").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0640U);
  ShellProcess killed(folder_.path("old.db"));
  killed.run("PRAGMA cache_size=5; CREATE TABLE big(x); INSERT INTO big VALUES(randomblob(200000));");
  killed.run("BEGIN; UPDATE big SET x=randomblob(200000); DELETE FROM litewright_unconfirmed;");
  killed.kill();
  EXPECT_EQ(code_of([&] { Connection(folder_.path("old.db"), {}); }), ErrorCode::kLocked);
  EXPECT_EQ(archive(one, *database(one)).taken_back, 1U);
  EXPECT_EQ(in_old("SELECT count(*) FROM t"), "10");
}

TEST_F(RowStoreTest, RowsThatHaveTheArchivesOwnColumnsAreKeptBesideThem) {
  Source one(folder_, "one");
  one.connection.execute(
      "ALTER TABLE t ADD COLUMN Archived_At; ALTER TABLE t ADD COLUMN archived_id; UPDATE t SET "
      "archived_id=7");
  one.table.stored.insert(one.table.stored.end(), {"Archived_At", "archived_id"});
  interrupt(one, *database(one));
  EXPECT_EQ(archive(one, *database(one)).taken_back, 1U);
  EXPECT_EQ(
      in_old("SELECT sum(archived_id) || ' ' || sum(archived_id_) || ' ' || count(archived_at_) FROM t"),
      "70 55 10");
  one.fill();
  RowArchiveRequest beside{.column = "at",
                           .cutoff = parse_time("2025-01-01T00:00:00Z", WallTime{}),
                           .same_database_table = "aside"};
  EXPECT_EQ(archive_rows(one.connection, clock_, one.table, beside).archived, 10U);
}

// A reader of a database without a WAL lets the deletion not be committed: then its copy goes.
TEST_F(RowStoreTest, ABatchWhoseDeletionHadNoTurnIsTakenBack) {
  Source one(folder_, "one");
  one.connection.execute("PRAGMA journal_mode=DELETE");
  Connection reader(folder_.path("one.db"), {});
  reader.execute("BEGIN");
  EXPECT_EQ(reader.query_integer("SELECT count(*) FROM t"), 10);
  EXPECT_EQ(code_of([&] { archive(one, *database(one)); }), ErrorCode::kLocked);
  EXPECT_EQ(one.rows(), 10);
  EXPECT_EQ(in_old("SELECT (SELECT count(*) FROM t) || ' ' || (SELECT count(*) FROM litewright_unconfirmed)"),
            "0 0");
  std::thread leaving([&reader] {
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    reader.execute("COMMIT");
  });
  EXPECT_EQ(archive(one, *database(one), std::chrono::seconds(20)).archived, 10U);
  leaving.join();
  EXPECT_EQ(in_old("SELECT count(*) FROM t"), "10");
}

// While somebody writes to the target the source's writers are let in again and again.
TEST_F(RowStoreTest, ALockedTargetIsWaitedForWithoutTheSourcesLock) {
  Source one(folder_, "one");
  const Ready store = database(one, "t", std::chrono::seconds(20));
  Connection writer(folder_.path("old.db"), {});
  writer.execute("BEGIN IMMEDIATE");
  EXPECT_EQ(code_of([&] { archive(one, *store); }), ErrorCode::kLocked);
  std::thread working([&] {
    Connection application(folder_.path("one.db"), {.busy_timeout = std::chrono::milliseconds(1000)});
    for (int i = 0; i < 5; i++) {
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
      application.execute("INSERT INTO t(at) VALUES('2026-01-01')");
    }
    writer.execute("COMMIT");
  });
  EXPECT_EQ(archive(one, *store, std::chrono::seconds(20)).archived, 10U);
  working.join();
  EXPECT_EQ(one.rows(), 5);
}

}  // namespace
}  // namespace litewright

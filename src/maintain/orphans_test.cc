#include "maintain/orphans.h"

#include <gtest/gtest.h>

#include "base/test_folder.h"
#include "base/thrown_error_test.h"

namespace litewright {
namespace {

using Action = OrphanOptions::Action;

class OrphansTest : public testing::Test {
 protected:
  void SetUp() override {
    connection_.execute(
        "CREATE TABLE p(id INTEGER PRIMARY KEY); CREATE TABLE c(p REFERENCES p ON DELETE CASCADE, v);"
        "WITH RECURSIVE i(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM i WHERE n<100) INSERT INTO c SELECT n, n "
        "FROM i;"
        "INSERT INTO p SELECT p FROM c WHERE p%4=0");
    key_ = {.table = "c",
            .columns = "p",
            .parent = "p",
            .condition = "c.p IS NOT NULL AND NOT EXISTS (SELECT 1 FROM p WHERE p.id=+c.p)",
            .row_key = {"rowid"},
            .nullable = {"p"},
            .stored = {"p", "v"}};
  }
  OrphanOutcome mend(const OrphanOptions& options) {
    return mend_orphans(connection_, clock_, key_, options);
  }
  std::int64_t count(const char* where) {
    return connection_.query_integer(std::string("SELECT count(*) FROM ") + where).value_or(-1);
  }

  TestFolder folder_;
  SystemClock clock_;
  Connection connection_{folder_.path("app.db"), {.mode = OpenMode::kCreate}};
  OrphanKey key_;
};

// 75 orphans in batches of 10.
TEST_F(OrphansTest, AreTakenInBatchesAndAStopLeavesTheRest) {
  int asked = 0;
  const auto first =
      mend({.action = Action::kDelete, .batch_rows = 10, .stop = [&asked] { return ++asked > 3; }});
  EXPECT_TRUE(first.stopped);
  EXPECT_EQ(first.found, 75U);
  EXPECT_EQ(first.mended, 30U);
  EXPECT_EQ(count("c"), 70);
  const auto second = mend({.action = Action::kDelete, .batch_rows = 10});
  EXPECT_EQ(second.mended, 45U);
  EXPECT_EQ(count("c"), 25);
}

TEST_F(OrphansTest, ARowThatGotItsParentMeanwhileIsLeft) {
  bool once = true;
  const auto outcome = mend({.action = Action::kNull, .batch_rows = 50, .stop = [&] {
                               if (std::exchange(once, false))
                                 connection_.execute("INSERT INTO p VALUES(1), (2)");
                               return false;
                             }});
  EXPECT_EQ(outcome.gone, 2U);
  EXPECT_EQ(outcome.mended, 73U);
  EXPECT_EQ(count("c WHERE p IS NULL"), 73);
}

TEST_F(OrphansTest, ATriggerThatKeepsARowUndoesTheBatch) {
  connection_.execute("CREATE TRIGGER t BEFORE DELETE ON c WHEN old.v=30 BEGIN SELECT raise(IGNORE); END");
  EXPECT_EQ(code_of([&] { mend({.action = Action::kDelete}); }), ErrorCode::kIo);
  EXPECT_EQ(count("c"), 100);
}

TEST_F(OrphansTest, ACopyThatIsNotEqualUndoesTheBatch) {
  connection_.execute(
      "CREATE TABLE aside(set_aside_id INTEGER PRIMARY KEY, set_aside_at, set_aside_row, p, v);"
      "CREATE TRIGGER t AFTER INSERT ON aside WHEN new.v=30 BEGIN UPDATE aside SET v='30' WHERE "
      "set_aside_id=new.set_aside_id; END");
  const auto error = error_of([&] { mend({.action = Action::kSetAside, .set_aside_table = "aside"}); });
  ASSERT_TRUE(error);
  EXPECT_NE(std::string(error->what()).find("only 74 of 75"), std::string::npos) << error->what();
  EXPECT_EQ(count("c"), 100);
  EXPECT_EQ(count("aside"), 0);
}

TEST_F(OrphansTest, WhoIsInTheWayIsSaid) {
  Connection other(folder_.path("app.db"), {});
  const Transaction writing(other, Transaction::Kind::kWrite);
  const WritePatience patience{.longest_wait = std::chrono::milliseconds(30),
                               .who = [] { return "process 4711"; }};
  const auto error = error_of([&] { mend({.action = Action::kDelete, .patience = patience}); });
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code(), ErrorCode::kLocked);
  EXPECT_NE(std::string(error->what()).find("within 30 ms: process 4711"), std::string::npos)
      << error->what();
}

}  // namespace
}  // namespace litewright

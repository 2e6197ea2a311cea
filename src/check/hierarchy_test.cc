#include "check/hierarchy.h"

#include <gtest/gtest.h>

#include <random>
#include <set>

#include "base/test_folder.h"
#include "check/user_rules.h"

namespace litewright {
namespace {

class HierarchyTest : public testing::Test {
 protected:
  void run(const std::string& sql) { connection_.execute(sql.c_str()); }
  std::vector<HierarchyResult> check(const HierarchyOptions& options = {}) {
    return check_hierarchies(connection_, read_schema_map(connection_), options);
  }

  TestFolder folder_;
  Connection connection_{folder_.path("app.db"), {.mode = OpenMode::kCreate}};
};

constexpr const char* kLocations =
    "CREATE TABLE locations(id INTEGER PRIMARY KEY, name, parent_id INTEGER REFERENCES locations(id));";

TEST_F(HierarchyTest, NamesAnOrphanAndTheWayRoundOfThreeLocations) {
  run(std::string(kLocations) +
      "INSERT INTO locations VALUES(1,'house',NULL),(2,'hall',1),(3,'cellar',99),"
      "(4,'a',9),(7,'b',4),(9,'c',7),(10,'leads into it',4),(11,'itself',11)");
  const auto results = check();
  ASSERT_EQ(results.size(), 1U);
  EXPECT_EQ(results[0].orphan_rows, (std::vector<std::string>{"3"}));
  EXPECT_EQ(results[0].cycles, 2U);
  const auto findings = hierarchy_findings(results, "app.db", HierarchyOrphans::kGive);
  ASSERT_EQ(findings.size(), 3U);
  EXPECT_EQ(findings[0].id, "hierarchy.orphans");
  EXPECT_EQ(findings[1].object, "locations(parent_id)");
  EXPECT_EQ(std::get<std::string>(findings[1].figures[1].value), "4 -> 9 -> 7 -> 4");
  EXPECT_EQ(std::get<std::string>(findings[2].figures[1].value), "11 -> 11");
  EXPECT_EQ(hierarchy_findings(results, "app.db", HierarchyOrphans::kLeaveOut).size(), 2U);
}

TEST_F(HierarchyTest, SaysNothingOfTreesWhoseParentsComeLater) {
  run(std::string(kLocations) + "INSERT INTO locations VALUES(1,'x',2),(2,'y',3),(3,'z',NULL),(4,'w',2)");
  EXPECT_TRUE(hierarchy_findings(check(), "app.db", HierarchyOrphans::kGive).empty());
}

TEST_F(HierarchyTest, NamesRowsWithoutRowidByTheirKeys) {
  run("CREATE TABLE t(a TEXT COLLATE NOCASE, b, up_a, up_b, PRIMARY KEY(a, b), FOREIGN KEY(up_a, up_b) "
      "REFERENCES t)"
      " WITHOUT ROWID; INSERT INTO t VALUES('x',1,'Y',2),('y',2,'X',1),('z',3,NULL,1)");
  const auto results = check();
  EXPECT_EQ(results[0].cycles, 1U);
  const std::set<std::string> path(results[0].shown.at(0).path.begin(), results[0].shown.at(0).path.end());
  EXPECT_EQ(path, (std::set<std::string>{"('x', 1)", "('y', 2)"}));
}

TEST_F(HierarchyTest, DoesNotHoldMoreEdgesThanItMay) {
  run(std::string(kLocations) + "INSERT INTO locations VALUES(1,'x',2),(2,'y',3),(3,'z',1)");
  EXPECT_NE(check({.most_edges = 2})[0].unchecked, "");
}

// Every row that comes back to itself, and none else, is on a way round.
TEST_F(HierarchyTest, FindsTheRowsThatComeBackToThemselvesInRandomTables) {
  std::mt19937_64 random(7);
  for (int round = 0; round < 40; round++) {
    run("DROP TABLE IF EXISTS locations");
    run(kLocations);
    const int rows = 1 + static_cast<int>(random() % 12);
    std::vector<int> parents(static_cast<std::size_t>(rows) + 1);
    for (int i = 1; i <= rows; i++) {
      parents[static_cast<std::size_t>(i)] =
          static_cast<int>(random() % static_cast<std::uint64_t>(rows + 2));
      const int parent = parents[static_cast<std::size_t>(i)];
      run("INSERT INTO locations VALUES(" + std::to_string(i) + ",''," +
          (parent == 0 ? "NULL" : std::to_string(parent)) + ")");
    }
    std::set<std::string> expected, found;
    for (int i = 1; i <= rows; i++) {
      int at = i;
      for (int steps = 0; steps <= rows && at >= 1 && at <= rows; steps++) {
        at = parents[static_cast<std::size_t>(at)];
        if (at == i) expected.insert(std::to_string(i));
      }
    }
    const auto results = check();
    for (const HierarchyCycle& cycle : results[0].shown) found.insert(cycle.path.begin(), cycle.path.end());
    EXPECT_EQ(found, expected) << "round " << round;
  }
}

class UserRulesTest : public testing::Test {
 protected:
  std::vector<Finding> check(const UserRule& rule,
                             std::chrono::milliseconds deadline = std::chrono::seconds(30)) {
    return check_user_rules(connection_, clock_, std::span(&rule, 1), {.deadline = deadline}, "app.db");
  }
  void SetUp() override {
    connection_.execute("CREATE TABLE t(a, b); INSERT INTO t VALUES(1,'x'),(2,'y'),(3,NULL)");
  }

  TestFolder folder_;
  SystemClock clock_;
  Connection connection_{folder_.path("app.db"), {.mode = OpenMode::kCreate}};
};

TEST_F(UserRulesTest, AreBrokenByTheRowsTheyGive) {
  EXPECT_TRUE(check({.name = "holds", .query = "SELECT * FROM t WHERE a>5"}).empty());
  const auto findings = check({.name = "no-null",
                               .query = "SELECT a, b FROM t WHERE b IS NULL OR a=1;  ",
                               .severity = Severity::kCritical,
                               .message = "b must be there"});
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(findings[0].id, "rule.no-null");
  EXPECT_EQ(findings[0].severity, Severity::kCritical);
  EXPECT_EQ(findings[0].meaning, "b must be there");
  EXPECT_EQ(std::get<std::int64_t>(findings[0].figures[0].value), 2);
  EXPECT_EQ(std::get<std::string>(findings[0].figures[1].value), "(1, 'x'); (3, NULL)");
}

TEST_F(UserRulesTest, CanNotWriteNorRunForEver) {
  const char* refused[] = {"DELETE FROM t",
                           "SELECT 1; SELECT 2",
                           "SELECT nonsense FROM nowhere",
                           "PRAGMA journal_mode=DELETE",
                           "PRAGMA user_version=7",
                           "ATTACH 'other.db' AS o",
                           "BEGIN",
                           "SELECT load_extension('x')",
                           ""};
  for (const char* query : refused) {
    const auto findings = check({.name = "r", .query = query});
    ASSERT_EQ(findings.size(), 1U) << query;
    EXPECT_EQ(findings[0].id, "rule.failed") << query;
  }
  const auto endless = check({.name = "r",
                              .query = "WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM c) "
                                       "SELECT i FROM c WHERE i<0"},
                             std::chrono::milliseconds(20));
  ASSERT_EQ(endless.size(), 1U);
  EXPECT_NE(endless[0].meaning.find("longer than 20 ms"), std::string::npos) << endless[0].meaning;
  EXPECT_EQ(connection_.query_integer("SELECT count(*) FROM t"), 3);
  connection_.execute("DELETE FROM t");  // what the guard took away came back
}

TEST_F(UserRulesTest, MayLookAtTheSchema) {
  EXPECT_EQ(check({.name = "r", .query = "PRAGMA table_info(t)"})[0].id, "rule.r");
}

}  // namespace
}  // namespace litewright

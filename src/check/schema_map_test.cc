#include "check/schema_map.h"

#include <gtest/gtest.h>

#include "base/test_folder.h"
#include "check/table_options.h"

namespace litewright {
namespace {

class SchemaMapTest : public testing::Test {
 protected:
  SchemaMap read(const char* sql) {
    connection_.execute(sql);
    return read_schema_map(connection_);
  }

  TestFolder folder_;
  Connection connection_{folder_.path("app.db"), {.mode = OpenMode::kCreate}};
};

std::int64_t root_of(Connection& connection, const std::string& name) {
  Statement statement = connection.prepare("SELECT rootpage FROM sqlite_schema WHERE name=?1");
  statement.bind(1, std::string_view(name));
  return statement.step() ? statement.integer(0) : -1;
}

TEST_F(SchemaMapTest, SaysWhereEachColumnStandsInARecord) {
  const SchemaMap map = read(R"(
    CREATE TABLE t(a VARCHAR(9) COLLATE NOCASE NOT NULL, v AS (a || 'x'), s INT AS (length(a)) STORED,
                   id INTEGER PRIMARY KEY, r DOUBLE DEFAULT 1.5, b))");
  const SchemaTable& table = *map.table("T");
  EXPECT_EQ(table.root_page.value, root_of(connection_, "t"));
  ASSERT_EQ(table.columns.size(), 6U);
  EXPECT_EQ(table.rowid_alias, 3U);
  EXPECT_EQ(table.columns[0].collation, "NOCASE");
  EXPECT_TRUE(table.columns[0].not_null);
  EXPECT_EQ(table.columns[0].affinity, Affinity::kText);
  EXPECT_EQ(table.columns[1].generated, GeneratedKind::kVirtual);
  EXPECT_EQ(table.columns[2].generated, GeneratedKind::kStored);
  EXPECT_EQ(table.columns[4].default_sql, "1.5");
  EXPECT_EQ(table.columns[4].affinity, Affinity::kReal);
  EXPECT_EQ(table.columns[5].affinity, Affinity::kBlob);
  const std::optional<std::size_t> stored[] = {0, std::nullopt, 1, 2, 3, 4};
  for (std::size_t i = 0; i < 6; i++) EXPECT_EQ(table.columns[i].stored_at, stored[i]) << i;
}

TEST_F(SchemaMapTest, PutsThePrimaryKeyOfATableWithoutRowidFirst) {
  const SchemaMap map = read(
      "CREATE TABLE w(a, b, v AS (a+b), c, PRIMARY KEY(c, a)) WITHOUT ROWID; CREATE INDEX wb ON w(b DESC)");
  const SchemaTable& table = *map.table("w");
  EXPECT_TRUE(table.without_rowid);
  EXPECT_EQ(table.rowid_name(), "");
  const std::optional<std::size_t> stored[] = {1, 2, std::nullopt, 0};
  for (std::size_t i = 0; i < 4; i++) EXPECT_EQ(table.columns[i].stored_at, stored[i]) << i;
  ASSERT_EQ(table.indexes.size(), 2U);
  const SchemaIndex& by_b = table.indexes[0];
  EXPECT_EQ(by_b.root_page.value, root_of(connection_, "wb"));
  EXPECT_EQ(by_b.key_columns, 1U);
  ASSERT_EQ(by_b.columns.size(), 3U);
  EXPECT_TRUE(by_b.columns[0].descending);
  EXPECT_EQ(by_b.columns[1].column, 3U);  // c, then a
  EXPECT_EQ(table.indexes[1].origin, SchemaIndex::Origin::kPrimaryKey);
  EXPECT_EQ(table.indexes[1].root_page, table.root_page);
}

TEST_F(SchemaMapTest, ReadsIndexesOfEveryKind) {
  const SchemaMap map = read(R"(
    CREATE TABLE t(a, b TEXT UNIQUE COLLATE RTRIM, PRIMARY KEY(a));
    CREATE INDEX expression ON t(lower(b), a);
    CREATE INDEX part ON t(b COLLATE NOCASE) WHERE a > 1)");
  const SchemaTable& table = *map.table("t");
  EXPECT_FALSE(table.rowid_alias);
  ASSERT_EQ(table.indexes.size(), 4U);
  EXPECT_EQ(table.indexes[0].name, "part");
  EXPECT_TRUE(table.indexes[0].partial);
  EXPECT_EQ(table.indexes[0].columns[0].collation, "NOCASE");
  EXPECT_EQ(table.indexes[1].columns[0].source, IndexColumn::Source::kExpression);
  EXPECT_EQ(table.indexes[1].columns[2].source, IndexColumn::Source::kRowid);
  EXPECT_NE(table.indexes[1].sql, "");
  EXPECT_EQ(table.indexes[2].origin, SchemaIndex::Origin::kPrimaryKey);
  EXPECT_NE(table.indexes[2].root_page, table.root_page);
  EXPECT_EQ(table.indexes[3].origin, SchemaIndex::Origin::kUnique);
  EXPECT_EQ(table.indexes[3].columns[0].collation, "RTRIM");
}

TEST_F(SchemaMapTest, ReadsForeignKeysWithAndWithoutTheParentsColumns) {
  const SchemaMap map = read(R"(
    CREATE TABLE p(x, y, PRIMARY KEY(x, y));
    CREATE TABLE c(a, b REFERENCES gone, "odd ""name" REFERENCES c(a) ON DELETE SET NULL,
                   FOREIGN KEY(b, a) REFERENCES P(y, x) ON UPDATE CASCADE))");
  const std::vector<SchemaForeignKey>& keys = map.table("c")->foreign_keys;
  ASSERT_EQ(keys.size(), 3U);
  EXPECT_EQ(keys[0].id, 0);  // SQLite counts from the last
  EXPECT_EQ(keys[0].columns, (std::vector<std::size_t>{1, 0}));
  EXPECT_EQ(keys[0].parent_columns, (std::vector<std::string>{"y", "x"}));
  EXPECT_EQ(keys[0].on_update, "CASCADE");
  EXPECT_EQ(keys[1].on_delete, "SET NULL");
  EXPECT_EQ(keys[1].columns, (std::vector<std::size_t>{2}));
  EXPECT_EQ(keys[2].parent, "gone");
  EXPECT_TRUE(keys[2].parent_columns.empty());
}

// A function or collation of the application's own, a module that is not there.
TEST_F(SchemaMapTest, NeedsNothingThatOnlyTheApplicationHas) {
  connection_.execute("CREATE TABLE t(a TEXT); CREATE TABLE u(a TEXT); PRAGMA writable_schema=ON");
  connection_.execute(
      "UPDATE sqlite_schema SET sql='CREATE TABLE t(a TEXT COLLATE ours, CHECK(ours(a)))' WHERE name='t';"
      "INSERT INTO sqlite_schema VALUES('table','v','v',0,'CREATE VIRTUAL TABLE v USING nowhere(a)')");
  Connection other(folder_.path("app.db"), {.mode = OpenMode::kReadOnly});
  const SchemaMap map = read_schema_map(other);
  EXPECT_EQ(map.unparsed, "");
  EXPECT_EQ(map.table("t")->columns[0].collation, "ours");
  EXPECT_TRUE(map.table("v")->is_virtual);
  EXPECT_EQ(map.table("v")->root_page.value, 0U);
}

// FACTS 32.
TEST_F(SchemaMapTest, LeavesOutAndNamesWhatANewerSqliteWrote) {
  connection_.execute("CREATE TABLE t(a); CREATE TABLE u(b); PRAGMA writable_schema=ON");
  connection_.execute(
      "UPDATE sqlite_schema SET sql='CREATE TABLE t(a ?-> b)' WHERE name='t';"
      "INSERT INTO sqlite_schema VALUES('view','v','v',0,'CREATE VIEW v AS SELECT 1 QUALIFY nothing')");
  Connection other(folder_.path("app.db"), {.mode = OpenMode::kReadOnly});
  const SchemaMap map = read_schema_map(other);
  EXPECT_NE(map.unparsed.find("malformed database schema (t)"), std::string::npos) << map.unparsed;
  EXPECT_EQ(map.table("t"), nullptr);
  ASSERT_NE(map.table("u"), nullptr);
  EXPECT_EQ(map.table("u")->columns.size(), 1U);
}

TEST_F(SchemaMapTest, ReachesTheRowidByANameThatNoColumnTook) {
  const SchemaMap map = read(
      "CREATE TABLE a(x); CREATE TABLE b(ROWID, x); CREATE TABLE c(rowid, oid, _rowid_);"
      "CREATE TABLE d(rowid INTEGER PRIMARY KEY, oid, _rowid_)");
  EXPECT_EQ(map.table("a")->rowid_name(), "rowid");
  EXPECT_EQ(map.table("b")->rowid_name(), "_rowid_");
  EXPECT_EQ(map.table("c")->rowid_name(), "");
  EXPECT_EQ(map.table("d")->rowid_name(), "rowid");
}

TEST(TableOptions, AreWhatStandsBehindTheBrackets) {
  const struct {
    const char* sql;
    bool without_rowid, strict, is_virtual;
  } cases[] = {
      {"CREATE TABLE t(a)", false, false, false},
      {"CREATE TABLE t(a INT) STRICT", false, true, false},
      {"CREATE TABLE t(a INT PRIMARY KEY) without /* ) */ rowid , STRICT -- )", true, true, false},
      {"CREATE TABLE \"WITHOUT ROWID\"(a CHECK(a<>') WITHOUT ROWID'))", false, false, false},
      {"CREATE TABLE [(](\"a\"\")\" DEFAULT(')'), b) WITHOUT ROWID", true, false, false},
      {"CREATE TABLE t(WITHOUT, ROWID, strict)", false, false, false},
      {"CREATE VIRTUAL TABLE t USING fts5(a, strict)", false, false, true},
      {"", false, false, false},
      {"CREATE TABLE t(a '", false, false, false},
  };
  for (const auto& row : cases) {
    const TableOptions options = table_options(row.sql);
    EXPECT_EQ(options.without_rowid, row.without_rowid) << row.sql;
    EXPECT_EQ(options.strict, row.strict) << row.sql;
    EXPECT_EQ(options.is_virtual, row.is_virtual) << row.sql;
  }
}

TEST(Affinity, FollowsTheDeclaredType) {
  const struct {
    const char* type;
    Affinity affinity;
  } cases[] = {{"", Affinity::kBlob},
               {"blob", Affinity::kBlob},
               {"CHARINT", Affinity::kInteger},
               {"FLOATING POINT", Affinity::kInteger},
               {"varchar(5)", Affinity::kText},
               {"REAL", Affinity::kReal},
               {"DECIMAL(10,2)", Affinity::kNumeric},
               {"BLOBTEXT", Affinity::kText},
               {"BOOLEAN", Affinity::kNumeric}};
  for (const auto& row : cases) EXPECT_EQ(affinity_of(row.type), row.affinity) << row.type;
}

}  // namespace
}  // namespace litewright

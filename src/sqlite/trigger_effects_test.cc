#include "sqlite/trigger_effects.h"

#include <gtest/gtest.h>

#include "base/test_folder.h"

namespace litewright {
namespace {

TEST(TriggerEffects, NameWhatTriggersDeleteAndOnlyOrdinaryTables) {
  const TestFolder folder;
  Connection connection(folder.path("app.db"), {.mode = OpenMode::kCreate});
  connection.execute(
      "CREATE TABLE o(id INTEGER PRIMARY KEY, x); CREATE TABLE i(o); CREATE TABLE n(i); CREATE TABLE log(t);"
      "CREATE VIEW v AS SELECT id FROM o;");
  struct Case {
    const char* trigger;
    std::string deletions;  // "TRIGGER TABLE;" of each
    bool writes;
  };
  const std::vector<Case> cases = {
      {"CREATE TRIGGER a AFTER DELETE ON o BEGIN SELECT 1; END", "", false},
      {"CREATE TRIGGER a AFTER INSERT ON o BEGIN DELETE FROM i; END", "", false},
      {"CREATE TRIGGER a AFTER DELETE ON o BEGIN INSERT INTO log VALUES(1); END", "", true},
      {"CREATE TRIGGER a AFTER DELETE ON o BEGIN UPDATE log SET t=1; END", "", true},
      {"CREATE TRIGGER a AFTER DELETE ON o BEGIN DELETE FROM i WHERE o=old.id; DELETE FROM I; END", "a i;",
       true},
      {"CREATE TRIGGER a AFTER DELETE ON o BEGIN DELETE FROM o WHERE x=old.id; END", "a o;", true},
      {"CREATE TRIGGER a AFTER DELETE ON o BEGIN DELETE FROM i; END; "
       "CREATE TRIGGER b BEFORE DELETE ON i BEGIN DELETE FROM n; END",
       "a i;b n;", true},
      {"CREATE TRIGGER a AFTER DELETE ON o BEGIN DELETE FROM v; END; "
       "CREATE TRIGGER b INSTEAD OF DELETE ON v BEGIN DELETE FROM n; END",
       "b n;", true},
      {"CREATE VIRTUAL TABLE f USING fts5(x, content=o, content_rowid=id); CREATE TRIGGER a AFTER DELETE ON "
       "o "
       "BEGIN INSERT INTO f(f, rowid, x) VALUES('delete', old.id, old.x); END",
       "", false},
      {"CREATE VIRTUAL TABLE f USING fts5(x); CREATE TRIGGER a AFTER DELETE ON o BEGIN DELETE FROM f WHERE "
       "rowid=old.id; END",
       "", false}};
  for (const Case& one : cases) {
    connection.execute("SAVEPOINT one");
    connection.execute(one.trigger);
    const TriggerEffects effects = trigger_effects(connection, "DELETE FROM main.o");
    std::string deletions;
    for (const auto& deletion : effects.deletions) deletions += deletion.trigger + " " + deletion.table + ";";
    EXPECT_EQ(deletions, one.deletions) << one.trigger;
    EXPECT_EQ(effects.writes_tables, one.writes) << one.trigger;
    connection.execute("ROLLBACK TO one; RELEASE one");
  }
}

}  // namespace
}  // namespace litewright

// What the schema and the libraries alone tell.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "check/engine_audit.h"
#include "check/index_audit.h"
#include "sqlite/connection.h"

namespace litewright {
namespace {

std::map<std::string, std::string> audited(const char* sql) {
  Connection connection(":memory:", ConnectionOptions{.mode = OpenMode::kCreate});
  connection.execute(sql);
  std::map<std::string, std::string> ids;
  for (const Finding& finding : audit_indexes(read_schema_map(connection), "app.db"))
    ids[finding.object] = finding.id;
  return ids;
}

using Ids = std::map<std::string, std::string>;

TEST(IndexAudit, NamesDuplicatesAndPrefixesAndNothingElse) {
  EXPECT_EQ(audited("CREATE TABLE t(a, b); CREATE INDEX one ON t(a); CREATE INDEX two ON t(a)"),
            (Ids{{"two", "index.duplicate"}}));
  EXPECT_EQ(audited("CREATE TABLE t(a, b); CREATE INDEX one ON t(a); CREATE INDEX two ON t(a, b)"),
            (Ids{{"one", "index.redundant"}}));
  EXPECT_EQ(audited("CREATE TABLE t(a UNIQUE, b); CREATE INDEX one ON t(a)"),
            (Ids{{"one", "index.duplicate"}}));
  EXPECT_EQ(audited("CREATE TABLE t(a, b); CREATE UNIQUE INDEX one ON t(a); CREATE INDEX two ON t(a, b)"),
            Ids{});
  EXPECT_EQ(audited("CREATE TABLE t(a, b); CREATE INDEX one ON t(a); CREATE INDEX two ON t(a DESC)"), Ids{});
  EXPECT_EQ(
      audited("CREATE TABLE t(a, b); CREATE INDEX one ON t(a); CREATE INDEX two ON t(a COLLATE NOCASE)"),
      Ids{});
  EXPECT_EQ(audited("CREATE TABLE t(a, b); CREATE INDEX one ON t(a); CREATE INDEX two ON t(a) WHERE b > 1"),
            Ids{});
  EXPECT_EQ(audited("CREATE TABLE t(a, b); CREATE INDEX one ON t(b); CREATE INDEX two ON t(a, b)"), Ids{});
}

TEST(EngineAudit, WarnsOfTheDefectOnlyWhereTwoProcessesCanMeetInIt) {
  const EngineProcess old = {.name = "app (pid 7)",
                             .libraries = {{.file = "/lib/libsqlite3.so.0", .version = "3.40.1"}}};
  const EngineProcess mended = {.name = "app (pid 8)",
                                .libraries = {{.file = "/lib/libsqlite3.so.0", .version = "3.51.3"}}};
  const auto worst = [](const EngineFacts& facts) { return worst_severity(audit_engines(facts, "app.db")); };
  EXPECT_EQ(worst({.wal = true, .processes = {old}}), Severity::kInfo);
  EXPECT_EQ(worst({.wal = true, .processes = {old, mended}}), Severity::kWarning);
  EXPECT_EQ(worst({.wal = false, .processes = {old, mended}}), Severity::kOk);
  EXPECT_EQ(worst({.wal = true, .last_writer = "3.51.3", .processes = {mended, mended}}), Severity::kOk);
  EXPECT_EQ(worst({.wal = true, .last_writer = "3.40.1"}), Severity::kInfo);
}

TEST(EngineAudit, WarnsOfTwoCopiesInOneProcess) {
  const EngineProcess two = {
      .name = "app (pid 7)",
      .libraries = {{.file = "/lib/a.so", .version = "3.51.3"}, {.file = "/lib/b.so", .version = "3.51.3"}}};
  const auto findings = audit_engines({.wal = true, .processes = {two}}, "app.db");
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_EQ(findings[0].id, "engine.two_copies");
  EXPECT_EQ(findings[0].severity, Severity::kWarning);
}

}  // namespace
}  // namespace litewright

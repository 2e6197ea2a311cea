#include "operate/row_target.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "base/durable_file.h"
#include "base/test_folder.h"
#include "base/thrown_error_test.h"

namespace litewright {
namespace {

TEST(RowTarget, IsWhatItsNameSays) {
  const TestFolder folder;
  const std::string source = folder.path("app.db");
  write_file_durably(source, {});
  write_file_durably(folder.path("there.sqlite"), {});
  struct Case {
    const char* name;
    RowTarget target;
  };
  for (const Case& one :
       {Case{"a.csv", RowTarget::kCsv}, Case{"A.CSV", RowTarget::kCsv}, Case{"a.db.csv", RowTarget::kCsv},
        Case{"a.csv.zst", RowTarget::kPackedCsv}, Case{"a.Csv.Zst", RowTarget::kPackedCsv},
        Case{"a.db", RowTarget::kDatabase}, Case{"a.DB3", RowTarget::kDatabase},
        Case{"there.sqlite", RowTarget::kDatabase}, Case{"a.sqlite3", RowTarget::kDatabase},
        Case{"old", RowTarget::kDatabase}, Case{"old-waltz", RowTarget::kDatabase}}) {
    EXPECT_EQ(row_target(folder.path(one.name), source), one.target) << one.name;
  }
  for (const char* name : {"a.csv.gz", "a.json", "a.gz", "a.zst", "a.txt", "a.sql", "a.db.zst", "a.",
                           "app.db-wal", "b.db-shm", "old-journal", "x.DB-WAL", "", "app.db"}) {
    EXPECT_EQ(code_of([&] { row_target(folder.path(name), source); }), ErrorCode::kUsage) << name;
  }
  EXPECT_EQ(code_of([&] { row_target("/dev/null", source); }), ErrorCode::kUsage);
  EXPECT_EQ(code_of([&] { row_target(folder.path("none/old.db"), source); }), ErrorCode::kCantCreate);
  EXPECT_EQ(code_of([&] { row_target(folder.path("none/old.csv"), source); }), ErrorCode::kCantCreate);
}

}  // namespace
}  // namespace litewright

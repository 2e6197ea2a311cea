#include "archive/copy_folder.h"

#include <gtest/gtest.h>

#include <fstream>

#include "base/test_folder.h"

namespace litewright {
namespace {

// "bytes" of a copy, and what its record says.
std::string entry_trouble(const TestFolder& folder, const CopyRecord& record) {
  const std::string path = folder.path("app_backup_x_20251105_143022.db.zst");
  std::ofstream(path, std::ios::binary) << std::string(record.file_bytes, 'x');
  write_record(path, record);
  const std::vector<CopyEntry> copies = list_copies(folder.path(""));
  EXPECT_EQ(copies.size(), 1);
  EXPECT_EQ(copies[0].verified(), record.verified_at && copies[0].trouble.empty());
  return copies[0].trouble;
}

TEST(CopyFolder, ACopyWithoutAPageIsNoneThoughItWasVerified) {
  const TestFolder folder;
  const WallTime taken(std::chrono::hours(1));
  const CopyRecord good{.database = "app.db",
                        .form = CopyForm::kDbZst,
                        .taken_at = taken,
                        .file_bytes = 13,
                        .page_size = 4096,
                        .pages = 2,
                        .check = "quick_check",
                        .verified_at = taken};
  EXPECT_EQ(entry_trouble(folder, good), "");
  CopyRecord empty = good;
  empty.page_size = empty.pages = 0;
  EXPECT_EQ(entry_trouble(folder, empty), "it is empty");
  CopyRecord tables = empty;  // as SQL: nobody counted pages
  tables.tables = {"t"};
  tables.verified_at.reset();
  EXPECT_EQ(entry_trouble(folder, tables), "");
}

}  // namespace
}  // namespace litewright

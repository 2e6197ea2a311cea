#include "archive/copy_name.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "archive/copy_record.h"
#include "base/error.h"
#include "base/json_text.h"
#include "base/time_text.h"

namespace litewright {
namespace {

WallTime at(const char* text) { return parse_time(text, WallTime{}); }

TEST(CopyName, is_the_runbooks_name) {
  const CopyName name{
      .database = "queue", .label = "daily", .time = at("2025-11-05 14:30:22"), .form = CopyForm::kDb};
  EXPECT_EQ(format_copy_name(name), "queue_backup_daily_20251105_143022.db");
  EXPECT_EQ(format_copy_name(name, 2), "queue_backup_daily_20251105_143022-2.db");
}

TEST(CopyName, gives_its_parts_back) {
  for (const std::string database : {"app", "my_app", "a-1", "x_backup_y"}) {
    for (const std::string label : {"daily", "before-upgrade", "v1.2", "two_words"}) {
      for (const CopyForm form :
           {CopyForm::kDb, CopyForm::kDbZst, CopyForm::kDbGz, CopyForm::kSql, CopyForm::kSqlGz}) {
        for (const int number : {1, 2, 17}) {
          for (const bool whole : {true, false}) {
            const CopyName name{.database = database,
                                .whole = whole,
                                .label = label,
                                .time = at("2025-11-05 14:30:22"),
                                .form = form};
            const auto back = parse_copy_name(format_copy_name(name, number));
            ASSERT_TRUE(back) << format_copy_name(name, number);
            EXPECT_EQ(back->database, database);
            EXPECT_EQ(back->label, label);
            EXPECT_EQ(back->whole, whole);
            EXPECT_EQ(back->form, form);
            EXPECT_EQ(back->time, name.time);
          }
        }
      }
    }
  }
}

TEST(CopyName, understands_what_the_runbooks_scripts_made) {
  const struct {
    const char *file, *database, *time;
  } kCases[] = {{"inventory_backup_20250126_123000.db", "inventory", "2025-01-26 12:30:00"},
                {"inventory_backup_20250126_123000.sql.gz", "inventory", "2025-01-26 12:30:00"},
                {"ora_20250101_020000.db.gz", "ora", "2025-01-01 02:00:00"},
                {"harmony-2025-11-05.db", "harmony", "2025-11-05"},
                {"kamiyo_latest.db", "kamiyo_latest", nullptr},
                {"app_20251399_143022.db", "app_20251399_143022", nullptr},
                {"app.db", "app", nullptr}};
  for (const auto& one : kCases) {
    const auto name = parse_copy_name(one.file);
    ASSERT_TRUE(name) << one.file;
    EXPECT_EQ(name->database, one.database);
    EXPECT_EQ(name->time.has_value(), one.time != nullptr) << one.file;
    if (one.time != nullptr) {
      EXPECT_EQ(name->time, at(one.time));
    }
    EXPECT_EQ(name->label, "");
  }
  for (const char* other : {"app.db-wal", "app.db.json", ".db", "notes.txt", "app.zst", "app.sqlite"}) {
    EXPECT_FALSE(parse_copy_name(other)) << other;
  }
}

TEST(CopyName, refuses_labels_that_are_no_part_of_a_name) {
  for (const char* good : {"daily", "v1.2", "a_b-c"}) EXPECT_NO_THROW(require_label(good));
  for (const char* bad : {"", "a/b", "a b", "ä", "..\n", "backup", "pre_backup", "tables"})
    EXPECT_THROW(require_label(bad), Error) << bad;
  EXPECT_THROW(require_label(std::string(61, 'a')), Error);
}

TEST(CopyForm, is_named_by_the_suffix_alone) {
  EXPECT_EQ(require_form("/x/a.db.zst"), CopyForm::kDbZst);
  EXPECT_EQ(parse_form("sql.gz"), CopyForm::kSqlGz);
  EXPECT_EQ(parse_form(".db"), CopyForm::kDb);
  for (const char* bad : {"x.tar", "x", "x.zst", "x.db.xz", ".db"})
    EXPECT_THROW(require_form(bad), Error) << bad;
  EXPECT_THROW(parse_form("zst"), Error);
}

CopyRecord sample_record() {
  return {.database = "/data/app.db",
          .form = CopyForm::kSqlGz,
          .label = "daily",
          .tables = {"settings", "we\"ird"},
          .taken_at = at("2025-11-05T14:30:22.123456789Z"),
          .file_bytes = 12345678901,
          .file_checksum = 0x0123456789abcdef,
          .page_size = 4096,
          .pages = 7,
          .checksum = Checksum128{.low = 5, .high = ~0ull},
          .content_hash = 0xfedcba9876543210,
          .rows = 99,
          .check = "quick_check",
          .verified_at = at("2025-11-05T14:30:23Z")};
}

TEST(CopyRecord, gives_back_what_it_holds) {
  const CopyRecord record = sample_record();
  const CopyRecord back = record_from_json(json_text(record_to_json(record)));
  EXPECT_EQ(json_text(record_to_json(back)), json_text(record_to_json(record)));
  EXPECT_EQ(back.checksum, record.checksum);
  EXPECT_EQ(back.taken_at, record.taken_at);
  EXPECT_EQ(back.tables, record.tables);
}

TEST(CopyRecord, that_was_not_verified_says_so) {
  CopyRecord record = sample_record();
  record.verified_at.reset();
  record.check.clear();
  EXPECT_FALSE(record_from_json(json_text(record_to_json(record))).verified_at);
}

TEST(CopyRecord, refuses_what_is_no_record) {
  const std::string good = json_text(record_to_json(sample_record()));
  for (std::size_t length = 0; length < good.size(); length += 5) {
    EXPECT_THROW(record_from_json(good.substr(0, length)), Error) << length;
  }
  for (const char* bad : {"[]", "{}", "null", R"({"schema":"litewright/copy/2"})", R"({"schema":7})"}) {
    try {
      record_from_json(bad);
      ADD_FAILURE() << bad;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kDamaged);
    }
  }
}

}  // namespace
}  // namespace litewright

// What plain copies are called: the form by the suffix, and in a folder
// DATABASE_backup_LABEL_DATE_TIME.SUFFIX.
//
//   app_backup_daily_20251105_143022.db          the whole of app.db
//   app_tables_settings_20251105_143022-2.sql.gz some tables of it; "-2": the second of that second
//
// The time is local, as people name files. Names that others gave (app_20251105_143022.db.gz,
// app-2025-11-05.db, app_latest.db) are understood as far as they go.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"

namespace litewright {

enum class CopyForm { kDb, kDbZst, kDbGz, kSql, kSqlGz };

// ".db", ".db.zst", ".db.gz", ".sql", ".sql.gz".
std::string_view suffix_of(CopyForm form);
inline bool is_sql(CopyForm form) { return form == CopyForm::kSql || form == CopyForm::kSqlGz; }

// By the suffix; nullopt for any other.
std::optional<CopyForm> form_by_suffix(std::string_view file_name);
// "db.zst" as `--form` takes it; throws Error{kUsage} naming the five.
CopyForm parse_form(std::string_view text);
// Throws Error{kUsage} naming the five suffixes.
CopyForm require_form(const std::filesystem::path& file);

struct CopyName {
  std::string database = {};  // "app" of app.db
  bool whole = true;          // false: only some tables
  std::string label = {};     // "daily"; empty in foreign names
  std::optional<WallTime> time = {};
  CopyForm form = CopyForm::kDb;
};

// "app" of /data/app.db: the file's name without its last suffix.
std::string database_stem(const std::filesystem::path& database);

// Throws Error{kUsage} for a label that is not letters, digits, '.', '-' and '_', longer than 60, or has a
// part that the name's own marks are.
void require_label(std::string_view label);

// `number` from 2 on is appended. `name.time` must be there.
std::string format_copy_name(const CopyName& name, int number = 1);

// nullopt where the suffix is none of the five.
std::optional<CopyName> parse_copy_name(std::string_view file_name);

}  // namespace litewright

#include "archive/copy_name.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/error.h"
#include "base/time_text.h"

namespace litewright {
namespace {

constexpr std::size_t kLongestLabel = 60;
constexpr std::string_view kWholeMark = "_backup", kTablesMark = "_tables";
// The longer suffix first.
constexpr std::array<std::pair<std::string_view, CopyForm>, 5> kForms = {{{".db.zst", CopyForm::kDbZst},
                                                                          {".db.gz", CopyForm::kDbGz},
                                                                          {".sql.gz", CopyForm::kSqlGz},
                                                                          {".db", CopyForm::kDb},
                                                                          {".sql", CopyForm::kSql}}};
constexpr const char* kForms5 = "FILE.db, FILE.db.zst, FILE.db.gz, FILE.sql or FILE.sql.gz";

bool all_digits(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

// "20251105_143022" at the end of `stem`, maybe with "-2" behind it; cut off where it is one.
std::optional<WallTime> cut_time(std::string_view& stem) {
  std::string_view rest = stem;
  const std::size_t dash = rest.rfind('-');
  if (dash != std::string_view::npos && rest.size() - dash <= 4 && all_digits(rest.substr(dash + 1))) {
    rest = rest.substr(0, dash);
  }
  for (const std::string_view text : {rest, stem}) {
    if (text.size() < 16 || text[text.size() - 7] != '_') continue;
    const std::string_view day = text.substr(text.size() - 15, 8), time = text.substr(text.size() - 6);
    const char before = text[text.size() - 16];
    if (!all_digits(day) || !all_digits(time) || (before != '_' && before != '-' && before != '.')) continue;
    try {
      const WallTime parsed =
          parse_time(fmt::format("{}-{}-{} {}:{}:{}", day.substr(0, 4), day.substr(4, 2), day.substr(6, 2),
                                 time.substr(0, 2), time.substr(2, 2), time.substr(4, 2)),
                     WallTime{});
      stem = text.substr(0, text.size() - 16);
      return parsed;
    } catch (const Error&) {
      return std::nullopt;  // digits, but no time
    }
  }
  return std::nullopt;
}

// "2025-11-05" at the end.
std::optional<WallTime> cut_day(std::string_view& stem) {
  if (stem.size() < 12) return std::nullopt;
  const std::string_view day = stem.substr(stem.size() - 10);
  const char before = stem[stem.size() - 11];
  if (day[4] != '-' || day[7] != '-' || (before != '-' && before != '_')) return std::nullopt;
  try {
    const WallTime parsed = parse_time(day, WallTime{});
    stem.remove_suffix(11);
    return parsed;
  } catch (const Error&) {
    return std::nullopt;
  }
}

}  // namespace

std::string_view suffix_of(CopyForm form) {
  return std::ranges::find(kForms, form, [](const auto& pair) { return pair.second; })->first;
}

std::optional<CopyForm> form_by_suffix(std::string_view file_name) {
  for (const auto& [suffix, form] : kForms) {
    if (file_name.ends_with(suffix) && file_name.size() > suffix.size()) return form;
  }
  return std::nullopt;
}

CopyForm parse_form(std::string_view text) {
  const std::string suffix = text.starts_with('.') ? std::string(text) : fmt::format(".{}", text);
  for (const auto& [known, form] : kForms) {
    if (suffix == known) return form;
  }
  throw Error(ErrorCode::kUsage, fmt::format("--form {}: no such form of copy", text),
              "one of db, db.zst, db.gz, sql, sql.gz");
}

CopyForm require_form(const std::filesystem::path& file) {
  if (const auto form = form_by_suffix(file.filename().string())) return *form;
  throw Error(ErrorCode::kUsage, fmt::format("{}: the suffix names no form of copy", file.string()),
              fmt::format("--to {}, or a folder that exists", kForms5));
}

std::string database_stem(const std::filesystem::path& database) {
  const std::string stem = database.stem().string();
  return stem.empty() ? database.filename().string() : stem;
}

void require_label(std::string_view label) {
  const bool good = !label.empty() && label.size() <= kLongestLabel && std::ranges::all_of(label, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.';
  });
  // "_" before it and behind it: as if the label were another name's parts.
  const std::string inside = fmt::format("_{}", label);
  if (good && inside.find(kWholeMark) == std::string::npos && inside.find(kTablesMark) == std::string::npos)
    return;
  throw Error(
      ErrorCode::kUsage, fmt::format("--label '{}' can't be part of a file's name here", label),
      fmt::format("letters, digits, '.', '-' and '_', at most {}, not 'backup' or 'tables': --label daily",
                  kLongestLabel));
}

std::string format_copy_name(const CopyName& name, int number) {
  std::string time = format_local_time(name.time.value());  // 2025-11-05 14:30:22
  std::erase_if(time, [](char c) { return c == '-' || c == ':'; });
  std::ranges::replace(time, ' ', '_');
  return fmt::format("{}_{}_{}_{}{}{}", name.database, name.whole ? "backup" : "tables", name.label, time,
                     number > 1 ? fmt::format("-{}", number) : "", suffix_of(name.form));
}

std::optional<CopyName> parse_copy_name(std::string_view file_name) {
  const auto form = form_by_suffix(file_name);
  if (!form) return std::nullopt;
  CopyName name{.form = *form};
  std::string_view stem = file_name.substr(0, file_name.size() - suffix_of(*form).size());
  name.time = cut_time(stem);
  if (!name.time) name.time = cut_day(stem);
  const std::size_t backup = stem.rfind(kWholeMark), tables = stem.rfind(kTablesMark);
  constexpr std::size_t kNone = std::string_view::npos;
  const bool whole = tables == kNone || (backup != kNone && backup > tables);
  const std::size_t at = whole ? backup : tables;
  if (at != kNone && at > 0) {
    const std::string_view label = stem.substr(at + kWholeMark.size());
    if (label.empty() || (label.size() > 1 && label[0] == '_')) {
      name.whole = whole;
      name.label = label.empty() ? "" : label.substr(1);
      stem = stem.substr(0, at);
    }
  }
  name.database = stem;
  return name;
}

}  // namespace litewright

#include "maintain/row_table.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "sqlite/sql_names.h"

namespace litewright {
namespace {

std::string list_of(const std::vector<std::string>& columns, const std::string& prefix) {
  std::vector<std::string> names;
  for (const std::string& name : columns) names.push_back(prefix + quoted_name(name));
  return fmt::format("{}", fmt::join(names, ", "));
}

}  // namespace

TextForm RowTable::text_form() const {
  return encoding.starts_with("UTF-16") ? TextForm::kUtf16 : TextForm::kUtf8;
}

bool RowTable::has_column(const std::string& name) const {
  const auto is_it = [&name](const std::string& one) { return same_name(one, name); };
  return std::ranges::any_of(stored, is_it) || std::ranges::any_of(generated, is_it);
}

std::string RowTable::sql_name() const { return "main." + quoted_name(table); }
std::string RowTable::key_columns(const std::string& prefix) const { return list_of(row_key, prefix); }
std::string RowTable::stored_columns(const std::string& prefix) const { return list_of(stored, prefix); }

std::string RowTable::key_names() const {
  std::vector<std::string> names;
  for (std::size_t i = 1; i <= row_key.size(); i++) names.push_back(fmt::format("k{}", i));
  return fmt::format("{}", fmt::join(names, ", "));
}

std::string RowTable::same_row(const std::string& listed) const {
  std::vector<std::string> conditions;
  for (std::size_t i = 0; i < row_key.size(); i++) {
    conditions.push_back(fmt::format("c.{} = {}.k{}", quoted_name(row_key[i]), listed, i + 1));
  }
  return fmt::format("{}", fmt::join(conditions, " AND "));
}

}  // namespace litewright

#include "check/sqlite_asks.h"

#include <fmt/format.h>

#include <bit>

#include "base/bytes.h"
#include "base/error.h"
#include "check/schema_sql.h"
#include "sqlite/connection_deadline.h"
#include "sqlite/sql_names.h"

namespace litewright {
namespace {

// A query's column as it would stand in a record.
void add_column(const Statement& row, int column, KeyCollation collation, KeyHash& key) {
  std::byte number[8];
  const auto stored = [&](std::uint32_t type, std::uint64_t bits) {
    store_be64(number, 0, bits);
    key.add({.type = type, .bytes = number}, collation, false);
  };
  switch (row.type(column)) {
    case ValueType::kNull:
      return key.add({}, collation, false);
    case ValueType::kInteger:
      return key.add_integer(row.integer(column));
    case ValueType::kReal:
      return stored(7, std::bit_cast<std::uint64_t>(row.real(column)));
    case ValueType::kText:
      return key.add({.type = 13, .bytes = row.bytes(column)}, collation, false);
    case ValueType::kBlob:
      return key.add({.type = 12, .bytes = row.bytes(column)}, collation, false);
  }
}

// SELECT the values of an entry, in its order, from the rows that the index wants.
std::optional<std::string> keys_query(const IndexPlan& index) {
  IndexSql parts;
  if (!index.index->sql.empty()) {
    auto parsed = parse_index_sql(index.index->sql);
    if (!parsed) return std::nullopt;
    parts = std::move(*parsed);
  }
  std::string values;
  for (std::size_t i = 0; i < index.fields.size(); i++) {
    const IndexColumn& column = index.index->columns[i];
    if (i > 0) values += ", ";
    if (column.source == IndexColumn::Source::kRowid) {
      const std::string name = index.table->rowid_name();
      if (name.empty()) return std::nullopt;
      values += name;
    } else if (column.source == IndexColumn::Source::kColumn) {
      values += quoted_name(index.table->columns[column.column].name);
    } else if (i < parts.keys.size()) {
      values += "(" + parts.keys[i] + "\n)";
    } else {
      return std::nullopt;
    }
  }
  std::string sql = "SELECT " + values + " FROM " + quoted_name(index.table->name) + " NOT INDEXED";
  if (!parts.where.empty()) sql += " WHERE " + parts.where;
  return sql;
}

std::string row_text(const IndexPlan& index, const Statement& row) {
  std::string text;
  for (std::size_t i = 0; i < index.fields.size(); i++) {
    const IndexColumn& column = index.index->columns[i];
    const auto at = static_cast<int>(i);
    if (column.source == IndexColumn::Source::kRowid) return fmt::format("rowid {}", row.integer(at));
    if (column.source == IndexColumn::Source::kExpression) continue;
    if (index.table->columns[column.column].key_position == 0) continue;
    if (!text.empty()) text += ", ";
    text += row.type(at) == ValueType::kBlob ? std::string("a BLOB") : row.text(at);
  }
  return "row " + text;
}

}  // namespace

std::uint64_t SqliteAsks::run(const std::string& sql, const std::function<void(const Statement&)>& row) {
  if (give_up_ && give_up_()) throw Error(ErrorCode::kLocked, "the time for queries is up");
  asked_++;
  const ConnectionDeadline watch(connection_, give_up_);
  Statement statement = connection_.prepare(sql);
  std::uint64_t rows = 0;
  for (; statement.step(); rows++) row(statement);
  return rows;
}

std::optional<std::string> SqliteAsks::keys(const IndexPlan& index, KeyEncoding encoding, bool named,
                                            const std::function<void(const Key&)>& take) {
  const auto sql = keys_query(index);
  if (!sql) return "its definition can't be read";
  KeyHasher hasher(encoding);
  try {
    run(*sql, [&](const Statement& row) {
      hasher.key().clear();
      for (std::size_t i = 0; i < index.fields.size(); i++) {
        add_column(row, static_cast<int>(i), index.fields[i].collation, hasher.key());
      }
      take({.hash = hasher.hash(), .row = named ? row_text(index, row) : std::string()});
    });
  } catch (const Error& error) {
    return error.what();
  }
  return std::nullopt;
}

// By a query of our own: a connection that may only read does not even keep the constraints, and its
// integrity_check passes over them.
std::optional<std::string> SqliteAsks::checks(
    const TablePlan& plan, std::size_t most,
    const std::function<void(const std::string& row, const std::string& check)>& broken) {
  const SchemaTable& table = *plan.table;
  std::string names, broken_ones, any;
  int name_count = 0;
  const auto add_name = [&](const std::string& name) { names += (name_count++ == 0 ? "" : ", ") + name; };
  if (table.without_rowid) {
    for (const SchemaColumn& column : table.columns) {
      if (column.key_position != 0) add_name(quoted_name(column.name));
    }
  } else {
    add_name(table.rowid_name().empty() ? "0" : table.rowid_name());
  }
  for (const std::string& check : plan.checks) {
    const std::string one = "(NOT (" + check + "\n))";
    broken_ones += ", " + one;
    any += (any.empty() ? "" : " OR ") + one;
  }
  const std::string sql = "SELECT " + names + broken_ones + " FROM " + quoted_name(table.name) +
                          " NOT INDEXED WHERE " + any + " LIMIT " + std::to_string(most);
  try {
    run(sql, [&](const Statement& row) {
      std::string name = table.without_rowid ? "row " : "rowid ";
      for (int i = 0; i < name_count; i++) name += (i == 0 ? "" : ", ") + row.text(i);
      for (std::size_t i = 0; i < plan.checks.size(); i++) {
        if (row.integer(name_count + static_cast<int>(i)) != 0) broken(name, plan.checks[i]);
      }
    });
  } catch (const Error& error) {
    return error.what();
  }
  return std::nullopt;
}

SqliteAsks::Answer SqliteAsks::check_table(const std::string& table, bool whole) {
  Answer answer;
  try {
    run(fmt::format("PRAGMA {}({})", whole ? "integrity_check" : "quick_check", quoted_name(table)),
        [&](const Statement& row) {
          if (row.text(0) != "ok") answer.complaints.push_back(row.text(0));
        });
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kDamaged) {
      answer.complaints.emplace_back(error.what());
    } else {
      answer.refused = error.what();
    }
  }
  return answer;
}

}  // namespace litewright

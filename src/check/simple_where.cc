#include "check/simple_where.h"

#include <charconv>

#include "base/bytes.h"
#include "check/schema_sql.h"
#include "sqlite/sql_names.h"

namespace litewright {
namespace {

constexpr std::uint32_t kTextType = 13;  // of any length: only the kind is looked at

std::string unquoted(std::string_view token) {
  std::string text;
  for (std::size_t i = 1; i + 1 < token.size(); i++) {
    text += token[i];
    if (token[i] == token[0]) i++;  // a doubled quote
  }
  return text;
}

// Its name in plain letters or in double quotes.
const SchemaColumn* column_of(const SchemaTable& table, std::string_view token) {
  const auto number = table.column(token.starts_with('"') ? unquoted(token) : std::string(token));
  if (!number || (table.rowid_alias == number && !table.without_rowid)) return nullptr;
  const SchemaColumn& column = table.columns[*number];
  return column.stored_at ? &column : nullptr;
}

}  // namespace

std::optional<SimpleWhere> SimpleWhere::parse(std::string_view sql, const SchemaTable& table,
                                              KeyEncoding encoding) {
  const std::vector<std::string_view> tokens = sql_tokens(sql);
  SimpleWhere where;
  for (std::size_t at = 0; at < tokens.size();) {
    const SchemaColumn* const column = column_of(table, tokens[at]);
    // Old rows stand for the column's default: SQLite's to know.
    if (column == nullptr || column->default_sql || at + 2 >= tokens.size()) return std::nullopt;
    SimpleTerm term{.stored_at = *column->stored_at, .collation = key_collation(column->collation)};
    std::size_t value = at + 2;
    if (same_name(tokens[at + 1], "is")) {
      const bool negated = same_name(tokens[value], "not");
      if (negated) value++;
      if (value >= tokens.size() || !same_name(tokens[value], "null")) return std::nullopt;
      term.kind = negated ? SimpleTerm::Kind::kNotNull : SimpleTerm::Kind::kNull;
    } else if (tokens[at + 1] == "=") {
      const std::string_view constant = tokens[value];
      const bool numeric = column->affinity >= Affinity::kNumeric;
      if (constant.starts_with('\'') && !numeric && encoding == KeyEncoding::kUtf8 &&
          term.collation != KeyCollation::kUnknown) {
        term.kind = SimpleTerm::Kind::kText;
        term.text = unquoted(constant);
      } else {
        const auto [end, failed] =
            std::from_chars(constant.data(), constant.data() + constant.size(), term.integer);
        if (!numeric || failed != std::errc() || end != constant.data() + constant.size())
          return std::nullopt;
        term.kind = SimpleTerm::Kind::kInteger;
      }
    } else {
      return std::nullopt;
    }
    where.terms_.push_back(std::move(term));
    at = value + 1;
    if (at == tokens.size()) return where;
    if (!same_name(tokens[at], "and")) return std::nullopt;
    at++;
  }
  return std::nullopt;
}

std::optional<bool> SimpleWhere::holds(const RecordFields& row) const {
  for (const SimpleTerm& term : terms_) {
    if (term.stored_at < row.count() && !row.has(term.stored_at)) return std::nullopt;
    const StoredValue value = term.stored_at < row.count() ? row.value(term.stored_at) : StoredValue{};
    bool holds = false;
    switch (term.kind) {
      case SimpleTerm::Kind::kNull:
      case SimpleTerm::Kind::kNotNull: {
        const bool null = value.is_null() || (value.is_real() && value.real() != value.real());
        holds = null == (term.kind == SimpleTerm::Kind::kNull);
        break;
      }
      case SimpleTerm::Kind::kText:
        holds = value.is_text() && compare_values(value, {.type = kTextType, .bytes = bytes_of(term.text)},
                                                  term.collation, KeyEncoding::kUtf8) == 0;
        break;
      case SimpleTerm::Kind::kInteger:
        holds = (value.is_integer() && value.integer() == term.integer) ||
                (value.is_real() && value.real() == static_cast<double>(term.integer));
        break;
    }
    if (!holds) return false;
  }
  return true;
}

}  // namespace litewright

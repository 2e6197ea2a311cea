#include "check/check_plan.h"

#include <algorithm>

#include "base/bytes.h"
#include "check/column_defaults.h"
#include "check/schema_sql.h"
#include "sqlite/sql_names.h"

namespace litewright {
namespace {

constexpr std::uint8_t kAny = 0x1f;

SchemaTable sqlite_schema_table() {
  SchemaTable table{.name = "sqlite_schema", .root_page = PageNumber(1)};
  for (const char* name : {"type", "name", "tbl_name", "rootpage", "sql"}) {
    SchemaColumn column{.name = name, .declared_type = "TEXT", .affinity = Affinity::kText};
    if (column.name == "rootpage") {
      column.declared_type = "INT";
      column.affinity = Affinity::kInteger;
    }
    column.stored_at = table.columns.size();
    table.columns.push_back(column);
  }
  return table;
}

// STRICT: the exact type. Else TEXT columns hold no numbers, and numeric ones no text that is a number.
void set_type_rule(const SchemaTable& table, const SchemaColumn& column, ColumnRule& rule) {
  if (table.strict) {
    const std::string& type = column.declared_type;
    rule.expected = type;
    if (same_name(type, "INT") || same_name(type, "INTEGER")) rule.allowed = kMaskInteger | kMaskNull;
    if (same_name(type, "REAL")) rule.allowed = kMaskInteger | kMaskReal | kMaskNull;
    if (same_name(type, "TEXT")) rule.allowed = kMaskText | kMaskNull;
    if (same_name(type, "BLOB")) rule.allowed = kMaskBlob | kMaskNull;
  } else if (column.affinity == Affinity::kText) {
    rule.expected = "text";
    rule.allowed = kMaskText | kMaskBlob | kMaskNull;
  } else if (column.affinity != Affinity::kBlob) {
    rule.expected = "a number";
    rule.no_numeric_text = true;
  }
}

bool has_rule(const SchemaTable& table, const SchemaColumn& column) {
  ColumnRule rule;
  set_type_rule(table, column, rule);
  return column.not_null || rule.allowed != kAny || rule.no_numeric_text;
}

KeyField field_of(const SchemaTable& table, const IndexColumn& of,
                  const std::vector<DefaultValue>& defaults) {
  KeyField field{.descending = of.descending, .collation = key_collation(of.collation)};
  if (of.source == IndexColumn::Source::kRowid) {
    field.from = KeyField::From::kRowid;
    field.never_null = true;
    return field;
  }
  if (of.source == IndexColumn::Source::kExpression) {
    field.from = KeyField::From::kElsewhere;
    return field;
  }
  const SchemaColumn& column = table.columns[of.column];
  field.never_null = column.not_null;
  field.real = column.affinity == Affinity::kReal;
  field.absent_type = defaults[of.column].type;
  field.absent_bytes = defaults[of.column].bytes;
  if (table.rowid_alias == of.column && !table.without_rowid) {
    field.from = KeyField::From::kRowid;
  } else if (column.stored_at) {
    field.stored_at = *column.stored_at;
  } else {
    field.from = KeyField::From::kElsewhere;
  }
  return field;
}

IndexPlan index_plan(const SchemaTable& table, const SchemaIndex& index,
                     const std::vector<DefaultValue>& defaults, KeyEncoding encoding) {
  IndexPlan plan{.table = &table, .index = &index, .key_fields = index.key_columns, .unique = index.unique};
  if (index.partial) {
    const auto parsed = parse_index_sql(index.sql);
    if (parsed) plan.where = SimpleWhere::parse(parsed->where, table, encoding);
    plan.rows_by_sqlite = !plan.where;
  }
  for (const IndexColumn& column : index.columns) {
    plan.fields.push_back(field_of(table, column, defaults));
    plan.rows_by_sqlite = plan.rows_by_sqlite || plan.fields.back().from == KeyField::From::kElsewhere;
    if (plan.fields.back().collation == KeyCollation::kUnknown) plan.unknown_collation = column.collation;
  }
  return plan;
}

void add_table(const SchemaTable& table, const std::string& encoding, CheckPlan& out) {
  const std::vector<DefaultValue> defaults = column_defaults(table, encoding);
  TablePlan plan{.table = &table, .checks = check_expressions(table.sql)};
  for (std::size_t i = 0; i < table.columns.size(); i++) {
    const SchemaColumn& column = table.columns[i];
    if (column.stored_at) plan.stored_columns = std::max(plan.stored_columns, *column.stored_at + 1);
    if ((table.rowid_alias == i && !table.without_rowid) || !has_rule(table, column)) continue;
    if (!column.stored_at) {
      plan.rows_by_sqlite = true;
      continue;
    }
    ColumnRule rule{.stored_at = *column.stored_at, .name = column.name, .not_null = column.not_null};
    set_type_rule(table, column, rule);
    rule.type_when_absent = defaults[i].type;
    plan.rules.push_back(rule);
  }
  // The last column is the row's alias: nothing of the record needs to be read for it.
  if (!table.without_rowid && table.rowid_alias && plan.stored_columns == *table.rowid_alias + 1) {
    plan.stored_columns--;
  }
  const std::size_t number = out.tables.size();
  for (const SchemaIndex& index : table.indexes) {
    const bool own = table.without_rowid && index.origin == SchemaIndex::Origin::kPrimaryKey;
    if (own) {
      plan.key = out.indexes.size();
    } else {
      plan.indexes.push_back(out.indexes.size());
      out.trees.push_back({.root = index.root_page, .table = false});
      out.roles.push_back({.rows = false, .plan = out.indexes.size()});
    }
    out.indexes.push_back(index_plan(table, index, defaults, out.encoding));
  }
  out.trees.push_back({.root = table.root_page, .table = !table.without_rowid});
  out.roles.push_back({.rows = true, .plan = number});
  out.tables.push_back(std::move(plan));
}

}  // namespace

void make_check_plan(const SchemaMap& schema, CheckPlan& out) {
  out.encoding = key_encoding(schema.encoding);
  out.schema_table = sqlite_schema_table();
  add_table(out.schema_table, schema.encoding, out);
  for (const SchemaTable& table : schema.tables) {
    if (!table.is_virtual && table.root_page.value != 0) add_table(table, schema.encoding, out);
  }
}

std::string tree_name(const CheckPlan& plan, std::size_t tree) {
  const CheckPlan::Role& role = plan.roles[tree];
  if (role.rows) return "table " + plan.tables[role.plan].table->name;
  return "index " + plan.indexes[role.plan].index->name;
}

}  // namespace litewright

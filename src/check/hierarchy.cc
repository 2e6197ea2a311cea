#include "check/hierarchy.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <functional>
#include <map>

#include "base/checksum.h"
#include "base/error.h"
#include "base/shell_words.h"
#include "check/parent_key.h"
#include "check/row_name.h"
#include "sqlite/sql_names.h"

namespace litewright {
namespace {

// A row and its parent: rowids, or hashes of the key where there are none.
struct Edge {
  std::uint64_t row = 0, parent = 0;
  auto operator<=>(const Edge&) const = default;
};

class Hierarchy {
 public:
  Hierarchy(Connection& connection, const SchemaTable& table, const SchemaForeignKey& key,
            const ParentKey& parent)
      : connection_(connection), table_(table), name_columns_(row_name_columns(table, "c")) {
    query_ = fmt::format("SELECT {}, {} FROM main.{} AS c LEFT JOIN main.{} AS p ON {} WHERE {}",
                         name_columns_, row_name_columns(table, "p"), quoted_name(table.name),
                         quoted_name(table.name), parent_join(table, parent), points_somewhere(table, key));
    if (!table.without_rowid) query_ += fmt::format(" ORDER BY {}", name_columns_);
  }

  // Each row that points somewhere; `edge` is null where that does not exist. `row` stands at the row, its
  // name first.
  void each(const std::function<void(Statement& row, const Edge* edge)>& visit) {
    Statement row = connection_.prepare(query_);
    const int width = row.column_count() / 2;
    while (row.step()) {
      if (row.is_null(width)) {
        visit(row, nullptr);
        continue;
      }
      const Edge edge{id(row, 0, width), id(row, width, width)};
      visit(row, &edge);
    }
  }

  bool has_rowid() const { return !table_.without_rowid; }
  std::string name(Statement& row) const { return row_name(table_, row); }

 private:
  std::uint64_t id(Statement& row, int first, int width) const {
    if (has_rowid()) return static_cast<std::uint64_t>(row.integer(first));
    Checksum64Stream hash;
    for (int column = first; column < first + width; column++) {
      const auto type = static_cast<std::byte>(row.type(column));
      const Bytes bytes = row.bytes(column);
      const std::uint64_t size = bytes.size();
      hash.add({&type, 1});
      hash.add(std::as_bytes(std::span(&size, 1)));
      hash.add(bytes);
    }
    return hash.value();
  }

  Connection& connection_;
  const SchemaTable& table_;
  std::string name_columns_, query_;
};

struct Walk {
  std::vector<Edge> edges;           // by row
  std::vector<std::uint32_t> state;  // 0: not seen; else the walk that saw it first
};

std::size_t find_edge(const std::vector<Edge>& edges, std::uint64_t row) {
  const auto at = std::ranges::lower_bound(edges, row, {}, &Edge::row);
  return at != edges.end() && at->row == row ? static_cast<std::size_t>(at - edges.begin()) : edges.size();
}

// The cycles' rows, each from its lowest on. Each edge is walked once: who meets an earlier walk stops, who
// meets its own has found a cycle.
std::vector<std::vector<std::uint64_t>> find_cycles(Walk walk, std::size_t most_shown, std::uint64_t& count) {
  std::vector<std::vector<std::uint64_t>> cycles;
  walk.state.assign(walk.edges.size(), 0);
  std::uint32_t number = 0;
  for (std::size_t start = 0; start < walk.edges.size(); start++) {
    if (walk.state[start] != 0) continue;
    number++;
    std::size_t at = start;
    while (at < walk.edges.size() && walk.state[at] == 0) {
      walk.state[at] = number;
      at = find_edge(walk.edges, walk.edges[at].parent);
    }
    if (at == walk.edges.size() || walk.state[at] != number) continue;
    if (++count > most_shown) continue;
    std::vector<std::uint64_t> rows;
    const std::size_t first = at;
    do {
      rows.push_back(walk.edges[at].row);
      at = find_edge(walk.edges, walk.edges[at].parent);
    } while (at != first);
    std::ranges::rotate(rows, std::ranges::min_element(rows));
    cycles.push_back(std::move(rows));
  }
  return cycles;
}

// Only hashes are known of rows without a rowid: their names are read again.
std::map<std::uint64_t, std::string> names_of(Hierarchy& hierarchy,
                                              const std::vector<std::vector<std::uint64_t>>& cycles,
                                              std::size_t rows_named) {
  std::map<std::uint64_t, std::string> names;
  for (const auto& cycle : cycles) {
    for (const std::uint64_t row : cycle) {
      if (names.size() >= rows_named * rows_named) break;
      names.emplace(row, hierarchy.has_rowid() ? std::to_string(static_cast<std::int64_t>(row)) : "");
    }
  }
  if (hierarchy.has_rowid() || names.empty()) return names;
  hierarchy.each([&](Statement& row, const Edge* edge) {
    const auto wanted = edge != nullptr ? names.find(edge->row) : names.end();
    if (wanted != names.end()) wanted->second = hierarchy.name(row);
  });
  return names;
}

void take_cycles(Hierarchy& hierarchy, std::vector<Edge> edges, const HierarchyOptions& options,
                 HierarchyResult& result) {
  std::ranges::sort(edges);
  const auto cycles = find_cycles({std::move(edges), {}}, options.rows_named, result.cycles);
  const auto names = names_of(hierarchy, cycles, options.rows_named);
  for (const auto& rows : cycles) {
    HierarchyCycle cycle{.rows = rows.size()};
    for (const std::uint64_t row : rows) {
      if (cycle.path.size() >= options.rows_named || !names.contains(row)) break;
      cycle.path.push_back(names.at(row));
    }
    result.shown.push_back(std::move(cycle));
  }
}

// Orphans and, where there may be one, the edges for the search of cycles.
void check_one(Hierarchy& hierarchy, const HierarchyOptions& options, HierarchyResult& result) {
  bool upwards = !hierarchy.has_rowid();
  std::uint64_t edges = 0;
  hierarchy.each([&](Statement& row, const Edge* edge) {
    if (edge == nullptr) {
      result.orphans++;
      if (result.orphan_rows.size() < options.rows_named) result.orphan_rows.push_back(hierarchy.name(row));
      return;
    }
    edges++;
    upwards |= static_cast<std::int64_t>(edge->parent) >= static_cast<std::int64_t>(edge->row);
  });
  if (!upwards) return;
  if (edges > options.most_edges) {
    result.unchecked =
        fmt::format("{} rows point at others, more than the {} held in memory", edges, options.most_edges);
    return;
  }
  std::vector<Edge> all;
  all.reserve(edges);
  hierarchy.each([&all](Statement&, const Edge* edge) {
    if (edge != nullptr) all.push_back(*edge);
  });
  take_cycles(hierarchy, std::move(all), options, result);
}

std::string path_text(const HierarchyCycle& cycle) {
  const bool all = cycle.path.size() == cycle.rows;
  return fmt::format("{} -> {}", fmt::join(cycle.path, " -> "),
                     all && !cycle.path.empty() ? cycle.path[0] : "…");
}

Finding finding_of(const HierarchyResult& result, const std::string& database, std::string id,
                   Severity severity) {
  return {.id = std::move(id),
          .severity = severity,
          .database = database,
          .object = fmt::format("{}({})", result.table, result.columns)};
}

}  // namespace

std::vector<HierarchyResult> check_hierarchies(Connection& connection, const SchemaMap& map,
                                               const HierarchyOptions& options) {
  std::vector<HierarchyResult> results;
  for (const SchemaTable& table : map.tables) {
    for (const SchemaForeignKey& key : table.foreign_keys) {
      const ParentKey parent = find_parent_key(map, key);
      const bool has_key = parent.kind == ParentKey::Kind::kRowid || parent.kind == ParentKey::Kind::kIndex;
      if (parent.table != &table || !has_key) continue;
      HierarchyResult& result = results.emplace_back();
      result.table = table.name;
      result.columns = key_columns_text(table, key);
      if (row_name_columns(table, "c").empty()) {
        result.unchecked = "columns have taken all names of its rowid";
        continue;
      }
      try {
        Hierarchy hierarchy(connection, table, key, parent);
        check_one(hierarchy, options, result);
      } catch (const Error& error) {
        result.unchecked = error.what();
      }
    }
  }
  return results;
}

std::vector<Finding> hierarchy_findings(const std::vector<HierarchyResult>& results,
                                        const std::string& database, HierarchyOrphans orphans) {
  std::vector<Finding> findings;
  for (const HierarchyResult& result : results) {
    if (!result.unchecked.empty()) {
      Finding finding = finding_of(result, database, "hierarchy.unchecked", Severity::kInfo);
      finding.meaning = "not checked: " + result.unchecked;
      findings.push_back(std::move(finding));
    }
    if (result.orphans > 0 && orphans == HierarchyOrphans::kGive) {
      Finding finding = finding_of(result, database, "hierarchy.orphans", Severity::kCritical);
      const bool all = result.orphans == result.orphan_rows.size();
      finding.figures = {
          {"orphans", static_cast<std::int64_t>(result.orphans)},
          {"rows", fmt::format("{}{}", fmt::join(result.orphan_rows, ", "), all ? "" : ", …")}};
      finding.meaning = fmt::format("rows of {} have a parent that does not exist", result.table);
      finding.remedy = fmt::format("litewright maintain {} orphans --table {}", shell_quoted(database),
                                   shell_quoted(result.table));
      findings.push_back(std::move(finding));
    }
    for (const HierarchyCycle& cycle : result.shown) {
      Finding finding = finding_of(result, database, "hierarchy.cycle", Severity::kWarning);
      finding.figures = {{"rows", static_cast<std::int64_t>(cycle.rows)}, {"path", path_text(cycle)}};
      finding.meaning = fmt::format(
          "rows of {} are their own ancestors: whoever follows {} upwards never comes to an end; give one of "
          "them another parent",
          result.table, result.columns);
      findings.push_back(std::move(finding));
    }
  }
  return findings;
}

}  // namespace litewright

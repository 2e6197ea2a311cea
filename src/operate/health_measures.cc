// The steps that measure: sizes, free pages, the disk, the clock, settings, indexes, statistics, engines.
#include <fmt/format.h>

#include <algorithm>
#include <initializer_list>

#include "base/shell_words.h"
#include "check/index_audit.h"
#include "operate/file_figures.h"
#include "operate/health_context.h"
#include "operate/health_memory.h"

namespace litewright {
namespace {

constexpr std::uint64_t kLeastFreeBytes = 1 << 20;  // free pages below it are not worth a VACUUM
constexpr std::uint64_t kLargeWithoutStatistics = 100
                                                  << 20;  // from here on the planner's guesses cost seconds

std::int64_t seconds_of(WallTime time) {
  return std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count();
}

std::int64_t last_written(const std::string& path) { return seconds_of(look_at_files(path).written); }

// `names` of what stat(2) tells.
void take_file_figures(HealthContext& context, std::initializer_list<std::string_view> names) {
  const MeasuredFigures figures = measured(look_at_files(context.request.path), context.clock.wall());
  for (const std::string_view name : names) {
    const auto figure = figures.find(name);
    if (figure != figures.end()) context.report.figures[std::string(name)] = figure->second;
  }
}

// FNV-1a over all rows; empty where ANALYZE never ran.
std::string statistics_fingerprint(Connection& connection) {
  std::uint64_t hash = 14695981039346656037u;
  bool any = false;
  Statement rows = connection.prepare("SELECT tbl, idx, stat FROM sqlite_stat1 ORDER BY rowid");
  while (rows.step()) {
    any = true;
    for (int column = 0; column < 3; column++) {
      for (const char c : rows.text(column) + "\n")
        hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211u;
    }
  }
  return any ? fmt::format("{:016x}", hash) : "";
}

void age_of_statistics(HealthContext& context, const std::string& fingerprint) {
  // Of empty tables there are none, and nothing remembers since when they are as they are.
  if (fingerprint.empty() || context.request.state_folder.empty()) return;
  const std::int64_t now = seconds_of(context.clock.wall());
  HealthMemory memory = read_health_memory(context.request.state_folder, context.request.path);
  if (memory.statistics != fingerprint) {
    memory.statistics = fingerprint;
    memory.statistics_since = now;
    write_health_memory(context.request.state_folder, context.request.path, memory);
  }
  const bool written_since = last_written(context.request.path) > memory.statistics_since;
  context.report.figures["analyze-age"] =
      written_since ? static_cast<double>(now - memory.statistics_since) : 0;
}

}  // namespace

void measure_size(HealthContext& context) {
  const DatabaseStats& stats = context.statistics();
  const auto bytes = static_cast<double>(stats.pages * stats.page_size);
  context.report.figures["size"] = bytes;
  context.report.figures["size-min"] = bytes;
}

void measure_wal(HealthContext& context) { take_file_figures(context, {"wal"}); }

void measure_free_pages(HealthContext& context) {
  const DatabaseStats& stats = context.statistics();
  const bool worth_it = stats.free_pages * stats.page_size >= kLeastFreeBytes;
  const double share =
      stats.pages == 0 ? 0 : 100.0 * static_cast<double>(stats.free_pages) / static_cast<double>(stats.pages);
  context.report.figures["free-pages"] = worth_it ? share : 0;
}

void measure_disk(HealthContext& context) {
  const DiskSpace space = disk_space(context.request.path);
  if (space.all == 0) throw StepSkipped{"the disk can't be asked"};
  take_file_figures(context, {"free-disk", "disk-used"});
  const auto left =
      disk_trend(context.request.state_folder, context.request.path, space, context.clock.wall());
  if (left) context.report.figures["disk-full-in"] = *left;
}

void measure_clock(HealthContext& context) { take_file_figures(context, {"clock-ahead"}); }

void look_at_settings(HealthContext& context) {
  const DatabaseStats& stats = context.statistics();
  const auto& expected = context.request.journal_mode;
  if (expected && *expected != stats.journal_mode) {
    context.add({.id = "settings.journal_mode",
                 .severity = Severity::kWarning,
                 .figures = {{"journal_mode", stats.journal_mode}, {"expected", *expected}},
                 .meaning = "the journal mode is not what it should be"});
  } else if (!expected && stats.journal_mode != "wal") {
    context.add(
        {.id = "settings.journal_mode",
         .severity = Severity::kInfo,
         .figures = {{"journal_mode", stats.journal_mode}},
         .meaning = "not in WAL mode: a writer keeps readers out while it commits, and readers a writer"});
  }
  if (stats.page_size < 4096) {
    context.add({.id = "settings.page_size",
                 .severity = Severity::kInfo,
                 .figures = {{"page_size_bytes", std::int64_t{stats.page_size}}},
                 .meaning = "pages are smaller than the disk's blocks: 4096 is read and written as fast"});
  }
  if (stats.auto_vacuum == 1) {
    context.add(
        {.id = "settings.auto_vacuum",
         .severity = Severity::kInfo,
         .meaning = "auto_vacuum=FULL moves pages at every commit that frees some, and fragments the file"});
  }
}

void look_at_indexes(HealthContext& context) {
  for (Finding& finding : audit_indexes(context.schema_map(), context.report.database)) {
    context.report.findings.push_back(std::move(finding));
  }
}

void look_at_statistics(HealthContext& context) {
  const SchemaMap& map = context.schema_map();
  const bool analyzed = map.table("sqlite_stat1") != nullptr;
  const auto has_index = [](const SchemaTable& table) { return !table.indexes.empty(); };
  if (!analyzed) {
    if (std::ranges::none_of(map.tables, has_index)) return;
    const DatabaseStats& stats = context.statistics();
    const std::uint64_t bytes = stats.pages * stats.page_size;
    context.add({.id = "statistics.missing",
                 .severity = bytes >= kLargeWithoutStatistics ? Severity::kWarning : Severity::kInfo,
                 .figures = {{"size_bytes", static_cast<std::int64_t>(bytes)}},
                 .meaning = "ANALYZE never ran: the planner guesses how selective each index is",
                 .remedy = "litewright maintain " + shell_quoted(context.request.display) + " analyze"});
    return;
  }
  age_of_statistics(context, statistics_fingerprint(context.connection()));
}

}  // namespace litewright

// litewright stats: sizes, pages, the WAL, commits a second.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/time_text.h"
#include "cli/archive_place.h"
#include "cli/commands.h"
#include "cli/look_output.h"
#include "operate/database_stats.h"

namespace litewright {
namespace {

constexpr const char* kAutoVacuum[] = {"none", "full", "incremental"};

const char* auto_vacuum_name(int mode) { return mode >= 0 && mode <= 2 ? kAutoVacuum[mode] : "unknown"; }

void print_text(Output& output, const std::string& name, const DatabaseStats& stats) {
  const auto row = [&output](const char* label, const std::string& text) {
    output.line(fmt::format("{:<16}{}", label, text));
  };
  row("database", name);
  row("size", fmt::format("{} ({} pages of {} bytes)", format_size(stats.pages * stats.page_size),
                          stats.pages, stats.page_size));
  const double free_share =
      stats.pages == 0 ? 0 : 100.0 * static_cast<double>(stats.free_pages) / static_cast<double>(stats.pages);
  row("free pages", fmt::format("{} ({:.1f} %, {})", stats.free_pages, free_share,
                                format_size(stats.free_pages * stats.page_size)));
  row("journal mode", stats.journal_mode);
  if (stats.wal) {
    row("WAL", fmt::format("{}, {} frames in use, {} of them copied back", format_size(stats.wal->bytes),
                           stats.wal->frames, stats.wal->backfilled));
    row("commits", fmt::format("{:.1f} a second", stats.wal->commits_per_second));
  }
  row("auto_vacuum", auto_vacuum_name(stats.auto_vacuum));
  if (stats.schema_readable) {
    row("schema", fmt::format("{} tables, {} indexes, {}", stats.tables, stats.indexes, stats.encoding));
  } else {
    row("schema", "this SQLite can't parse it (written by a newer version?)");
  }
  if (!stats.last_writer.empty()) row("last written by", "SQLite " + stats.last_writer);
}

std::string percent(double share) { return fmt::format("{:.0f} %", 100 * share); }

// A row a b-tree, the largest first.
void print_trees(Output& output, std::vector<TableLook> looks, nlohmann::ordered_json& document) {
  std::ranges::sort(looks, std::greater<>(), [](const TableLook& look) { return look.bytes.value_or(0); });
  const auto right = TextTable::Align::kRight;
  TextTable table({{.title = "NAME"},
                   {.title = "OF"},
                   {.title = "ROWS", .align = right},
                   {.title = "SIZE", .align = right},
                   {.title = "PAGES", .align = right},
                   {.title = "OVERFLOW", .align = right},
                   {.title = "DEPTH", .align = right},
                   {.title = "FILL", .align = right}});
  const auto number = [](const std::optional<std::uint64_t>& value) {
    return value ? fmt::format("{}", *value) : "";
  };
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const TableLook& look : looks) {
    nlohmann::ordered_json item = {{"name", look.name}, {"kind", look.kind}, {"table", look.table}};
    if (look.rows) item["rows"] = *look.rows;
    if (look.bytes) item["bytes"] = *look.bytes;
    if (look.pages) item["pages"] = *look.pages;
    if (look.overflow_pages) item["overflow_pages"] = *look.overflow_pages;
    if (look.depth) item["depth"] = *look.depth;
    if (look.fill) item["fill"] = *look.fill;
    list.push_back(item);
    table.add({look.name, look.kind == "index" ? look.table : look.kind, number(look.rows),
               look.bytes ? format_size(*look.bytes) : "", number(look.pages), number(look.overflow_pages),
               number(look.depth), look.fill ? percent(*look.fill) : ""});
  }
  if (!table.empty()) output.table(table);
  document["trees"] = list;
}

int run_stats(const Invocation& invocation) {
  const ArchivePlace place = locate_archive(invocation, DatabaseFile::kMustExist);
  const auto watch = std::chrono::duration_cast<std::chrono::milliseconds>(
      parse_duration(invocation.value("watch-for").value_or("1s")));
  const DatabaseStats stats = read_database_stats(place.database.string(), watch);
  Output& output = invocation.session.output;
  print_text(output, place.display, stats);
  nlohmann::ordered_json document = {{"database", place.display},
                                     {"bytes", stats.pages * stats.page_size},
                                     {"page_size", stats.page_size},
                                     {"pages", stats.pages},
                                     {"free_pages", stats.free_pages},
                                     {"journal_mode", stats.journal_mode},
                                     {"auto_vacuum", auto_vacuum_name(stats.auto_vacuum)},
                                     {"last_writer", stats.last_writer},
                                     {"schema_readable", stats.schema_readable},
                                     {"tables", stats.tables},
                                     {"indexes", stats.indexes}};
  if (stats.wal) {
    document["wal"] = {{"bytes", stats.wal->bytes},
                       {"frames", stats.wal->frames},
                       {"backfilled", stats.wal->backfilled},
                       {"commits_per_second", stats.wal->commits_per_second}};
  }
  if (invocation.flag("tables")) {
    SafeReader reader(place.database.string(), invocation.session.clock,
                      {.timeout = look_timeout(invocation)});
    print_trees(output, look_at_tables(reader, LookDepth::kPages), document);
  }
  output.document(document);
  return 0;
}

}  // namespace

Command stats_command() {
  return with_database(
      {.name = "stats",
       .summary = "sizes, pages, the WAL, commits a second",
       .description =
           "Looks at the header and the WAL index for a second; no table is read and no lock is held longer "
           "than moments. With --tables every table and index: its rows, bytes, overflow pages, depth and "
           "how full "
           "its pages are; that reads the whole database.",
       .options =
           {{.name = "watch-for", .value = "TIME", .help = "how long commits are counted (default 1s)"},
            {.name = "tables", .help = "every table and index too"},
            {.name = "timeout", .value = "TIME", .help = "with --tables: how long it may take (default 1m)"}},
       .examples = {{"litewright stats app.db", "how large, how full, how busy"},
                    {"litewright stats app.db --tables --watch-for 0s", "what takes the room"}},
       .run = run_stats});
}

}  // namespace litewright

// litewright stats: sizes, pages, the WAL, commits a second.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/time_text.h"
#include "cli/archive_place.h"
#include "cli/commands.h"
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
           "than moments.",
       .options = {{.name = "watch-for",
                    .value = "TIME",
                    .help = "how long commits are counted (default 1s)"}},
       .examples = {{"litewright stats app.db", "how large, how full, how busy"}},
       .run = run_stats});
}

}  // namespace litewright

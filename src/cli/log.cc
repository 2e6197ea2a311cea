// litewright log: an archive's timeline.
#include <fmt/format.h>

#include <map>
#include <nlohmann/json.hpp>
#include <ranges>

#include "archive/catalogue.h"
#include "base/error.h"
#include "base/time_text.h"
#include "cli/archive_place.h"
#include "cli/commands.h"

namespace litewright {
namespace {

constexpr std::size_t kShownCommits = 20;

struct TimelineRow {
  CommitRecord commit;
  std::uint32_t epoch = 1;
  std::uint32_t page_size = 0;
  std::vector<std::string> names;
};

// Newest last. Without `all` only the last few commits, and every named one; the segments in between are not
// read.
std::vector<TimelineRow> read_timeline(const ObjectStore& store, const Catalogue& catalogue, bool all) {
  std::multimap<Txid, std::string> names;
  for (const NamedPoint& point : catalogue.points) names.emplace(point.txid, point.name);
  const auto line = catalogue.line();
  std::size_t left = all ? ~std::size_t{0} : kShownCommits;
  std::vector<TimelineRow> rows;
  Txid below(~std::uint64_t{0});  // commits that a later segment of the line has too are not shown twice
  for (const SegmentEntry* entry : line | std::views::reverse) {
    const auto named = names.upper_bound(entry->start());
    const bool has_name = named != names.end() && entry->spans(named->first);
    if (left == 0 && !has_name) continue;
    const std::vector<CommitRecord> commits = Segment(store, entry->name).commits();
    for (const CommitRecord& commit : commits | std::views::reverse) {
      if (commit.txid >= below) continue;
      below = commit.txid;
      TimelineRow row{commit, entry->header.epoch, entry->header.page_size, {}};
      for (auto [name, end] = names.equal_range(commit.txid); name != end; ++name)
        row.names.push_back(name->second);
      if (left == 0 && row.names.empty()) continue;
      if (left > 0) left--;
      rows.push_back(std::move(row));
    }
  }
  std::reverse(rows.begin(), rows.end());
  return rows;
}

nlohmann::ordered_json row_document(const TimelineRow& row) {
  nlohmann::ordered_json document = {{"txid", row.commit.txid.value},
                                     {"time", format_utc_time(row.commit.seen_at)},
                                     {"pages", row.commit.page_count},
                                     {"checksum", row.commit.checksum.hex()},
                                     {"epoch", row.epoch},
                                     {"reconciled", row.commit.reconciled}};
  if (row.commit.reconciled) document["gap_since"] = format_utc_time(row.commit.gap_since);
  if (!row.names.empty()) document["names"] = row.names;
  return document;
}

std::string remark(const TimelineRow& row) {
  std::string text;
  for (const std::string& name : row.names) text += (text.empty() ? "" : ", ") + name;
  if (row.commit.reconciled) {
    text += fmt::format("{}gap, reconciled: not followed since {}", text.empty() ? "" : "; ",
                        format_local_time(row.commit.gap_since));
  }
  return text;
}

void print_text(Output& output, const ArchivePlace& place, const Catalogue& catalogue,
                const std::vector<TimelineRow>& rows) {
  TextTable table(
      {{"commit", TextTable::Align::kRight}, {"seen"}, {"size", TextTable::Align::kRight}, {"epoch"}, {""}});
  for (const TimelineRow& row : rows) {
    table.add({std::to_string(row.commit.txid.value),
               format_local_time(row.commit.seen_at, Precision::kMilliseconds),
               format_size(std::uint64_t{row.commit.page_count} * row.page_size), std::to_string(row.epoch),
               remark(row)});
  }
  output.table(table);
  const auto oldest = catalogue.oldest();
  const auto newest = catalogue.newest();
  if (oldest && newest) {
    output.line(fmt::format("every commit from {} ({}) to {} ({}) can be restored", oldest->txid.value,
                            format_local_time(oldest->seen_at), newest->txid.value,
                            format_local_time(newest->seen_at)));
  }
  for (const MissingRange& gap : catalogue.missing()) {
    output.line(output.paint(Ink::kRed, "missing: ") +
                fmt::format("commits {} to {}", gap.base.value + 1, gap.last.value));
  }
  for (const BadObject& bad : catalogue.bad_objects) {
    output.line(output.paint(Ink::kRed, "damaged: ") + bad.name + ": " + bad.reason);
  }
  output.line(fmt::format("archive: {}, {} segments", place.store->describe(), catalogue.segments.size()));
}

int run_log(const Invocation& invocation) {
  const ArchivePlace place = locate_archive(invocation, DatabaseFile::kMayBeMissing);
  require_archive(place);
  const Catalogue catalogue = Catalogue::load(*place.store);
  const std::vector<TimelineRow> rows = read_timeline(*place.store, catalogue, invocation.flag("all"));
  Output& output = invocation.session.output;
  print_text(output, place, catalogue, rows);
  nlohmann::ordered_json commits = nlohmann::ordered_json::array();
  for (const TimelineRow& row : rows) commits.push_back(row_document(row));
  nlohmann::ordered_json missing = nlohmann::ordered_json::array();
  for (const MissingRange& gap : catalogue.missing()) {
    missing.push_back({{"first", gap.base.value + 1}, {"last", gap.last.value}});
  }
  std::uint64_t bytes = 0;
  for (const SegmentEntry& entry : catalogue.segments) bytes += entry.size;
  output.document({{"archive", place.store->describe()},
                   {"id", catalogue.identity ? catalogue.identity->id : ""},
                   {"commits", commits},
                   {"missing", missing},
                   {"damaged", catalogue.bad_objects.size()},
                   {"segments", catalogue.segments.size()},
                   {"bytes", bytes}});
  return catalogue.missing().empty() && catalogue.bad_objects.empty() ? 0
                                                                      : static_cast<int>(ErrorCode::kDamaged);
}

}  // namespace

Command log_command() {
  return with_database(
      {.name = "log",
       .summary = "the timeline: which commits can be restored",
       .description =
           "The last commits, the points named by hand, gaps and damage. Each row's number is what "
           "litewright restore --tx takes.",
       .options = {{.name = "all", .help = "every commit, not only the last 20"}},
       .examples = {{"litewright log app.db", "the last commits"},
                    {"litewright log app.db --all --json", "all of them, for a program"}},
       .exit_statuses = {{65, "commits are missing or objects are damaged"}},
       .run = run_log});
}

}  // namespace litewright

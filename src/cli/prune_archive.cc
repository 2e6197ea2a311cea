// litewright prune DB: restore points of an archive that the keep rules let go.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "archive/owner.h"
#include "archive/retention_request.h"
#include "archive/state_folder.h"
#include "base/error.h"
#include "base/time_text.h"
#include "cli/archive_place.h"
#include "cli/commands.h"
#include "cli/prune_archive.h"

namespace litewright {
namespace {

using nlohmann::ordered_json;

constexpr std::size_t kShownRanges = 20;
constexpr std::chrono::hours kOwnerMayTake{24};

// An estimate: versions are spread over the commits as they come.
std::uint64_t estimated_bytes(const Catalogue& catalogue, const PointSelection& selection) {
  std::uint64_t bytes = 0;
  for (const SegmentEntry* entry : catalogue.line()) {
    const std::uint64_t points = std::max<std::uint64_t>(1, entry->commits);
    const std::uint64_t kept = std::min(points, selection.kept(entry->start(), entry->last.txid));
    const double share = entry->is_snapshot() ? 1 : static_cast<double>(kept) / static_cast<double>(points);
    bytes += static_cast<std::uint64_t>(static_cast<double>(entry->size) * share);
  }
  return bytes;
}

// As pruning would go on, the oldest first, till the rest fits.
std::uint64_t drop_for_space(const Catalogue& catalogue, std::uint64_t max_bytes, PointSelection& selection) {
  std::uint64_t dropped = 0;
  for (const SegmentEntry* entry : catalogue.line()) {
    if (estimated_bytes(catalogue, selection) <= max_bytes) break;
    dropped += selection.drop_before(entry->last.txid.next());
  }
  return dropped;
}

std::string reason_text(KeepReason reason) {
  return reason == KeepReason::kAll ? "no rule lets it go" : std::string(keep_reason_name(reason));
}

std::string shown(const CommitRecord& commit) {
  return fmt::format("{} ({})", commit.txid.value, format_local_time(commit.seen_at));
}

ordered_json commit_json(const CommitRecord& commit) {
  return {{"txid", commit.txid.value}, {"time", format_utc_time(commit.seen_at)}};
}

void print_kept(Output& output, const PointSelection& selection) {
  TextTable table({{"stays by"}, {"points", TextTable::Align::kRight}, {"oldest"}, {"newest"}});
  for (std::size_t i = 1; i < kKeepReasons; ++i) {
    const KeptPoints& kept = selection.kept_for(static_cast<KeepReason>(i));
    if (kept.points == 0) continue;
    table.add({reason_text(static_cast<KeepReason>(i)), std::to_string(kept.points), shown(*kept.oldest),
               shown(*kept.newest)});
  }
  if (!table.empty()) output.table(table);
}

void print_going(Output& output, const PointSelection& selection, bool dry_run) {
  const std::uint64_t going = selection.points() - selection.kept();
  if (going == 0) return output.line("nothing goes by the rules");
  output.line(fmt::format("{} restore points {}, and can no longer be restored then:", going,
                          dry_run ? "would go" : "go"));
  std::uint64_t told = 0;
  for (std::size_t i = 0; i < std::min(kShownRanges, selection.dropped().size()); ++i) {
    const DroppedRange& range = selection.dropped()[i];
    told += range.points;
    output.line(range.points == 1
                    ? fmt::format("  {}", shown(range.first))
                    : fmt::format("  {} to {}: {}", shown(range.first), shown(range.last), range.points));
  }
  if (told < going) output.line(fmt::format("  and {} older ones (--json tells more)", going - told));
}

ordered_json selection_json(const PointSelection& selection) {
  ordered_json kept = ordered_json::array();
  for (std::size_t i = 1; i < kKeepReasons; ++i) {
    const auto reason = static_cast<KeepReason>(i);
    const KeptPoints& points = selection.kept_for(reason);
    if (points.points == 0) continue;
    kept.push_back({{"by", reason == KeepReason::kAll ? "all" : keep_reason_name(reason)},
                    {"points", points.points},
                    {"oldest", commit_json(*points.oldest)},
                    {"newest", commit_json(*points.newest)}});
  }
  ordered_json going = ordered_json::array();
  for (const DroppedRange& range : selection.dropped()) {
    going.push_back(
        {{"first", commit_json(range.first)}, {"last", commit_json(range.last)}, {"points", range.points}});
  }
  return {{"kept_by", kept}, {"going", going}, {"going_untold", selection.dropped_untold()}};
}

// By the owner, beside its work; by ourselves where there is none.
PruneResult prune_now(const Invocation& invocation, const ArchivePlace& place, const KeepRules& rules,
                      WallTime now) {
  if (auto owner = OwnerClient::connect(*place.store)) {
    return parse_prune_result(owner->ask(
        {{"op", "prune"}, {"now", now.time_since_epoch().count()}, {"rules", keep_rules_json(rules)}},
        kOwnerMayTake));
  }
  const Session& session = invocation.session;
  const Ownership ownership(*place.store, session.clock, state_folder(session.environment), 0);
  RetentionWork work;
  work.fence = ownership.fence();
  return prune_archive(*place.store, rules, now, work);
}

PruneResult estimate(const Catalogue& catalogue, const KeepRules& rules, PointSelection& selection) {
  PruneResult result;
  result.points_before = selection.points();
  result.objects_before = result.objects_after =
      catalogue.segments.size() + catalogue.retired_segments.size();
  result.bytes_before = segment_bytes(catalogue);
  if (rules.max_bytes) result.dropped_for_space = drop_for_space(catalogue, *rules.max_bytes, selection);
  result.points_after = selection.kept();
  result.bytes_after = std::min(result.bytes_before, estimated_bytes(catalogue, selection));
  result.over_max_bytes = rules.max_bytes && result.bytes_after > *rules.max_bytes;
  return result;
}

void print_result(Output& output, const PruneResult& result, const KeepRules& rules, bool dry_run) {
  if (result.dropped_for_space > 0) {
    output.line(fmt::format("--max-bytes {}: {}{} of the oldest restore points {} too",
                            format_size(*rules.max_bytes), dry_run ? "about " : "", result.dropped_for_space,
                            dry_run ? "would go" : "went"));
  }
  output.line(fmt::format("{} of {} restore points {}, {}{} of {}", result.points_after, result.points_before,
                          dry_run ? "would stay" : "stay", dry_run ? "about " : "",
                          format_size(result.bytes_after), format_size(result.bytes_before)));
  if (result.over_max_bytes) {
    output.note(fmt::format("what must stay is larger than --max-bytes {}: {}", format_size(*rules.max_bytes),
                            format_size(result.bytes_after)));
  }
  for (const std::string& trouble : result.tally.troubles) output.note("left as it is: " + trouble);
}

}  // namespace

int run_prune_archive(const Invocation& invocation) {
  const ArchivePlace place = locate_archive(invocation, DatabaseFile::kMayBeMissing);
  require_archive(place);
  Output& output = invocation.session.output;
  const bool dry_run = invocation.flag("dry-run");
  const KeepRules rules = archive_keep_rules(invocation, place);
  const WallTime now = invocation.session.clock.wall();
  ordered_json points = ordered_json::array();
  const auto note_point = [&](const CommitRecord& commit, KeepReason reason) {
    if (reason == KeepReason::kNone) return;
    ordered_json point = commit_json(commit);
    point["by"] = reason == KeepReason::kAll ? "all" : keep_reason_name(reason);
    points.push_back(std::move(point));
  };
  const Catalogue catalogue = Catalogue::load(*place.store);
  const bool list = invocation.flag("points");
  PointSelection selection =
      select_points(*place.store, catalogue, rules, now, system_local_offset,
                    list ? note_point : std::function<void(const CommitRecord&, KeepReason)>());
  output.line("rules: " + describe(rules));
  print_kept(output, selection);
  if (list && !output.json()) {
    for (const ordered_json& point : points)
      output.line(fmt::format("  {}  {}  {}", point["txid"].get<std::uint64_t>(),
                              point["time"].get<std::string>(), point["by"].get<std::string>()));
  }
  print_going(output, selection, dry_run);
  output.flush();
  ordered_json document = {
      {"archive", place.store->describe()}, {"dry_run", dry_run}, {"rules", describe(rules)}};
  document.update(selection_json(selection));
  const PruneResult result =
      dry_run ? estimate(catalogue, rules, selection) : prune_now(invocation, place, rules, now);
  print_result(output, result, rules, dry_run);
  document.update(ordered_json(prune_result_json(result)));
  if (list) document["points"] = points;
  output.document(document);
  return result.over_max_bytes || !result.tally.troubles.empty() ? 1 : 0;
}

}  // namespace litewright

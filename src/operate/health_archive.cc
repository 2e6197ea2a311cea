// The steps that ask the archive: how old the backup is, when a restore was last proven, what rotted.
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>

#include "archive/bit_rot.h"
#include "archive/catalogue.h"
#include "operate/health_context.h"

namespace litewright {
namespace {

// Between a write and the moment at which its commit was seen.
constexpr double kSeenLate = 2.0;

double seconds_between(WallTime from, WallTime to) {
  return std::chrono::duration<double>(to - from).count();
}

WallTime newest_write(const std::string& path) {
  WallTime newest{};
  for (const char* suffix : {"", "-wal"}) {
    struct stat status{};
    if (::stat((path + suffix).c_str(), &status) != 0 || (*suffix != 0 && status.st_size == 0)) continue;
    const auto written =
        std::chrono::seconds(status.st_mtim.tv_sec) + std::chrono::nanoseconds(status.st_mtim.tv_nsec);
    newest = std::max(newest, WallTime(written));
  }
  return newest;
}

void look_at_damage(HealthContext& context, const Catalogue& catalogue) {
  for (const BadObject& object : catalogue.bad_objects) {
    context.add({.id = "archive.damaged",
                 .severity = Severity::kCritical,
                 .object = object.name,
                 .meaning = "an object of the archive is damaged: " + object.reason,
                 .remedy = "litewright verify " + context.request.display});
  }
  for (const MissingRange& range : catalogue.missing()) {
    context.add({.id = "archive.gap",
                 .severity = Severity::kWarning,
                 .figures = {{"first", static_cast<std::int64_t>(range.base.value + 1)},
                             {"last", static_cast<std::int64_t>(range.last.value)}},
                 .meaning = "commits are missing from the archive",
                 .remedy = "litewright log " + context.request.display});
  }
}

}  // namespace

void look_at_archive(HealthContext& context) {
  const ObjectStore* store = context.request.archive;
  const bool any = store != nullptr && !store->list("segments/").empty();
  if (!any) {
    context.add({.id = "archive.none",
                 .severity = Severity::kInfo,
                 .meaning = "nothing is archived: no state of this database can be had back",
                 .remedy = "litewright protect " + context.request.display});
    return;
  }
  const Catalogue catalogue = Catalogue::load(*store);
  look_at_damage(context, catalogue);
  const WallTime now = context.clock.wall();
  if (const auto newest = catalogue.newest()) {
    const bool behind = seconds_between(newest->seen_at, newest_write(context.request.path)) > kSeenLate;
    context.report.figures["backup-age"] = behind ? std::max(0.0, seconds_between(newest->seen_at, now)) : 0;
  }
  const RestoreProof* proof = catalogue.newest_proof();
  if (proof != nullptr) {
    context.report.figures["proof-age"] = std::max(0.0, seconds_between(proof->proven_at, now));
  } else if (catalogue.identity) {
    context.report.figures["proof-age"] = std::max(0.0, seconds_between(catalogue.identity->created, now));
  }
}

void look_for_bit_rot(HealthContext& context) {
  const ObjectStore* store = context.request.archive;
  if (store == nullptr || store->list("segments/").empty()) throw StepSkipped{"no archive to compare with"};
  if (context.request.state_folder.empty()) throw StepSkipped{"no state folder"};
  PageSnapshot& pages = context.pages();
  const BitRotReport report = look_for_rot(*store, Catalogue::load(*store), pages,
                                           newest_write(context.request.path), context.request.state_folder);
  const std::uint32_t page_size = pages.page_size();
  context.drop_pages();
  if (!report.not_compared.empty()) throw StepSkipped{report.not_compared};
  for (Finding& finding : bit_rot_findings(report, page_size, context.report.database)) {
    context.report.findings.push_back(std::move(finding));
  }
}

}  // namespace litewright

// The steps that ask the archive: how old the backup is, when a restore was last proven, what rotted.

#include "archive/bit_rot.h"
#include "archive/catalogue.h"
#include "operate/file_figures.h"
#include "operate/health_context.h"

namespace litewright {
namespace {

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
    context.report.figures["backup-age"] =
        backup_age(newest->seen_at, look_at_files(context.request.path).written, now);
  }
  const RestoreProof* proof = catalogue.newest_proof();
  if (proof != nullptr) {
    context.report.figures["proof-age"] = age_seconds(proof->proven_at, now);
  } else if (catalogue.identity) {
    context.report.figures["proof-age"] = age_seconds(catalogue.identity->created, now);
  }
}

void look_for_bit_rot(HealthContext& context) {
  const ObjectStore* store = context.request.archive;
  if (store == nullptr || store->list("segments/").empty()) throw StepSkipped{"no archive to compare with"};
  if (context.request.state_folder.empty()) throw StepSkipped{"no state folder"};
  PageSnapshot& pages = context.pages();
  const BitRotReport report =
      look_for_rot(*store, Catalogue::load(*store), pages, look_at_files(context.request.path).written,
                   context.request.state_folder);
  const std::uint32_t page_size = pages.page_size();
  context.drop_pages();
  if (!report.not_compared.empty()) throw StepSkipped{report.not_compared};
  for (Finding& finding : bit_rot_findings(report, page_size, context.report.database)) {
    context.report.findings.push_back(std::move(finding));
  }
}

}  // namespace litewright

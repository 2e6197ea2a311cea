// The steps that ask the archive: how old the backup is, when a restore was last proven, what rotted.

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "archive/archive_spool.h"
#include "archive/bit_rot.h"
#include "archive/catalogue.h"
#include "archive/owner.h"
#include "base/shell_words.h"
#include "operate/file_figures.h"
#include "operate/health_context.h"
#include "store/directory_store.h"

namespace litewright {
namespace {

void look_at_damage(HealthContext& context, const Catalogue& catalogue) {
  for (const BadObject& object : catalogue.bad_objects) {
    context.add({.id = "archive.damaged",
                 .severity = Severity::kCritical,
                 .object = object.name,
                 .meaning = "an object of the archive is damaged: " + object.reason,
                 .remedy = "litewright verify " + shell_quoted(context.request.display)});
  }
  for (const MissingRange& range : catalogue.missing()) {
    context.add({.id = "archive.gap",
                 .severity = Severity::kWarning,
                 .figures = {{"first", static_cast<std::int64_t>(range.base.value + 1)},
                             {"last", static_cast<std::int64_t>(range.last.value)}},
                 .meaning = "commits are missing from the archive",
                 .remedy = "litewright log " + shell_quoted(context.request.display)});
  }
}

// Of the archiver that runs: what the archive does not take is known to it alone.
bool ask_owner(HealthContext& context, const ObjectStore& store) {
  constexpr std::chrono::seconds kOwnerPatience{2};
  auto owner = OwnerClient::reach(store);
  if (!owner) return false;
  const nlohmann::json status = owner->ask({{"op", "status"}}, kOwnerPatience);
  if (status.value("fence", owner->owner().fence) != owner->owner().fence) return false;  // another archive's
  Finding finding = unwritable_finding(spool_status_of(status), context.request.display, store.describe());
  const auto captured = status.value("captured", std::int64_t{0});
  finding.figures.push_back(
      {"waiting_commits", std::max<std::int64_t>(0, captured - status.value("archived", captured))});
  if (finding.severity > Severity::kOk) context.add(std::move(finding));
  return true;
}

// What an archiver that ended could not put.
void look_at_spool(HealthContext& context, const ObjectStore& store, const Catalogue& catalogue) {
  if (context.request.state_folder.empty() || !catalogue.identity) return;
  const std::string folder =
      ArchiveSpool::folder(context.request.state_folder, store.describe(), catalogue.identity->id);
  std::error_code failure;
  if (!std::filesystem::exists(folder, failure)) return;
  std::uint64_t bytes = 0;
  const std::vector<ObjectInfo> waiting = DirectoryStore(folder).list("segments/");
  for (const ObjectInfo& object : waiting) bytes += object.size;
  if (waiting.empty()) return;
  context.add({.id = "archive.unwritable",
               .severity = Severity::kWarning,
               .object = store.describe(),
               .figures = {{"waiting_objects", static_cast<std::int64_t>(waiting.size())},
                           {"waiting_bytes", static_cast<std::int64_t>(bytes)}},
               .meaning = "commits wait in the spool of this machine, and no archiver runs that puts them "
                          "into the archive",
               .remedy = "litewright protect " + shell_quoted(context.request.display)});
}

}  // namespace

void look_at_archive(HealthContext& context) {
  const ObjectStore* store = context.request.archive;
  const bool any = store != nullptr && !store->list("segments/").empty();
  if (!any) {
    context.add({.id = "archive.none",
                 .severity = Severity::kInfo,
                 .meaning = "nothing is archived: no state of this database can be had back",
                 .remedy = "litewright protect " + shell_quoted(context.request.display)});
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
  if (!ask_owner(context, *store)) look_at_spool(context, *store, catalogue);
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

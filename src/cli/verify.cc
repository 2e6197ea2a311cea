// litewright verify: reads every object of an archive and says what is not as it was written.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "archive/verify.h"
#include "base/error.h"
#include "base/progress.h"
#include "base/time_text.h"
#include "cli/archive_place.h"
#include "cli/commands.h"

namespace litewright {
namespace {

void print_text(Output& output, const ArchivePlace& place, const VerifyReport& report) {
  for (const VerifyDamage& damage : report.damage) {
    const std::string lost =
        damage.first_lost.value == 0
            ? "no commit is lost"
            : fmt::format("commits {} to {} are lost", damage.first_lost.value, damage.last_lost.value);
    output.line(output.paint(Ink::kRed, "damaged  ") + damage.object + ": " + damage.what + "; " + lost);
  }
  for (const MissingRange& gap : report.missing) {
    output.line(output.paint(Ink::kRed, "missing  ") +
                fmt::format("commits {} to {}", gap.base.value + 1, gap.last.value));
  }
  output.line(fmt::format("{}: {} objects, {}, {} commits, {} page versions read{}", place.store->describe(),
                          report.objects, format_size(report.bytes), report.commits, report.page_versions,
                          report.damage.empty() && report.missing.empty() ? ": all as written" : ""));
}

int run_verify(const Invocation& invocation) {
  const ArchivePlace place = locate_archive(invocation, DatabaseFile::kMayBeMissing);
  require_archive(place);
  const Session& session = invocation.session;
  Progress progress(session.output.progress_stream(), session.clock, {.label = "verify " + place.display});
  VerifyOptions options;
  options.progress = [&progress](std::uint64_t done, std::uint64_t all) {
    progress.set_total(all);
    progress.advance(done - std::min(done, progress.done()));
  };
  const VerifyReport report = verify_archive(*place.store, options);
  progress.finish();
  print_text(session.output, place, report);
  nlohmann::ordered_json damage = nlohmann::ordered_json::array();
  for (const VerifyDamage& one : report.damage) {
    damage.push_back({{"object", one.object},
                      {"what", one.what},
                      {"first_lost", one.first_lost.value},
                      {"last_lost", one.last_lost.value}});
  }
  nlohmann::ordered_json missing = nlohmann::ordered_json::array();
  for (const MissingRange& gap : report.missing) {
    missing.push_back({{"first", gap.base.value + 1}, {"last", gap.last.value}});
  }
  session.output.document({{"archive", place.store->describe()},
                           {"objects", report.objects},
                           {"bytes", report.bytes},
                           {"commits", report.commits},
                           {"page_versions", report.page_versions},
                           {"damage", damage},
                           {"missing", missing}});
  return report.damage.empty() && report.missing.empty() ? 0 : static_cast<int>(ErrorCode::kDamaged);
}

}  // namespace

Command verify_command() {
  return with_database(
      {.name = "verify",
       .summary = "read the whole archive and prove every commit in it",
       .description =
           "Reads every object, applies every page version in order and holds each page and each commit "
           "against its recorded checksum. Damage is named with the commits that it costs.",
       .examples = {{"litewright verify app.db", "the archive beside app.db"},
                    {"litewright verify app.db --archive /backup/app",
                     "another one; app.db itself may be gone"}},
       .exit_statuses = {{65, "damage or missing commits were found"}},
       .run = run_verify});
}

}  // namespace litewright

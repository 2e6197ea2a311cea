#include "operate/restore_database.h"

#include <fmt/format.h>

#include <filesystem>

#include "base/durable_file.h"
#include "base/error.h"
#include "operate/database_placement.h"
#include "sqlite/connection.h"

namespace litewright {
namespace {

namespace fs = std::filesystem;

void check_result(const fs::path& file, const RestoreRequest& request, RestoreReport& report) {
  if (!request.in_place && !request.probe) return;
  Connection connection(file.string(), ConnectionOptions{.mode = OpenMode::kImmutable});
  if (request.in_place) {
    const std::string verdict = connection.query_text("PRAGMA quick_check(1)");
    if (verdict != "ok") {
      throw Error(ErrorCode::kDamaged, fmt::format("the restored database fails quick_check: {}", verdict),
                  "restore an earlier point: litewright log DB");
    }
    report.checked = true;
  }
  if (!request.probe) return;
  Statement probe = connection.prepare(*request.probe);
  if (!probe.step()) {
    throw Error(ErrorCode::kDamaged, fmt::format("the probe gave no row: {}", *request.probe));
  }
  report.probe_result = probe.text(0);
}

}  // namespace

RestoreReport restore_database(const ObjectStore& store, const ProcessTable& processes, const Clock& clock,
                               const RestoreRequest& request) {
  const SteadyTime began = clock.steady();
  RestoreReport report;
  report.plan = plan_restore(store, Catalogue::load(store), request.point);
  const fs::path target = resolve_target(request.target);
  report.target = target.string();
  report.bytes = std::uint64_t{report.plan.commit.page_count} * report.plan.page_size;
  std::error_code ignored;
  if (fs::is_directory(target, ignored)) {
    throw Error(ErrorCode::kUsage, report.target + " is a directory", "name the file to make: -o FILE");
  }
  if (fs::exists(target, ignored) || request.in_place) refuse_while_open(processes, target);
  if (request.dry_run) return report;

  DurableFile file(target, 0600);
  restore_pages(store, report.plan, file.fd(), request.options);
  check_result(file.temporary(), request, report);
  report.kept = put_in_place(file, target, processes, clock.wall());
  report.seconds = clock.steady() - began;
  return report;
}

}  // namespace litewright

#include "operate/restore_database.h"

#include <fcntl.h>

#include <filesystem>

#include "archive/restore_delta.h"
#include "archive/restore_estimate.h"
#include "base/durable_file.h"
#include "base/error.h"
#include "base/file_descriptor.h"
#include "base/host_name.h"
#include "operate/database_placement.h"
#include "operate/restored_check.h"

namespace litewright {

namespace fs = std::filesystem;

RestoreReport restore_database(const ObjectStore& store, const ProcessTable& processes, const Clock& clock,
                               const RestoreRequest& request) {
  const SteadyTime began = clock.steady();
  RestoreReport report;
  auto [catalogue, plan] = plan_restore_now(store, request.point);
  report.plan = std::move(plan);
  const fs::path target = resolve_target(request.target);
  report.target = target.string();
  report.bytes = std::uint64_t{report.plan.commit.page_count} * report.plan.page_size;
  report.estimate = RestoreEstimate(catalogue, host_name()).of_bytes(report.plan.bytes_to_read, report.bytes);
  std::error_code ignored;
  if (fs::is_directory(target, ignored)) {
    throw Error(ErrorCode::kUsage, report.target + " is a directory", "name the file to make: -o FILE");
  }
  if (fs::exists(target, ignored) || request.in_place) refuse_while_open(processes, target);
  if (request.dry_run) return report;

  DurableFile file(target, 0600);
  if (request.delta && fs::is_regular_file(target, ignored)) {
    const FileDescriptor present = open_file(target, O_RDONLY);
    report.pages_made =
        restore_over(store, report.plan, present.get(), file.fd(), request.options).pages_made;
  } else {
    restore_around_damage(store, catalogue, report.plan, file.fd(), request.options, report.damaged);
  }
  const RestoredVerdict verdict =
      check_restored(file.temporary(), {.quick_check = request.in_place, .probe = request.probe});
  report.probe_result = verdict.probe;
  report.checked = verdict.quick_check;
  report.not_checked = verdict.not_checked;
  report.kept = put_in_place(file, target, processes, clock.wall());
  report.seconds = clock.steady() - began;
  return report;
}

}  // namespace litewright

#include "operate/restore_drill.h"

#include "base/durable_file.h"
#include "base/error.h"
#include "base/host_name.h"
#include "operate/restored_check.h"

namespace litewright {

namespace {

// Damage is not gone around here; an object that retention replaced meanwhile is.
RestoreResult restore_planned(const ObjectStore& store, Catalogue& catalogue, const DrillRequest& request,
                              int file_descriptor, RestorePlan& plan) {
  for (int reloads = 0;; ++reloads) {
    try {
      return restore_pages(store, plan, file_descriptor, request.options);
    } catch (const Error& error) {
      const bool replaced = error.code() == ErrorCode::kNoDatabase && reloads < kMostReloads &&
                            reload_if_changed(store, catalogue, reloads);
      if (!replaced) throw;
    }
    RestorePoint same;
    same.tx = plan.commit.txid;
    plan = plan_restore(store, catalogue, same);
  }
}

}  // namespace

DrillReport drill_restore(ObjectStore& store, const Clock& clock, const DrillRequest& request) {
  DrillReport report;
  auto [catalogue, plan] = plan_restore_now(store, request.point);
  report.plan = std::move(plan);
  remove_abandoned_temporaries(request.folder);
  // Never committed: it goes with this object.
  DurableFile scratch(request.folder / "litewright-drill.db", 0600);
  const SteadyTime began = clock.steady();
  const RestoreResult restored = restore_planned(store, catalogue, request, scratch.fd(), report.plan);
  const SteadyTime proven = clock.steady();

  RestoreProof& proof = report.proof;
  proof.txid = report.plan.commit.txid;
  proof.checksum = restored.checksum;
  proof.restore_time = proven - began;
  proof.bytes = std::uint64_t{report.plan.commit.page_count} * report.plan.page_size;
  proof.bytes_read = report.plan.bytes_to_read;
  proof.host = host_name();
  proof.checks = {"checksum"};
  if (request.probe || is_plain_sqlite(scratch.temporary())) {
    const RestoredVerdict verdict =
        check_restored(scratch.temporary(), {.quick_check = true, .probe = request.probe});
    report.probe_result = verdict.probe;
    report.not_checked = verdict.not_checked;
    if (verdict.quick_check) proof.checks.emplace_back("quick_check");
    if (request.probe) proof.checks.emplace_back("probe");
  }
  report.check_time = clock.steady() - proven;
  proof.proven_at = clock.wall();
  put_proof(store, proof);
  return report;
}

}  // namespace litewright

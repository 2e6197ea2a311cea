#include "operate/restore_drill.h"

#include "base/durable_file.h"
#include "base/host_name.h"
#include "operate/restored_check.h"

namespace litewright {

DrillReport drill_restore(ObjectStore& store, const Clock& clock, const DrillRequest& request) {
  DrillReport report;
  report.plan = plan_restore(store, Catalogue::load(store), request.point);
  remove_abandoned_temporaries(request.folder);
  // Never committed: it goes with this object.
  DurableFile scratch(request.folder / "litewright-drill.db", 0600);
  const SteadyTime began = clock.steady();
  const RestoreResult restored = restore_pages(store, report.plan, scratch.fd(), request.options);
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

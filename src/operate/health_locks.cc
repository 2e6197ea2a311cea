// The steps that ask who is in the way, and by which libraries. They come before any connection of this
// process (FACTS 7): the sampler opens the files, and lets them go when it ends.
#include "base/work_limit.h"
#include "check/engine_audit.h"
#include "locks/held_locks.h"
#include "locks/lock_sampler_linux.h"
#include "locks/locks.h"
#include "operate/health_context.h"

namespace litewright {
namespace {

// Our own follower checkpoints by rules of its own (FACTS 29).
std::vector<EngineProcess> engines_of(const LockReport& locks) {
  std::vector<EngineProcess> engines;
  for (const LockHolder& holder : locks.processes) {
    if (holder.is_own_follower || !may_write(holder.process)) continue;
    EngineProcess& engine = engines.emplace_back();
    engine.name = describe(holder.process);
    for (const SqliteLibrary& library : holder.libraries) {
      engine.libraries.push_back({.file = library.file, .version = library.version});
    }
  }
  return engines;
}

}  // namespace

const LockReport& HealthContext::lock_report() {
  if (!locks) {
    const UncountedWork of_the_machine;
    LinuxLockSampler sampler(request.path, clock);
    locks = look_at_locks(request.display, sampler);
  }
  return *locks;
}

void look_at_holders(HealthContext& context) {
  const LockReport& locks = context.lock_report();
  if (locks.oldest_reader) {
    context.report.figures["reader-age"] = std::chrono::duration<double>(*locks.oldest_reader).count();
  }
  for (const Finding& finding : locks.findings) {
    if (!finding.id.starts_with("sqlite.")) context.add(finding);  // the libraries are the next step's
  }
}

void look_at_engine(HealthContext& context) {
  const std::vector<EngineProcess> engines = engines_of(context.lock_report());
  const DatabaseStats& stats = context.statistics();
  const EngineFacts facts = {
      .wal = stats.journal_mode == "wal", .last_writer = stats.last_writer, .processes = engines};
  for (Finding& finding : audit_engines(facts, context.report.database)) {
    context.report.findings.push_back(std::move(finding));
  }
}

}  // namespace litewright

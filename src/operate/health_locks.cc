// The step that asks who is in the way. It comes before any connection of this process (FACTS 7): the sampler
// opens the files, and lets them go when it ends.
#include "locks/lock_sampler_linux.h"
#include "locks/locks.h"
#include "operate/health_context.h"

namespace litewright {

void look_at_holders(HealthContext& context) {
  LockReport locks;
  {
    LinuxLockSampler sampler(context.request.path, context.clock);
    locks = look_at_locks(context.request.display, sampler);
  }
  if (locks.oldest_reader) {
    context.report.figures["reader-age"] = std::chrono::duration<double>(*locks.oldest_reader).count();
  }
  for (Finding& finding : locks.findings) context.add(std::move(finding));
}

}  // namespace litewright

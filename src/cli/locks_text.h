// What `litewright locks` shows to people.
#pragma once

#include "base/output.h"
#include "locks/lock_report.h"

namespace litewright {

// The state of the WAL in a line or two, then the processes, without the findings.
void print_locks(Output& output, const LockReport& report);

}  // namespace litewright

// A run of the history as programs read it: `litewright runs --json`, the daemon's events and its API.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "schedule/run_history.h"

namespace litewright {

// {"id", "job", "database", "due", "attempt", "began", "ended", "seconds", "result", "summary", "findings"}
// (docs/json.md); a run that goes on has neither "ended" nor "seconds".
nlohmann::ordered_json run_to_json(const RunRecord& run);

}  // namespace litewright

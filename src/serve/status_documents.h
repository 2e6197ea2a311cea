// What the board holds, as the JSON API says it (docs/openapi.json) and as health reports.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <vector>

#include "operate/health.h"
#include "serve/status_board.h"

namespace litewright {

nlohmann::ordered_json database_document(const DatabaseStatus& status);

// The figures of the last look and the open findings, as `check` reports them.
HealthReport health_of(const DatabaseStatus& status);

// Not looked at yet, not there, or not to be written: no application can work with it.
bool is_unusable(const DatabaseStatus& status);

// The one that is worst off, null where there is none: an unusable one before a critical one before a
// warning.
StatusBoard::Entry worst_of(const std::vector<StatusBoard::Entry>& databases);

}  // namespace litewright

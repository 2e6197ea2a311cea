// A health report as other programs read it: our JSON, Nagios and its kin, application/health+json,
// Prometheus.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "operate/health.h"

namespace litewright {

// The body of litewright/check/1 (docs/json.md).
nlohmann::ordered_json health_to_json(const HealthReport& report);

// "LITEWRIGHT WARNING - app.db: …|size=52428800B;500000000;1000000000 …" and a line a finding. `worst`: what
// --fail-on lets count.
std::string health_to_nagios(const HealthReport& report, Severity worst);

// draft-inadarei-api-health-check: status pass, warn or fail; `checks` keyed component:measurement.
std::string health_to_health_json(const HealthReport& report);

// Text exposition format 0.0.4: litewright_check_up, litewright_check_status, the figures, findings by
// severity.
std::string health_to_prometheus(const HealthReport& report);

}  // namespace litewright
